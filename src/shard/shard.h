/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * shard.h - one partition of the keys.
 *
 * Shards share nothing with each other: each has its own slabs, index,
 * eviction, expiry and counters. A thread works on a shard between
 * shard_enter() and shard_leave(), and does no system call inside but for the
 * shard's own memory. It holds one shard at a time, or several, see visit.h:
 * who is inside a shard does not wait for another.
 */
#ifndef SHARD_SHARD_H
#define SHARD_SHARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "shard/counters.h"
#include "shard/prefix.h"
#include "shard/tracking.h"
#include "shard/watch.h"
#include "store/store.h"

struct shard {
	_Alignas(64) pthread_mutex_t	 lock;
	struct store			*store;
	int64_t				 flush_at;	/* unix ms, 0 = never */
	struct prefix_table		*prefixes;	/* NULL: not counted */
	const struct counters_plan	*plan;
	unsigned			 again;		/* times it was entered
							   once more */
	const void			*_Atomic keeper;	/* a thread's, or
								   NULL */
	struct tracked			*tracked;	/* NULL: no keys are */
	struct counters			 counters;
};

/* Open an empty shard in place. -1: no memory, and `error` says so. */
int	shard_open(struct shard *, const struct store_config *,
	    const struct counters_plan *, struct error *);
void	shard_close(struct shard *);

/* From here to shard_leave() the shard is the caller's; it is `now` there. */
void	shard_enter(struct shard *, int64_t now);
void	shard_leave(struct shard *);

/* The same, if nobody is inside. False: somebody is. */
bool	shard_try_enter(struct shard *, int64_t now);

/*
 * The thread that has entered may enter again before it leaves, until it
 * gives this up.
 */
void	shard_keep(struct shard *);
void	shard_give_back(struct shard *);

/* Enter at the time that it has. */
void	shard_enter_now(struct shard *);

/* Let the keys of an entered shard be tracked. NULL: out of memory. */
struct tracked *shard_track(struct shard *, struct tracking *);

/* Count a request; the last thing that the store did was to serve it. */
static inline void
shard_count_request(struct shard *shard, const struct request *request,
    enum status status)
{
	unsigned bits = shard->plan->bits[request->op][status];

	counters_count(&shard->counters, request->op, status);
	if (bits != 0)
		counters_count_class(&shard->counters, bits,
		    store_last_class(shard->store));
	if (shard->prefixes != NULL)
		prefix_count(shard->prefixes, request, status);
}

/* Count that a call has read a key. */
void	shard_count_read(struct shard *, const struct store_key *, bool hit);

/*
 * Every item that is there at `when` (unix ms) is gone then; items stored
 * until then, too. A time that has come means at once. The shard is entered.
 */
void	shard_flush(struct shard *, int64_t when, int64_t now);

/*
 * A bounded slice of housekeeping: expiry, memory to give back. Enters the
 * shard. True: there is more to do now.
 */
bool	shard_tick(struct shard *, int64_t now, struct journal *);

/*
 * What is needed to use the shard's items again, if they are in a file; see
 * store_save(). To be restored into a shard that was just opened.
 */
void	shard_save(const struct shard *, FILE *);
int	shard_restore(struct shard *, FILE *, int64_t now, struct error *);

#endif
