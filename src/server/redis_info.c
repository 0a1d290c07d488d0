/* SPDX-License-Identifier: BSD-3-Clause */
/* redis_info.c - INFO. redis_info.def has the lines. */
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/utsname.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "config.h"
#include "os/os.h"
#include "proto/resp.h"
#include "server/redis_calls.h"

/* The longest line. */
#define LINE_MAX_BYTES	512

enum section {
#define SECTION(name, heading)	SECTION_##name,
#include "server/redis_info.def"
	SECTIONS
};

static const struct {
	const char	*name, *heading;
} sections[SECTIONS] = {
#define SECTION(name, heading)	{ #name, heading },
#include "server/redis_info.def"
};

/* All that the lines of redis_info.def read. */
struct snapshot {
	struct options			 now;
	const struct listener_counts	*listener;
	struct pubsub			*pubsub;
	struct tracking			*tracking;
	struct script_counts		 scripts;
	struct route_totals		 totals;
	struct rusage			 usage;
	struct redis_rates		 rates;
	uint64_t			 time_us, uptime, started;
	uint64_t			 workers;
	uint64_t			 connections;
	uint64_t			 requests, bytes_read, bytes_written;
	uint64_t			 failed_logins;
	uint64_t			 memory_limit, own_memory;
	uint64_t			 used, resident, resident_peak;
	struct call_sums		 calls[CALL_COUNT];
	char				 run_id[41];
	char				 system[256];
};

/* What happened in a second, since somebody asked at least one ago. */
static void
take_rates(struct admin *admin, struct snapshot *in)
{
	struct redis_sample *last = &admin->redis_sample;
	int64_t now = clock_monotonic_us(), us;

	pthread_mutex_lock(&admin->settings.lock);
	us = now - last->time;
	if (last->time == 0 || us >= 1000000) {
		if (last->time != 0)
			last->rates = (struct redis_rates){
				(in->requests - last->requests) * 1000000 /
				    (uint64_t)us,
				(in->bytes_read - last->bytes_read) *
				    1000000 / (uint64_t)us,
				(in->bytes_written - last->bytes_written) *
				    1000000 / (uint64_t)us,
			};
		last->time = now;
		last->requests = in->requests;
		last->bytes_read = in->bytes_read;
		last->bytes_written = in->bytes_written;
	}
	in->rates = last->rates;
	pthread_mutex_unlock(&admin->settings.lock);
}

/* A name of this process: 40 hexadecimal digits. */
static void
make_run_id(const struct admin *admin, char out[41])
{
	uint64_t seed = admin->router->hash_seed;

	snprintf(out, 41, "%016" PRIx64 "%08x%016" PRIx64,
	    (uint64_t)admin->started * 0x9e3779b97f4a7c15, (unsigned)getpid(),
	    store_hash(seed, "run", 3));
}

static void
take_snapshot(struct admin *admin, struct snapshot *in)
{
	int64_t now = clock_unix_ms(admin->clock);
	struct utsname name;

	*in = (struct snapshot){
		.listener = listener_counts(admin->listener),
		.pubsub = admin->pubsub,
		.tracking = admin->router->tracking,
		.time_us = (uint64_t)clock_unix_us(admin->clock),
		.uptime = (uint64_t)(now - admin->started) / 1000,
		.started = (uint64_t)admin->started / 1000,
		.workers = admin->worker_count,
		.failed_logins = admin->login->failures,
		.memory_limit = admin->memory_limit,
		.own_memory = admin->own_memory,
	};
	settings_copy(&admin->settings, &in->now);
	script_count(admin->scripts, &in->scripts);
	route_totals(admin->router, now, &in->totals);
	getrusage(RUSAGE_SELF, &in->usage);
	in->used = in->totals.store.bytes + in->totals.index_bytes;
	in->resident = os_memory_in_use();
	in->resident_peak = (uint64_t)in->usage.ru_maxrss * 1024;
	for (unsigned i = 0; i < admin->worker_count; i++) {
		const struct conn_counts *counts =
		    worker_counts(admin->workers[i]);

		in->connections += counts->current;
		in->requests += counts->requests;
		in->bytes_read += counts->bytes_read;
		in->bytes_written += counts->bytes_written;
	}
	redis_sum_calls(admin, &in->totals.counters, in->calls);
	take_rates(admin, in);
	make_run_id(admin, in->run_id);
	if (uname(&name) == 0)
		snprintf(in->system, sizeof in->system, "%.60s %.60s %.60s",
		    name.sysname, name.release, name.machine);
}

static uint64_t
counter(const struct snapshot *in, const char *name)
{
	uint64_t value;

	CHECK(counters_value(&in->totals.counters, name, &value));
	return value;
}

static void put_line(struct output *, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
put_line(struct output *output, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	CHECK(length >= 0);
	output_bytes(output, line, strlen(line));
	OUTPUT_LITERAL(output, "\r\n");
}

static void
put_TEXT(struct output *output, const char *name, const char *value)
{
	put_line(output, "%s:%s", name, value);
}

static void
put_NUMBER(struct output *output, const char *name, uint64_t value)
{
	put_line(output, "%s:%" PRIu64, name, value);
}

static void
put_SIGNED(struct output *output, const char *name, int64_t value)
{
	put_line(output, "%s:%" PRId64, name, value);
}

static void
put_RATIO(struct output *output, const char *name, double value)
{
	put_line(output, "%s:%.2f", name, value);
}

static void
put_SECONDS(struct output *output, const char *name, struct timeval value)
{
	put_line(output, "%s:%lld.%06ld", name, (long long)value.tv_sec,
	    (long)value.tv_usec);
}

static void
put_HUMAN(struct output *output, const char *name, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	size_t unit = 0;

	for (; value >= 1024; value /= 1024)
		unit++;
	put_line(output, unit == 0 ? "%s:%.0f%c" : "%s:%.2f%c", name, value,
	    units[unit]);
}

/* Replies to calls that were errors. */
static uint64_t
failures(const struct snapshot *in)
{
	uint64_t sum = 0;

	for (size_t n = 0; n < CALL_COUNT; n++)
		sum += in->calls[n].rejected + in->calls[n].failed;
	return sum;
}

static void
put_calls(struct output *output, const struct snapshot *in)
{
	for (size_t n = 0; n < CALL_COUNT; n++) {
		const struct call_sums *sums = &in->calls[n];

		if (sums->calls == 0 && sums->rejected == 0)
			continue;
		put_line(output, "cmdstat_%s:calls=%" PRIu64 ",usec=%" PRIu64
		    ",usec_per_call=%.2f,rejected_calls=%" PRIu64
		    ",failed_calls=%" PRIu64, call_rows[n].name, sums->calls,
		    sums->us, sums->calls == 0 ? 0 : (double)sums->us /
		    (double)sums->calls, sums->rejected, sums->failed);
	}
}

/* The databases that have keys; which of those expire is not counted. */
static void
put_keyspace(struct output *output, const struct snapshot *in)
{
	for (unsigned n = 0; n < STORE_SPACES; n++)
		if (in->totals.space_items[n] > 0)
			put_line(output, "db%u:keys=%" PRIu64
			    ",expires=0,avg_ttl=0", n,
			    in->totals.space_items[n]);
}

static void
put_section(struct output *output, const struct snapshot *in,
    enum section section)
{
	if (output_length(output) > 0)
		OUTPUT_LITERAL(output, "\r\n");
	put_line(output, "# %s", sections[section].heading);
	if (section == SECTION_keyspace)
		put_keyspace(output, in);
	if (section == SECTION_commandstats)
		put_calls(output, in);
#define INFO(of, name, kind, value)					\
	if (SECTION_##of == section)					\
		put_##kind(output, #name, (value));
#include "server/redis_info.def"
}

/* The long one only when it is named, or all are. */
static bool
is_asked_for(const struct session_call *call, enum section section)
{
	bool usual = section != SECTION_commandstats;

	for (size_t n = 1; n < call->count; n++)
		if (call_word_is(call->words[n], sections[section].name) ||
		    call_word_is(call->words[n], "all") ||
		    call_word_is(call->words[n], "everything") ||
		    (usual && call_word_is(call->words[n], "default")))
			return true;
	return usual && call->count == 1;
}

void
redis_info(struct admin *admin, struct session_call *call)
{
	struct snapshot in;
	struct output apart;

	if (output_open_apart(&apart) == -1) {
		resp_error(call->output, "ERR out of memory");
		return;
	}
	take_snapshot(admin, &in);
	for (size_t i = 0; i < SECTIONS; i++)
		if (is_asked_for(call, (enum section)i))
			put_section(&apart, &in, (enum section)i);
	resp_verbatim_head(call->output, call->v3, output_length(&apart));
	output_join(call->output, &apart);
	resp_end(call->output);
}
