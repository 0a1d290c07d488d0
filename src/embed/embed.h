/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * embed.h - what the files of src/embed/ share. Private to them.
 *
 * The embeddable store: include/cairn/store.h over store/store.h. A call
 * hashes its key once, which gives the shard; enters the shard, does its
 * work and leaves. Reads of small values do not enter at all if they can.
 */
#ifndef EMBED_EMBED_H
#define EMBED_EMBED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cairn/store.h"
#include "embed/lock.h"
#include "store/store.h"

/*
 * Values from this length on are copied in and out while the shard is not
 * locked: in, as a draft; out, pinned.
 */
#define LARGE	(16 * 1024)

struct shard {
	_Alignas(64) struct lock lock;
	uint32_t	 writes;	/* that may make housekeeping due */
	uint32_t	 cached_items;	/* the CPU's cache holds so many */
	bool		 timed;		/* an item may have an expiry */
	_Atomic bool	 cold;		/* there are more than these */
	struct store	*store;
};

_Static_assert(sizeof(struct shard) == 64, "one cache line");

struct cairn_store {
	struct shard	*shards;
	uint32_t	 shard_mask;
	uint64_t	 hash_seed;
	uint64_t	 limit;		/* bytes, of all shards */
	/* The housekeeping thread, if there is one. */
	uint32_t	 interval;	/* ms; 0: none */
	bool		 closing;
	pthread_t	 thread;
	pthread_mutex_t	 mutex;		/* of `closing` */
	pthread_cond_t	 wake;
};

/* Where a key is. */
struct place {
	struct store_key key;
	struct shard	*shard;
};

static inline struct shard *
shard_of(const struct cairn_store *store, uint64_t hash)
{
	return &store->shards[hash & store->shard_mask];
}

/* False: the arguments make no sense. */
static inline bool
locate(const struct cairn_store *store, const void *key, size_t length,
    struct place *place)
{
	if (store == NULL || key == NULL || length == 0 ||
	    length > CAIRN_STORE_KEY_MAX)
		return false;
	place->key = (struct store_key){
		key, length, store_hash(store->hash_seed, key, length), 0,
	};
	place->shard = shard_of(store, place->key.hash);
	return true;
}

/*
 * From here to shard_leave() the shard is the caller's. The time is asked
 * for only where it can make a difference.
 */
static inline void
shard_enter(struct shard *shard)
{
	lock_enter(&shard->lock);
	if (shard->timed)
		store_set_time(shard->store, clock_coarse_unix_ms());
}

static inline void
shard_leave(struct shard *shard)
{
	lock_leave(&shard->lock);
}

/* Enter to store something that expires; 0: never. */
static inline void
shard_enter_timed(struct shard *shard, int64_t expiry)
{
	lock_enter(&shard->lock);
	if (expiry != 0)
		shard->timed = true;
	if (shard->timed)
		store_set_time(shard->store, clock_coarse_unix_ms());
}

/* Inlined always: what of it is for another caller goes away. */
#define INLINE	static inline __attribute__((always_inline))

/* Writes between two slices of housekeeping, and how long one is. */
#define WRITES_PER_SLICE	64
#define CHUNKS_PER_SLICE	64

/* A slice of housekeeping in a shard that is entered. */
void	embed_slice(struct shard *);

/* The shard, which is entered, was written to. */
static inline void
shard_written(struct shard *shard)
{
	if (++shard->writes % WRITES_PER_SLICE == 0)
		embed_slice(shard);
}

/* The negative cairn_error of a result. */
int	embed_error(enum store_result);

static inline int
error_of(enum store_result result)
{
	return result == STORE_OK ? CAIRN_OK : embed_error(result);
}

/* Turn a time to live into an expiry. False: it makes no sense. */
static inline bool
expiry_of(int64_t ttl, int64_t *expiry)
{
	if (ttl < 0 || ttl > CAIRN_STORE_TTL_MAX)
		return false;
	*expiry = ttl == 0 ? 0 : clock_coarse_unix_ms() + ttl;
	return true;
}

/*
 * Read without entering. CAIRN_OK, CAIRN_TOO_SMALL: done, `*info` is set;
 * CAIRN_BUSY: enter to find out.
 */
int	embed_peek(const struct place *, void *buffer, size_t size,
	    struct cairn_store_info *info);

/* Read, in a shard that is entered. */
int	embed_get(const struct place *, bool want_cas, void *buffer,
	    size_t size, struct cairn_store_info *info);

/* Copy a value in all its parts. */
void	embed_copy(const struct store *, const struct store_item *,
	    char *out);

/* A lease of an item where it lies; it is not pinned by this. */
void	embed_lease(struct cairn_store_lease *, const struct cairn_store *,
	    const struct shard *, const struct store_item *);

#endif
