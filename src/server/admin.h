/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * admin.h - commands on the whole server: stats, flush_all, limits, shutdown.
 *
 * Called by any worker; what it changes is atomic or behind its own lock.
 */
#ifndef SERVER_ADMIN_H
#define SERVER_ADMIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/tls.h"
#include "net/worker.h"
#include "server/login.h"
#include "server/options.h"
#include "server/settings.h"
#include "shard/detail.h"
#include "shard/route.h"
#include "shard/watch.h"

#define STATS_LINES_MAX	128

/* Of the memory limit, at most one part in so many is not for the shards. */
#define ADMIN_OWN_PART	5

/* What happens in a second. */
struct redis_rates {
	uint64_t	requests, read, written;
};

/* What had happened when INFO was asked for last. */
struct redis_sample {
	int64_t			 time;		/* monotonic us, 0: never */
	uint64_t		 requests, bytes_read, bytes_written;
	struct redis_rates	 rates;		/* up to then */
};

/* How often a call was made, as struct call_counts says. */
struct call_sums {
	uint64_t	calls, us, rejected, failed;
	uint64_t	took[CALL_TIMES];
};

/* What SLOWLOG keeps: the last so many. */
#define REDIS_SLOWLOG_MAX	128

/* Microseconds from which on a call is slow, at the start. */
#define REDIS_SLOW_US		10000

struct redis_slow {
	uint64_t	 id;
	int64_t		 time;		/* unix s */
	int64_t		 us;
	char		*words;		/* of the call, an array of RESP */
	size_t		 length;	/* of this */
	char		 peer[ORIGIN_ADDRESS_SIZE];
	char		 name[64];
};

struct redis_slowlog {
	_Atomic int64_t		 least_us;	/* below 0: none is slow */
	/* The rest is behind settings.lock. */
	uint64_t		 next;		/* id */
	size_t			 count;
	struct redis_slow	 entries[REDIS_SLOWLOG_MAX];
};

struct admin {
	const struct options	*options;	/* of the start */
	struct settings		 settings;	/* those that change */
	struct clock		*clock;
	bool			 debug;		/* debugging commands work */
	struct log		*log;
	struct router		*router;
	struct worker		**workers;
	unsigned		 worker_count;
	struct listener		*listener;
	struct tls		*tls;		/* NULL: none */
	struct watch_hub	*watch;
	struct pubsub		*pubsub;
	struct scripts		*scripts;	/* NULL: there is no Lua */
	struct login		*login;
	void			(*shutdown)(void *context);
	void			*shutdown_context;
	_Atomic uint64_t	 memory_limit;	/* bytes, as -m */
	size_t			 own_memory;	/* of it, not for the shards */
	_Atomic uint64_t	 flushes;
	_Atomic uint64_t	 crawls;	/* by lru_crawler */
	struct detail		 detail;	/* counts by prefix */
	_Atomic uint64_t	 since[STATS_LINES_MAX];	/* last reset */
	_Atomic unsigned	 listings;	/* that are in work */
	struct redis_sample	 redis_sample;	/* behind settings.lock */
	struct redis_slowlog	 slowlog;
	/* Up to the last reset; behind settings.lock. */
	struct call_sums	 calls_since[CALL_COUNT];
	int64_t			 started;	/* unix ms */
};

/* Set the memory limit; STATUS_OK, or one that tells why it stays. */
enum status	admin_set_memory(struct admin *, uint64_t megabytes);

/* Carry out a request of scope SERVER. */
void	admin_serve(void *admin, const struct request *, struct reply *,
	    struct output *);

#endif
