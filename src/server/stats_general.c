/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_general.c - `stats` without arguments. stats.def has the lines.
 */
#include <sys/resource.h>
#include <sys/time.h>

#include <unistd.h>

#include <event2/event.h>

#include "base/check.h"
#include "config.h"
#include "server/stats_group.h"
#include "shard/classes.h"

/* All that the lines of stats.def read. */
struct snapshot {
	struct options			 now;
	const struct listener_counts	*listener;
	const struct tls_counts		*tls;		/* NULL: none */
	uint64_t			 certificates_age;	/* seconds */
	const struct watch_counts	*watch;
	struct route_totals		 totals;
	struct rusage			 usage;
	uint64_t			 time, uptime;	/* seconds */
	uint64_t			 workers;
	uint64_t			 connections;
	uint64_t			 bytes_read, bytes_written;
	uint64_t			 yields, idle_kicks;
	uint64_t			 flushes;
	uint64_t			 logins, failed_logins;
	uint64_t			 memory_limit;
	bool				 reassigning;	/* a page */
	bool				 crawling;
	uint64_t			 crawls;
};

static void
take_snapshot(struct admin *admin, struct snapshot *in)
{
	int64_t now = clock_unix_ms(admin->clock);

	*in = (struct snapshot){
		.listener = listener_counts(admin->listener),
		.watch = &admin->watch->counts,
		.time = (uint64_t)now / 1000,
		.uptime = (uint64_t)(now - admin->started) / 1000,
		.workers = admin->worker_count,
		.flushes = admin->flushes,
		.logins = admin->login->attempts,
		.failed_logins = admin->login->failures,
		.crawls = admin->crawls,
		.memory_limit = admin->memory_limit,
	};
	if (admin->tls != NULL) {
		in->tls = tls_counts(admin->tls);
		in->certificates_age =
		    (uint64_t)(now - in->tls->refreshed) / 1000;
	}
	settings_copy(&admin->settings, &in->now);
	route_totals(admin->router, now, &in->totals);
	in->reassigning = classes_move_is_on(admin->router, now);
	in->crawling = classes_crawl_is_on(admin->router, now);
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

/* All lines by number, whether they are there or not. */
enum line {
#define STAT_IF(condition, ...)		STAT(__VA_ARGS__)
#define STAT(name, kind, value)		LINE_##name,
#include "server/stats.def"
	LINES
};

_Static_assert(LINES <= STATS_LINES_MAX, "there is room for all");

#define RESET_NUMBER(line, value)
#define RESET_SECONDS(line, value)
#define RESET_TEXT(line, value)
#define RESET_SINCE(line, value)	admin->since[line] = (value);

void
stats_general_reset(struct admin *admin)
{
	struct snapshot snapshot;
	const struct snapshot *in = &snapshot;

	take_snapshot(admin, &snapshot);
#define STAT(name, kind, value)		{ RESET_##kind(LINE_##name, value) }
#include "server/stats.def"
}

#define STAT_NUMBER(name, value)					\
	stats_NUMBER(answer, #name, (value))
#define STAT_SECONDS(name, value)					\
	stats_SECONDS(answer, #name, (value))
#define STAT_TEXT(name, value)						\
	stats_TEXT(answer, #name, (value))
#define STAT_SINCE(name, value)						\
	stats_NUMBER(answer, #name, (value) - admin->since[LINE_##name])

enum status
stats_general(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct snapshot snapshot;
	const struct snapshot *in = &snapshot;

	(void)words;
	take_snapshot(admin, &snapshot);
#define STAT(name, kind, value)		STAT_##kind(name, value);
#include "server/stats.def"
	return STATUS_STATS;
}
