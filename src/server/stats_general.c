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
	const struct options		*options;
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
take_snapshot(const struct admin *admin, struct snapshot *in)
{
	int64_t now = clock_unix_ms(admin->clock);

	*in = (struct snapshot){
		.options = admin->options,
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

enum status
stats_general(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct snapshot snapshot;
	const struct snapshot *in = &snapshot;

	(void)words;
	take_snapshot(admin, &snapshot);
#define STAT(name, kind, value)	stats_##kind(answer, #name, (value));
#include "server/stats.def"
	return STATUS_STATS;
}
