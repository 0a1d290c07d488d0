/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c - see report.h. */
#include "load/report.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"

static const struct percentile {
	const char	*name;
	double		 share;
} percentiles[] = {
	{ "p50", 0.5 },
	{ "p90", 0.9 },
	{ "p95", 0.95 },
	{ "p99", 0.99 },
	{ "p99.9", 0.999 },
	{ "p99.99", 0.9999 },
};

#define PERCENTILES	(sizeof percentiles / sizeof *percentiles)

/* The rows of all forms: the operations that there were, and their total. */
struct rows {
	const char		*name;
	const struct tally_op	*op;
};

static double
a_second(const struct report *report, uint64_t number)
{
	return report->seconds > 0 ? (double)number / report->seconds : 0;
}

static double
cpu_us(const struct report *report)
{
	return report->answered > 0 ?
	    report->cpu * 1e6 / (double)report->answered : 0;
}

static double
latency_us(const struct tally_op *op, double share)
{
	return (double)histogram_quantile(&op->latency, share) / 1e3;
}

/* Call for each operation that there was, and for the total. */
static void
each_row(const struct report *report, FILE *out,
    void (*put)(const struct report *, FILE *, const char *,
    const struct tally_op *))
{
	static struct tally_op total;

	for (int n = 0; n < OP_COUNT; n++) {
		const struct tally_op *op = &report->tally->ops[n];

		if (op->requests + op->unexpected > 0)
			put(report, out, op_names[n], op);
	}
	tally_total(report->tally, &total);
	put(report, out, "all", &total);
}

/* Text. */

static void
put_text_row(const struct report *report, FILE *out, const char *name,
    const struct tally_op *op)
{
	fprintf(out, "%-8s %12" PRIu64 " %11.0f %11" PRIu64 " %9.1f", name,
	    op->requests, a_second(report, op->requests), op->misses,
	    histogram_mean(&op->latency) / 1e3);
	for (size_t n = 0; n < PERCENTILES; n++)
		fprintf(out, " %9.1f", latency_us(op, percentiles[n].share));
	fprintf(out, " %9.1f\n", (double)op->latency.most / 1e3);
}

static void
write_text(const struct report *report, FILE *out)
{
	const struct tally *tally = report->tally;

	fprintf(out, "%-8s %12s %11s %11s %9s", "", "requests", "a second",
	    "misses", "mean us");
	for (size_t n = 0; n < PERCENTILES; n++)
		fprintf(out, " %9s", percentiles[n].name);
	fprintf(out, " %9s\n", "most");
	each_row(report, out, put_text_row);
	fprintf(out, "\n%.2f s; sent %.1f MB/s, received %.1f MB/s; "
	    "this program took %.2f us of CPU a request\n", report->seconds,
	    a_second(report, tally->sent) / 1e6,
	    a_second(report, tally->received) / 1e6, cpu_us(report));
}

/* CSV. */

static void
put_csv_row(const struct report *report, FILE *out, const char *name,
    const struct tally_op *op)
{
	fprintf(out, "%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
	    ",%" PRIu64 ",%" PRIu64 ",%.1f,%.1f,%.1f", name, op->requests,
	    op->keys, op->hits, op->misses, op->unexpected, op->wrong,
	    a_second(report, op->requests), (double)op->latency.least / 1e3,
	    histogram_mean(&op->latency) / 1e3);
	for (size_t n = 0; n < PERCENTILES; n++)
		fprintf(out, ",%.1f", latency_us(op, percentiles[n].share));
	fprintf(out, ",%.1f\n", (double)op->latency.most / 1e3);
}

static void
write_csv(const struct report *report, FILE *out)
{
	fprintf(out, "operation,requests,keys,hits,misses,unexpected,wrong,"
	    "requests_per_second,min_us,mean_us");
	for (size_t n = 0; n < PERCENTILES; n++)
		fprintf(out, ",%s_us", percentiles[n].name);
	fprintf(out, ",max_us\n");
	each_row(report, out, put_csv_row);
}

/* JSON. */

static void
put_string(FILE *out, struct slice text)
{
	fputc('"', out);
	for (size_t n = 0; n < text.length; n++) {
		unsigned char byte = (unsigned char)text.bytes[n];

		if (byte >= ' ' && byte < 0x7f && byte != '"' && byte != '\\')
			fputc(byte, out);
		else
			fprintf(out, "\\u%04x", byte);
	}
	fputc('"', out);
}

static void
put_json_row(const struct report *report, FILE *out, const char *name,
    const struct tally_op *op)
{
	fprintf(out, "    \"%s\": {\"requests\": %" PRIu64 ", \"keys\": %"
	    PRIu64 ", \"hits\": %" PRIu64 ", \"misses\": %" PRIu64 ",\n"
	    "      \"unexpected\": %" PRIu64 ", \"wrong\": %" PRIu64
	    ", \"requests_per_second\": %.1f,\n"
	    "      \"latency_us\": {\"min\": %.1f, \"mean\": %.1f", name,
	    op->requests, op->keys, op->hits, op->misses, op->unexpected,
	    op->wrong, a_second(report, op->requests),
	    (double)op->latency.least / 1e3,
	    histogram_mean(&op->latency) / 1e3);
	for (size_t n = 0; n < PERCENTILES; n++)
		fprintf(out, ", \"%s\": %.1f", percentiles[n].name,
		    latency_us(op, percentiles[n].share));
	fprintf(out, ", \"max\": %.1f}}%s\n", (double)op->latency.most / 1e3,
	    strcmp(name, "all") == 0 ? "" : ",");
}

static void
write_json(const struct report *report, FILE *out)
{
	const struct options *options = report->options;
	const struct tally *tally = report->tally;

	fprintf(out, "{\n  \"server\": ");
	put_string(out, slice_of(options->server));
	fprintf(out, ",\n  \"protocol\": \"%s\",\n  \"connections\": %" PRId64
	    ",\n  \"threads\": %" PRId64 ",\n  \"depth\": %" PRId64
	    ",\n  \"seconds\": %.6f,\n  \"bytes_sent\": %" PRIu64
	    ",\n  \"bytes_received\": %" PRIu64
	    ",\n  \"cpu_us_per_request\": %.3f,\n  \"unanswered\": %" PRIu64
	    ",\n  \"unsent\": %" PRIu64 ",\n  \"lost_connections\": %" PRIu64
	    ",\n  \"first_unexpected\": ", wires[options->protocol]->name,
	    options->connections, options->threads, options->depth,
	    report->seconds, tally->sent, tally->received, cpu_us(report),
	    tally->unanswered, tally->unsent, tally->lost);
	if (tally->sample_length > 0)
		put_string(out, (struct slice){ tally->sample,
		    tally->sample_length });
	else
		fprintf(out, "null");
	fprintf(out, ",\n  \"operations\": {\n");
	each_row(report, out, put_json_row);
	fprintf(out, "  }\n}\n");
}

void
report_write(const struct report *report, FILE *out)
{
	static void (*const forms[])(const struct report *, FILE *) = {
		[OUTPUT_TEXT] = write_text,
		[OUTPUT_CSV] = write_csv,
		[OUTPUT_JSON] = write_json,
	};

	forms[report->options->output](report, out);
}

/* Faults. */

static void
put_fault(FILE *out, uint64_t count, const char *what)
{
	if (count > 0)
		fprintf(out, "cairn-load: %" PRIu64 " %s\n", count, what);
}

void
report_faults(const struct tally *tally, FILE *out)
{
	static struct tally_op total;

	tally_total(tally, &total);
	put_fault(out, total.unexpected, "unexpected replies");
	if (tally->sample_length > 0) {
		fprintf(out, "cairn-load: the first of them: ");
		put_string(out, (struct slice){ tally->sample,
		    tally->sample_length });
		fputc('\n', out);
	}
	put_fault(out, total.wrong, "values were not what was stored");
	put_fault(out, tally->unanswered, "requests were not answered");
	put_fault(out, tally->lost, "connections were lost");
	put_fault(out, tally->unsent, "requests were due and could not be "
	    "sent in time: the rate is too high for the server, or for the "
	    "connections and their depth");
}
