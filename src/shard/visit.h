/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * visit.h - calls within the shards of their keys.
 *
 * The keys of one or more calls are added, all their shards are entered, each
 * once, the calls are carried out, and the shards are left. Meanwhile the
 * thread may enter any of these shards again, in other ways.
 *
 * Visits do not wait for a shard while they hold another: they leave all and
 * begin again. So one thread may, see visit_reach(), and there is no circle
 * of those who wait. As shards are left only when all is done, what a visit
 * does is one thing to others, whenever it entered them.
 */
#ifndef SHARD_VISIT_H
#define SHARD_VISIT_H

#include "shard/route.h"

/* Keys whose hashes are known at a time; what they touch is fetched ahead. */
#define VISIT_KEYS	64

struct visit {
	struct router		*router;
	int64_t			 now;
	struct journal		*journal;	/* NULL: is written elsewhere */
	struct tracking_reader	*reader;	/* NULL: tracks no keys */
	uint64_t		 entered[ROUTE_SHARDS_MAX / 64];
	unsigned		 added;		/* calls */
	/* The call in work, and where its keys are. */
	const struct request	*request;
	size_t			 first, step, keys;
	size_t			 window, known;	/* from which key, how many */
	uint64_t		 hashes[VISIT_KEYS];
};

void	visit_open(struct visit *, struct router *, int64_t now,
	    struct journal *);

/* To be entered: the shards of a call's keys, of a hash, all shards. */
void	visit_add(struct visit *, const struct request *);
void	visit_add_hash(struct visit *, uint64_t hash);
void	visit_add_all(struct visit *);

void	visit_enter(struct visit *);
void	visit_leave(struct visit *);

/*
 * Within the visit, enter what a call needs besides: the shards of its keys,
 * or all if it has none. Only who has the interpreter of scripts to itself
 * may do that.
 */
void	visit_reach(struct visit *, const struct request *);

/*
 * Carry out a call whose scope is KEYS. Its shards are entered; if it has no
 * key, it enters those that are not entered by itself, one at a time.
 */
void	visit_call(struct visit *, const struct request *, struct output *);

/* A key, and the store that it is in; its shard is entered. */
struct store_key visit_key(const struct visit *, struct slice key,
	    uint8_t space);
struct store *visit_store(const struct visit *, uint64_t hash);

/*
 * Carry out a call with one key, which is the request's `key` and has been
 * hashed; its shard, and nothing else, is entered.
 */
void	visit_call_one(struct router *, struct shard *,
	    const struct request *, int64_t now, struct output *);

#endif
