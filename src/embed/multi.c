/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * multi.c - many keys at once in an embedded store.
 *
 * A batch of up to 64 requests goes in steps: hash the keys and fetch their
 * index buckets; fetch the items; then carry them out, shard by shard, each
 * shard's requests in their order. So the batch waits for memory about as
 * long as one request does. What is small enough to be in the cache is not
 * fetched.
 */
#include <limits.h>
#include <string.h>

#include "embed/embed.h"

#define BATCH	64
#define NONE	UINT8_MAX

_Static_assert(BATCH < NONE, "a request's number fits a byte");

struct batch {
	unsigned	count;
	bool		cold;		/* some shard of these is */
	struct place	place[BATCH];	/* shard NULL: it is dealt with */
	/* The requests of one shard: the first, and after each the next. */
	uint8_t		next[BATCH];
	uint8_t		first[CAIRN_STORE_SHARDS_MAX];
};

static int
invalid(const struct cairn_store *store, const void *requests, size_t count)
{
	return store == NULL || requests == NULL || count > INT_MAX;
}

/* Add a key. False: it makes no sense. */
INLINE bool
add(struct batch *batch, const struct cairn_store *store, const void *key,
    size_t key_length)
{
	struct place *place = &batch->place[batch->count++];

	if (!locate(store, key, key_length, place)) {
		place->shard = NULL;
		return false;
	}
	if (atomic_load_explicit(&place->shard->cold, memory_order_relaxed)) {
		store_peek_prefetch(place->shard->store, place->key.hash);
		batch->cold = true;
	}
	return true;
}

/* The buckets are on their way: fetch the items. */
INLINE void
fetch(const struct batch *batch)
{
	for (unsigned n = 0; batch->cold && n < batch->count; n++)
		if (batch->place[n].shard != NULL)
			store_peek_prefetch_item(batch->place[n].shard->store,
			    batch->place[n].key.hash);
}

static inline unsigned
number_of(const struct cairn_store *store, const struct shard *shard)
{
	return (unsigned)(shard - store->shards);
}

/* Chain the requests of each shard in their order. */
INLINE void
group(struct batch *batch, const struct cairn_store *store)
{
	memset(batch->first, NONE, store->shard_mask + 1);
	for (unsigned n = batch->count; n-- > 0; ) {
		uint8_t *first;

		if (batch->place[n].shard == NULL)
			continue;
		first = &batch->first[number_of(store,
		    batch->place[n].shard)];
		batch->next[n] = *first;
		*first = (uint8_t)n;
	}
}

/* Is this the first request of a shard? Then its visit begins here. */
static inline bool
is_first(const struct batch *batch, const struct cairn_store *store,
    unsigned n)
{
	const struct shard *shard = batch->place[n].shard;

	return shard != NULL && batch->first[number_of(store, shard)] == n;
}

static unsigned
smaller(size_t count)
{
	return count < BATCH ? (unsigned)count : BATCH;
}

/* What the peeks did not find: one visit for each shard. */
static void
get_entered(struct batch *batch, const struct cairn_store *store,
    struct cairn_store_get_request *requests)
{
	group(batch, store);
	for (unsigned first = 0; first < batch->count; first++) {
		if (!is_first(batch, store, first))
			continue;
		shard_enter(batch->place[first].shard);
		for (unsigned n = first; n != NONE; n = batch->next[n])
			requests[n].result = embed_get(&batch->place[n],
			    false, requests[n].buffer, requests[n].size,
			    &requests[n].info);
		shard_leave(batch->place[first].shard);
	}
}

static void
get_batch(struct cairn_store *store,
    struct cairn_store_get_request *requests, unsigned count)
{
	struct batch batch;
	unsigned left = 0;

	batch.count = 0;
	batch.cold = false;
	for (unsigned n = 0; n < count; n++)
		if (!add(&batch, store, requests[n].key,
		    requests[n].key_length) || (requests[n].buffer == NULL &&
		    requests[n].size > 0)) {
			batch.place[n].shard = NULL;
			requests[n].result = CAIRN_INVALID;
		}
	fetch(&batch);
	for (unsigned n = 0; n < count; n++) {
		if (batch.place[n].shard == NULL)
			continue;
		requests[n].result = embed_peek(&batch.place[n],
		    requests[n].buffer, requests[n].size, &requests[n].info);
		if (requests[n].result == CAIRN_BUSY)
			left++;
		else
			batch.place[n].shard = NULL;
	}
	if (left > 0)
		get_entered(&batch, store, requests);
}

int
cairn_store_multi_get(struct cairn_store *store,
    struct cairn_store_get_request *requests, size_t count)
{
	int good = 0;

	if (invalid(store, requests, count))
		return CAIRN_INVALID;
	while (count > 0) {
		unsigned some = smaller(count);

		get_batch(store, requests, some);
		for (unsigned n = 0; n < some; n++)
			good += requests[n].result == CAIRN_OK;
		requests += some;
		count -= some;
	}
	return good;
}

/* In a shard that is entered, but not all the time if the value is large. */
static int
set_one(struct cairn_store *store, const struct place *place,
    const struct cairn_store_set_request *request)
{
	struct store_value value = { .flags = request->flags };
	int result;

	if (request->length >= LARGE) {
		shard_leave(place->shard);
		result = cairn_store_set(store, request->key,
		    request->key_length, request->value, request->length,
		    request->flags, request->ttl);
		shard_enter(place->shard);
		return result;
	}
	value.bytes = (struct slice){
		request->length > 0 ? request->value : "", request->length,
	};
	if (request->ttl != 0) {
		expiry_of(request->ttl, &value.expiry);
		place->shard->timed = true;
		store_set_time(place->shard->store, clock_coarse_unix_ms());
	}
	result = error_of(store_put(place->shard->store, &place->key,
	    STORE_SET, &value));
	shard_written(place->shard);
	return result;
}

static void
set_batch(struct cairn_store *store,
    struct cairn_store_set_request *requests, unsigned count)
{
	struct batch batch;
	int64_t expiry;

	batch.count = 0;
	batch.cold = false;
	for (unsigned n = 0; n < count; n++)
		if (!add(&batch, store, requests[n].key,
		    requests[n].key_length) || (requests[n].value == NULL &&
		    requests[n].length > 0) ||
		    (requests[n].ttl != 0 &&
		    !expiry_of(requests[n].ttl, &expiry))) {
			batch.place[n].shard = NULL;
			requests[n].result = CAIRN_INVALID;
		}
	fetch(&batch);
	group(&batch, store);
	for (unsigned first = 0; first < count; first++) {
		if (!is_first(&batch, store, first))
			continue;
		shard_enter(batch.place[first].shard);
		for (unsigned n = first; n != NONE; n = batch.next[n])
			requests[n].result = set_one(store, &batch.place[n],
			    &requests[n]);
		shard_leave(batch.place[first].shard);
	}
}

int
cairn_store_multi_set(struct cairn_store *store,
    struct cairn_store_set_request *requests, size_t count)
{
	int good = 0;

	if (invalid(store, requests, count))
		return CAIRN_INVALID;
	while (count > 0) {
		unsigned some = smaller(count);

		set_batch(store, requests, some);
		for (unsigned n = 0; n < some; n++)
			good += requests[n].result == CAIRN_OK;
		requests += some;
		count -= some;
	}
	return good;
}

static void
delete_batch(struct cairn_store *store,
    struct cairn_store_delete_request *requests, unsigned count)
{
	struct batch batch;

	batch.count = 0;
	batch.cold = false;
	for (unsigned n = 0; n < count; n++)
		if (!add(&batch, store, requests[n].key,
		    requests[n].key_length))
			requests[n].result = CAIRN_INVALID;
	fetch(&batch);
	group(&batch, store);
	for (unsigned first = 0; first < count; first++) {
		struct shard *shard = batch.place[first].shard;

		if (!is_first(&batch, store, first))
			continue;
		shard_enter(shard);
		for (unsigned n = first; n != NONE; n = batch.next[n]) {
			requests[n].result = error_of(store_delete(
			    shard->store, &batch.place[n].key));
			shard_written(shard);
		}
		shard_leave(shard);
	}
}

int
cairn_store_multi_delete(struct cairn_store *store,
    struct cairn_store_delete_request *requests, size_t count)
{
	int good = 0;

	if (invalid(store, requests, count))
		return CAIRN_INVALID;
	while (count > 0) {
		unsigned some = smaller(count);

		delete_batch(store, requests, some);
		for (unsigned n = 0; n < some; n++)
			good += requests[n].result == CAIRN_OK;
		requests += some;
		count -= some;
	}
	return good;
}
