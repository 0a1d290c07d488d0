/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.c - all keys of an embedded store.
 *
 * A cursor is that of store_scan(), which leaves the low byte alone, with the
 * number of the shard in it. When a shard is done the next one's begins.
 */
#include <string.h>

#include "base/check.h"
#include "embed/embed.h"

/* Items that are looked at in one visit of a shard. */
#define VISIT		64

/* Keys that one step of clear() deletes: far more than a bucket has. */
#define DOOMED_MAX	512

#define SHARD_BITS	((uint64_t)CAIRN_STORE_SHARDS_MAX - 1)

struct scan {
	const struct cairn_store *store;
	const struct shard	*shard;
	struct slice		 prefix;
	size_t			 seen;
	void			(*visit)(void *context, const void *key,
				    size_t key_length,
				    const struct cairn_store_lease *item);
	void			*context;
};

static bool
has_prefix(struct slice key, struct slice prefix)
{
	return key.length >= prefix.length && (prefix.length == 0 ||
	    memcmp(key.bytes, prefix.bytes, prefix.length) == 0);
}

static bool
valid(const struct cairn_store *store, const void *prefix, size_t length,
    const uint64_t *cursor)
{
	return store != NULL && cursor != NULL &&
	    (prefix != NULL || length == 0) &&
	    (*cursor & SHARD_BITS) <= store->shard_mask;
}

/* The cursor after a step in a shard that gave `position`. */
static uint64_t
next_cursor(const struct cairn_store *store, uint64_t shard,
    uint64_t position)
{
	if (position != 0)
		return position | shard;
	return shard == store->shard_mask ? 0 : shard + 1;
}

static void
visit_item(void *context, struct slice key, const struct store_item *item)
{
	struct scan *scan = context;
	struct cairn_store_lease lease;

	scan->seen++;
	if (!has_prefix(key, scan->prefix))
		return;
	embed_lease(&lease, scan->store, scan->shard, item);
	scan->visit(scan->context, key.bytes, key.length, &lease);
}

int
cairn_store_scan(struct cairn_store *store, const void *prefix,
    size_t prefix_length, uint64_t *cursor, size_t count,
    void (*visit)(void *, const void *, size_t,
    const struct cairn_store_lease *), void *context)
{
	struct scan scan = {
		.store = store, .prefix = { prefix, prefix_length },
		.visit = visit, .context = context,
	};

	if (!valid(store, prefix, prefix_length, cursor) || visit == NULL)
		return CAIRN_INVALID;
	do {
		uint64_t number = *cursor & SHARD_BITS;
		struct shard *shard = &store->shards[number];

		scan.shard = shard;
		shard_enter(shard);
		*cursor = next_cursor(store, number, store_scan(shard->store,
		    *cursor & ~SHARD_BITS, VISIT, visit_item, &scan));
		shard_leave(shard);
	} while (*cursor != 0 && scan.seen < count);
	return CAIRN_OK;
}

struct doomed {
	struct slice	prefix;
	size_t		seen;
	bool		all;		/* there was room for all */
	unsigned	count;
	struct slice	keys[DOOMED_MAX];
};

static void
doom_item(void *context, struct slice key, const struct store_item *item)
{
	struct doomed *doomed = context;

	(void)item;
	doomed->seen++;
	if (!has_prefix(key, doomed->prefix))
		return;
	if (doomed->count < DOOMED_MAX)
		doomed->keys[doomed->count++] = key;
	else
		doomed->all = false;
}

/*
 * One step: the keys are found first and deleted then. Each stays readable
 * until it is itself deleted.
 */
static uint64_t
clear_step(struct cairn_store *store, uint64_t cursor, struct doomed *doomed)
{
	uint64_t number = cursor & SHARD_BITS, next;
	struct shard *shard = &store->shards[number];

	doomed->count = 0;
	doomed->all = true;
	shard_enter(shard);
	next = store_scan(shard->store, cursor & ~SHARD_BITS, 1, doom_item,
	    doomed);
	for (unsigned n = 0; n < doomed->count; n++) {
		struct store_key key = {
			doomed->keys[n].bytes, doomed->keys[n].length,
			hash_bytes(store->hash_seed, doomed->keys[n].bytes,
			    doomed->keys[n].length), 0,
		};

		CHECK(store_delete(shard->store, &key) == STORE_OK);
	}
	if (doomed->count > 0)
		shard_written(shard);
	shard_leave(shard);
	/* Those that there was no room for are still there. */
	return doomed->all ? next_cursor(store, number, next) : cursor;
}

int
cairn_store_clear(struct cairn_store *store, const void *prefix,
    size_t prefix_length, uint64_t *cursor, size_t count, size_t *deleted)
{
	struct doomed doomed;
	size_t gone = 0;

	if (!valid(store, prefix, prefix_length, cursor))
		return CAIRN_INVALID;
	doomed.prefix = (struct slice){ prefix, prefix_length };
	doomed.seen = 0;
	do {
		*cursor = clear_step(store, *cursor, &doomed);
		gone += doomed.count;
	} while (*cursor != 0 && doomed.seen < count);
	if (deleted != NULL)
		*deleted = gone;
	return CAIRN_OK;
}

int
cairn_store_flush(struct cairn_store *store)
{
	if (store == NULL)
		return CAIRN_INVALID;
	for (uint32_t n = 0; n <= store->shard_mask; n++) {
		struct shard *shard = &store->shards[n];

		lock_enter(&shard->lock);
		store_flush(shard->store);
		shard->timed = false;
		shard_leave(shard);
	}
	return CAIRN_OK;
}

static void
add_counts(struct shard *shard, struct cairn_store_counts *sum)
{
	const struct store_counts *counts;

	shard_enter(shard);
	counts = store_counts(shard->store);
	sum->items += counts->items;
	sum->bytes += counts->bytes;
	sum->index_bytes += store_index_size(shard->store);
	sum->stored += counts->total_items;
	sum->evictions += counts->evictions;
	sum->evicted_unfetched += counts->evicted_unfetched;
	sum->expirations += counts->reclaimed;
	sum->expired_unfetched += counts->expired_unfetched;
	shard_leave(shard);
}

int
cairn_store_counts(struct cairn_store *store,
    struct cairn_store_counts *out, size_t size)
{
	struct cairn_store_counts sum = { .items = 0 };

	if (store == NULL || out == NULL)
		return CAIRN_INVALID;
	sum.limit = store->limit;
	sum.shards = store->shard_mask + 1;
	for (uint32_t n = 0; n <= store->shard_mask; n++)
		add_counts(&store->shards[n], &sum);
	memset(out, 0, size);
	memcpy(out, &sum, size < sizeof sum ? size : sizeof sum);
	return CAIRN_OK;
}
