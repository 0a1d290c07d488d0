/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * route.h - requests go to the shard that holds their key.
 *
 * The router owns the shards. It is used by all workers at once.
 */
#ifndef SHARD_ROUTE_H
#define SHARD_ROUTE_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/output.h"
#include "command/call.h"
#include "proto/proto.h"
#include "shard/shard.h"
#include "shard/watch.h"

#define ROUTE_SHARDS_MAX	256

struct router {
	struct shard	*shards;
	unsigned	 shard_count;	/* a power of two */
	uint64_t	 hash_seed;
	struct counters_plan plan;	/* of all shards */
	struct call_rules rules;	/* route_open() allows all */
	_Atomic uint64_t random;	/* see random.h */
	struct tracking	*tracking;	/* NULL: no client can track keys */
};

/*
 * Open `count` shards, a power of two; `total` is what all of them may use
 * together, but a file is that of the first, which those of the others
 * follow. -1: `error` says why, and there is nothing to close.
 */
int	route_open(struct router *, unsigned count,
	    const struct store_config *total, struct error *);
void	route_close(struct router *);

/*
 * Carry out `count` requests of scope KEY in their order and append the
 * replies. Successive requests to one shard are one visit, in which what
 * they will touch is fetched ahead. route_hash() has set the hashes. What
 * the journal wants to have is noted there.
 */
void	route_execute(struct router *, const struct request *, size_t count,
	    int64_t now, struct output *, struct journal *);

/* Hash a request's key. */
void	route_hash(const struct router *, struct request *);

/*
 * Carry out a call whose scope is KEYS: all shards of its keys are entered at
 * once, in the order of their numbers, each one time. `reader` is the client
 * if it tracks keys, or NULL.
 */
void	route_call(struct router *, const struct request *, int64_t now,
	    struct output *, struct journal *, struct tracking_reader *);

/* All shards tell of all changes. False: out of memory. */
bool	route_listen(struct router *, int64_t now);

/* A value that arrives over time; the memory for it is in a shard. */
struct route_draft {
	struct shard		*shard;
	struct store_item	 item;
};

/*
 * Get memory for the value of a storing request. When there is none,
 * `*reply` gets the answer, and the value is to be swallowed.
 */
bool	route_draft(struct router *, const struct request *, int64_t now,
	    struct reply *reply, struct route_draft *, struct journal *);

/* The parts of the draft's memory, as store_parts(). */
unsigned route_draft_parts(const struct route_draft *, uint32_t first,
	    struct iovec *, unsigned count);

/* The value did not come whole. */
void	route_draft_abandon(struct route_draft *, int64_t now);

/* All shards: flush at a time, set the limit, add up. */
void	route_flush(struct router *, int64_t when, int64_t now);
bool	route_set_limit(struct router *, size_t bytes, int64_t now);

struct route_totals {
	struct counters		counters;
	struct store_counts	store;
	uint64_t		index_bytes;
	unsigned		index_power;	/* of the largest shard */
	bool			index_resizing;
	uint64_t		free_pages;
	uint64_t		space_items[STORE_SPACES];
};

void	route_totals(struct router *, int64_t now, struct route_totals *);

/* How far a scan of all shards has come; zeros begin. */
struct route_place {
	unsigned	shard;
	uint64_t	cursor;
};

/* What it finds. */
struct route_entry {
	struct slice			 key;
	const struct store_item		*item;
	size_t				 size;		/* as a whole */
	unsigned			 class;		/* from 1 on */
};

/*
 * Tell some more items, `count` or so, of one shard, as store_scan() does.
 * False: those were the last.
 */
bool	route_scan(struct router *, struct route_place *, unsigned count,
	    int64_t now, void (*found)(void *context,
	    const struct route_entry *), void *context);

/*
 * As shard_save() and shard_restore(), for all of them. The router was opened
 * with the hash seed that it was saved with.
 */
void	route_save(const struct router *, FILE *);
int	route_restore(struct router *, FILE *, int64_t now, struct error *);

/* How many items there are. */
uint64_t route_items(struct router *, int64_t now);

/* CHECK every store from end to end; slow. */
void	route_verify(struct router *, int64_t now);

/* Counters start at zero again. */
void	route_reset_counters(struct router *, int64_t now);

#endif
