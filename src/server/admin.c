/* SPDX-License-Identifier: BSD-3-Clause */
/* admin.c - see admin.h. */
#include "server/admin.h"

#include <sys/resource.h>
#include <sys/time.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/check.h"
#include "config.h"

#define MEGABYTE		((uint64_t)1 << 20)
#define MEMORY_LIMIT_MIN	8	/* megabytes */

/* More megabytes than anyone has: the operator gave bytes. */
#define MEMORY_LIMIT_UNIT	1000000000

/* All that the lines of stats.def read. */
struct snapshot {
	const struct options		*options;
	const struct listener_counts	*listener;
	struct route_totals		 totals;
	struct rusage			 usage;
	uint64_t			 time, uptime;	/* seconds */
	uint64_t			 workers;
	uint64_t			 connections;
	uint64_t			 bytes_read, bytes_written;
	uint64_t			 yields, idle_kicks;
	uint64_t			 flushes;
	uint64_t			 memory_limit;
};

static void
take_snapshot(const struct admin *admin, struct snapshot *in)
{
	int64_t now = clock_unix_ms(admin->clock);

	*in = (struct snapshot){
		.options = admin->options,
		.listener = listener_counts(admin->listener),
		.time = (uint64_t)now / 1000,
		.uptime = (uint64_t)(now - admin->started) / 1000,
		.workers = admin->worker_count,
		.flushes = admin->flushes,
		.memory_limit = admin->memory_limit,
	};
	route_totals(admin->router, now, &in->totals);
	getrusage(RUSAGE_SELF, &in->usage);
	for (unsigned i = 0; i < admin->worker_count; i++) {
		const struct conn_counts *counts =
		    worker_counts(admin->workers[i]);

		in->connections += counts->current;
		in->bytes_read += counts->bytes_read;
		in->bytes_written += counts->bytes_written;
		in->yields += counts->yields;
		in->idle_kicks += counts->idle_kicks;
	}
}

static uint64_t
counter(const struct snapshot *in, const char *name)
{
	uint64_t value;

	CHECK(counters_value(&in->totals.counters, name, &value));
	return value;
}

/* Where the lines of a stats answer go. */
struct answer {
	struct output		*output;
	const struct request	*request;
};

static void
stat_TEXT(const struct answer *answer, const char *name, const char *value)
{
	proto_stat(answer->output, answer->request, name, value);
}

static void
stat_NUMBER(const struct answer *answer, const char *name, uint64_t value)
{
	char text[DECIMAL_MAX + 1];

	text[decimal_format(text, value)] = '\0';
	stat_TEXT(answer, name, text);
}

static void
stat_SECONDS(const struct answer *answer, const char *name,
    struct timeval value)
{
	char text[40];

	snprintf(text, sizeof text, "%lld.%06ld", (long long)value.tv_sec,
	    (long)value.tv_usec);
	stat_TEXT(answer, name, text);
}

static void
general_stats(const struct admin *admin, const struct answer *answer)
{
	struct snapshot snapshot;
	const struct snapshot *in = &snapshot;

	take_snapshot(admin, &snapshot);
#define STAT(name, kind, value)	stat_##kind(answer, #name, (value));
#include "server/stats.def"
}

static void
setting(void *answer, const char *name, const char *value)
{
	stat_TEXT(answer, name, value);
}

static enum status
stats(struct admin *admin, const struct request *request,
    struct output *output)
{
	struct slice group = request->argument;
	struct answer answer = { output, request };

	if (group.length == 0) {
		general_stats(admin, &answer);
		return STATUS_STATS;
	}
	if (slice_equal(group, SLICE("settings"))) {
		options_settings(admin->options, setting, &answer);
		return STATUS_STATS;
	}
	if (slice_equal(group, SLICE("reset"))) {
		admin->flushes = 0;
		route_reset_counters(admin->router,
		    clock_unix_ms(admin->clock));
		return STATUS_RESET;
	}
	if (DEBUG_COMMANDS && slice_equal(group, SLICE("verify"))) {
		route_verify(admin->router, clock_unix_ms(admin->clock));
		return STATUS_OK;
	}
	return STATUS_ERROR;
}

static enum status
flush(struct admin *admin, const struct request *request)
{
	atomic_fetch_add(&admin->flushes, 1);	/* refused ones, too */
	if (!admin->options->flush)
		return STATUS_NO_FLUSH;
	if (request->status != STATUS_NONE)
		return request->status;
	route_flush(admin->router, request->expiry,
	    clock_unix_ms(admin->clock));
	return STATUS_OK;
}

static enum status
set_memory_limit(struct admin *admin, const struct request *request)
{
	uint64_t bytes;

	if (request->number < MEMORY_LIMIT_MIN)
		return STATUS_LIMIT_SMALL;
	if (request->number > MEMORY_LIMIT_UNIT)
		return STATUS_LIMIT_UNIT;
	bytes = request->number * MEGABYTE;
	if (!route_set_limit(admin->router, bytes - admin->own_memory,
	    clock_unix_ms(admin->clock)))
		return STATUS_LIMIT_FAILED;
	admin->memory_limit = bytes;
	log_write(admin->log, LOG_LEVEL_NOTICE,
	    "memory limit is now %" PRIu64 " MB", request->number);
	return STATUS_OK;
}

static enum status
shut_down(struct admin *admin, const struct request *request)
{
	struct slice mode = request->argument;

	if (!admin->options->shutdown)
		return STATUS_NO_SHUTDOWN;
	if (mode.length != 0 && !slice_equal(mode, SLICE("graceful")))
		return STATUS_BAD_SHUTDOWN;
	admin->shutdown(admin->shutdown_context);
	return STATUS_NONE;
}

static enum status
set_verbosity(struct admin *admin, const struct request *request)
{
	uint64_t level = LOG_LEVEL_NOTICE + request->number;

	admin->log->level = level > LOG_LEVEL_DEBUG ?
	    LOG_LEVEL_DEBUG : (int)level;
	return STATUS_OK;
}

void
admin_serve(void *context, const struct request *request,
    struct reply *reply, struct output *output)
{
	struct admin *admin = context;

	switch (request->op) {
	case OP_STATS:
		reply->status = stats(admin, request, output);
		break;
	case OP_FLUSH:
		reply->status = flush(admin, request);
		break;
	case OP_MEMORY_LIMIT:
		reply->status = set_memory_limit(admin, request);
		break;
	case OP_SHUTDOWN:
		reply->status = shut_down(admin, request);
		break;
	case OP_VERBOSITY:
		reply->status = set_verbosity(admin, request);
		break;
	case OP_VERSION:
		reply->status = STATUS_VERSION;
		break;
	default:
		CHECK(!"an op of scope SERVER without a function");
	}
}
