/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * multi.c - many keys at once in an embedded store.
 *
 * A batch of up to 64 requests goes in steps: hash the keys and fetch their
 * index buckets; fetch the items; then carry the requests out, in their
 * order. So the batch waits for memory about as long as one request does.
 * What is small enough to be in the cache is not fetched.
 *
 * The steps are the same for every kind of request. multi() is inlined with
 * a kind that is known then, so what differs is called directly.
 */
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "embed/embed.h"

#define BATCH	64

/* What all requests begin with. */
struct keyed {
	const void	*key;
	size_t		 key_length;
};

#define IS_KEYED(type)							\
	_Static_assert(offsetof(struct type, key) ==			\
	    offsetof(struct keyed, key) && offsetof(struct type,	\
	    key_length) == offsetof(struct keyed, key_length), "key first")

IS_KEYED(cairn_store_get_request);
IS_KEYED(cairn_store_set_request);
IS_KEYED(cairn_store_delete_request);

struct kind {
	size_t	size;			/* of a request */
	size_t	result;			/* where in it the result is */
	/* Does it make sense, but for its key? */
	bool	(*is_valid)(const void *request);
	/* NULL, or try without entering the shard; CAIRN_BUSY: enter it. */
	int	(*peek)(const struct place *, void *request);
	/* The shard is entered. */
	int	(*carry_out)(struct cairn_store *, const struct place *,
		    void *request);
};

struct batch {
	bool		cold;		/* some shard of these is */
	struct place	place[BATCH];	/* shard NULL: it is dealt with */
};

/* Locate the key and fetch its bucket. False: it makes no sense. */
INLINE bool
add(struct batch *batch, struct place *place, const struct cairn_store *store,
    const char *request)
{
	struct keyed keyed;

	memcpy(&keyed, request, sizeof keyed);
	if (!locate(store, keyed.key, keyed.key_length, place))
		return false;
	if (atomic_load_explicit(&place->shard->cold, memory_order_relaxed)) {
		store_peek_prefetch(place->shard->store, place->key.hash);
		batch->cold = true;
	}
	return true;
}

/* The buckets are on their way: fetch the items. */
static void
fetch(const struct batch *batch, unsigned count)
{
	for (unsigned n = 0; n < count; n++)
		if (batch->place[n].shard != NULL)
			store_peek_prefetch_item(batch->place[n].shard->store,
			    batch->place[n].key.hash);
}

INLINE int *
result_of(const struct kind *kind, char *request)
{
	return (int *)(void *)(request + kind->result);
}

/* A shard is entered once for successive requests. */
INLINE void
enter_and_carry_out(struct batch *batch, struct cairn_store *store,
    const struct kind *kind, char *requests, unsigned count)
{
	struct shard *entered = NULL;

	for (unsigned n = 0; n < count; n++, requests += kind->size) {
		const struct place *place = &batch->place[n];

		if (place->shard == NULL)
			continue;
		if (place->shard != entered) {
			if (entered != NULL)
				shard_leave(entered);
			entered = place->shard;
			shard_enter(entered);
		}
		*result_of(kind, requests) = kind->carry_out(store, place,
		    requests);
	}
	if (entered != NULL)
		shard_leave(entered);
}

/* Returns how many are left to be carried out. */
INLINE unsigned
peek_all(struct batch *batch, const struct kind *kind, char *requests,
    unsigned count)
{
	unsigned left = 0;

	for (unsigned n = 0; n < count; n++, requests += kind->size) {
		struct place *place = &batch->place[n];
		int *result = result_of(kind, requests);

		if (place->shard == NULL)
			continue;
		*result = kind->peek(place, requests);
		if (*result == CAIRN_BUSY)
			left++;
		else
			place->shard = NULL;
	}
	return left;
}

INLINE void
do_batch(struct cairn_store *store, const struct kind *kind, char *requests,
    unsigned count)
{
	struct batch batch;
	char *request = requests;

	batch.cold = false;
	for (unsigned n = 0; n < count; n++, request += kind->size)
		if (!add(&batch, &batch.place[n], store, request) ||
		    !kind->is_valid(request)) {
			batch.place[n].shard = NULL;
			*result_of(kind, request) = CAIRN_INVALID;
		}
	if (batch.cold)
		fetch(&batch, count);
	if (kind->peek == NULL ||
	    peek_all(&batch, kind, requests, count) > 0)
		enter_and_carry_out(&batch, store, kind, requests, count);
}

INLINE int
multi(struct cairn_store *store, const struct kind *kind, void *requests,
    size_t count)
{
	char *request = requests;
	int good = 0;

	if (store == NULL || requests == NULL || count > INT_MAX)
		return CAIRN_INVALID;
	while (count > 0) {
		unsigned some = count < BATCH ? (unsigned)count : BATCH;

		do_batch(store, kind, request, some);
		count -= some;
		for (; some > 0; some--, request += kind->size)
			good += *result_of(kind, request) == CAIRN_OK;
	}
	return good;
}

static inline bool
get_is_valid(const void *request)
{
	const struct cairn_store_get_request *get = request;

	return get->buffer != NULL || get->size == 0;
}

static inline int
get_peek(const struct place *place, void *request)
{
	struct cairn_store_get_request *get = request;

	return embed_peek(place, get->buffer, get->size, &get->info);
}

static inline int
get_carry_out(struct cairn_store *store, const struct place *place,
    void *request)
{
	struct cairn_store_get_request *get = request;

	(void)store;
	return embed_get(place, false, get->buffer, get->size, &get->info);
}

int
cairn_store_multi_get(struct cairn_store *store,
    struct cairn_store_get_request *requests, size_t count)
{
	static const struct kind kind = {
		sizeof *requests,
		offsetof(struct cairn_store_get_request, result),
		get_is_valid, get_peek, get_carry_out,
	};

	return multi(store, &kind, requests, count);
}

static inline bool
set_is_valid(const void *request)
{
	const struct cairn_store_set_request *set = request;
	int64_t expiry;

	return (set->value != NULL || set->length == 0) &&
	    (set->ttl == 0 || expiry_of(set->ttl, &expiry));
}

/* A large value is stored as a single one is; not all the time entered. */
static int
set_large(struct cairn_store *store, const struct place *place,
    const struct cairn_store_set_request *set)
{
	int result;

	shard_leave(place->shard);
	result = cairn_store_set(store, set->key, set->key_length, set->value,
	    set->length, set->flags, set->ttl);
	shard_enter(place->shard);
	return result;
}

static inline int
set_carry_out(struct cairn_store *store, const struct place *place,
    void *request)
{
	const struct cairn_store_set_request *set = request;
	struct store_value value = {
		.bytes = { set->length > 0 ? set->value : "", set->length },
		.flags = set->flags,
	};
	enum store_result result;

	if (set->length >= LARGE)
		return set_large(store, place, set);
	if (set->ttl != 0) {
		expiry_of(set->ttl, &value.expiry);
		place->shard->timed = true;
		store_set_time(place->shard->store, clock_coarse_unix_ms());
	}
	result = store_put(place->shard->store, &place->key, STORE_SET,
	    &value);
	shard_written(place->shard);
	return error_of(result);
}

int
cairn_store_multi_set(struct cairn_store *store,
    struct cairn_store_set_request *requests, size_t count)
{
	static const struct kind kind = {
		sizeof *requests,
		offsetof(struct cairn_store_set_request, result),
		set_is_valid, NULL, set_carry_out,
	};

	return multi(store, &kind, requests, count);
}

static inline bool
delete_is_valid(const void *request)
{
	(void)request;
	return true;
}

static inline int
delete_carry_out(struct cairn_store *store, const struct place *place,
    void *request)
{
	enum store_result result = store_delete(place->shard->store,
	    &place->key);

	(void)store;
	(void)request;
	shard_written(place->shard);
	return error_of(result);
}

int
cairn_store_multi_delete(struct cairn_store *store,
    struct cairn_store_delete_request *requests, size_t count)
{
	static const struct kind kind = {
		sizeof *requests,
		offsetof(struct cairn_store_delete_request, result),
		delete_is_valid, NULL, delete_carry_out,
	};

	return multi(store, &kind, requests, count);
}
