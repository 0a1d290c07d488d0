/* SPDX-License-Identifier: BSD-3-Clause */
/* write.c - set and its kin, counters, expiry of an embedded store. */
#include <string.h>

#include "embed/embed.h"

/* The caller's bytes; where there are none, NULL will do. */
static inline bool
bytes_of(const void *value, size_t length, struct slice *bytes)
{
	if (value == NULL && length > 0)
		return false;
	*bytes = (struct slice){ length > 0 ? value : "", length };
	return true;
}

/* Write a draft's value; nobody else knows of it. */
static void
fill(const struct store *store, uint32_t draft, struct slice bytes)
{
	struct store_item item;
	struct iovec part;

	store_draft_item(store, draft, &item);
	for (unsigned n = 0; store_parts(store, &item, n, &part, 1) == 1;
	    n++) {
		memcpy(part.iov_base, bytes.bytes, part.iov_len);
		bytes.bytes += part.iov_len;
	}
}

/*
 * Store a large value: get memory, fill it while others may use the shard,
 * and make it the key's value.
 */
static enum store_result
put_large(const struct place *place, enum store_mode mode,
    struct store_value *value)
{
	struct shard *shard = place->shard;
	enum store_result result;

	shard_enter_timed(shard, value->expiry);
	result = store_draft(shard->store, &place->key,
	    (uint32_t)value->bytes.length, value->flags, value->expiry,
	    &value->draft);
	if (result == STORE_OK) {
		shard_leave(shard);
		fill(shard->store, value->draft, value->bytes);
		shard_enter(shard);
		result = store_put(shard->store, &place->key, mode, value);
	} else if (mode == STORE_SET) {
		store_delete(shard->store, &place->key);
	}
	shard_written(shard);
	shard_leave(shard);
	return result;
}

INLINE int
put(struct cairn_store *store, const void *key, size_t key_length,
    enum store_mode mode, const void *bytes, size_t length, uint32_t flags,
    int64_t ttl, uint64_t cas)
{
	struct store_value value = { .flags = flags, .cas = cas };
	struct place place;
	enum store_result result;

	if (!locate(store, key, key_length, &place) ||
	    !bytes_of(bytes, length, &value.bytes) ||
	    !expiry_of(ttl, &value.expiry))
		return CAIRN_INVALID;
	/* Where nobody else can wait for the shard, it is just stored. */
	if (length >= LARGE && length <= UINT32_MAX && !os_alone() &&
	    mode != STORE_APPEND && mode != STORE_PREPEND)
		return error_of(put_large(&place, mode, &value));
	shard_enter_timed(place.shard, value.expiry);
	result = store_put(place.shard->store, &place.key, mode, &value);
	shard_written(place.shard);
	shard_leave(place.shard);
	return error_of(result);
}

int
cairn_store_set(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length, uint32_t flags,
    int64_t ttl)
{
	return put(store, key, key_length, STORE_SET, value, length, flags,
	    ttl, 0);
}

int
cairn_store_add(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length, uint32_t flags,
    int64_t ttl)
{
	return put(store, key, key_length, STORE_ADD, value, length, flags,
	    ttl, 0);
}

int
cairn_store_replace(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length, uint32_t flags,
    int64_t ttl)
{
	return put(store, key, key_length, STORE_REPLACE, value, length,
	    flags, ttl, 0);
}

int
cairn_store_compare_and_set(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length, uint32_t flags,
    int64_t ttl, uint64_t cas)
{
	return put(store, key, key_length, STORE_CAS, value, length, flags,
	    ttl, cas);
}

int
cairn_store_append(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length)
{
	return put(store, key, key_length, STORE_APPEND, value, length, 0, 0,
	    0);
}

int
cairn_store_prepend(struct cairn_store *store, const void *key,
    size_t key_length, const void *value, size_t length)
{
	return put(store, key, key_length, STORE_PREPEND, value, length, 0, 0,
	    0);
}

/* In a shard that is entered: neither fails without leaving the old value. */
static int
get_and_set(const struct place *place, const struct store_value *value,
    void *buffer, size_t size, struct cairn_store_info *info)
{
	struct store *store = place->shard->store;
	enum store_result result;
	struct store_item old;
	enum store_mode mode = STORE_ADD;

	if (store_look(store, &place->key, &old) == STORE_OK) {
		if (info != NULL)
			*info = (struct cairn_store_info){
				.length = old.length, .expiry = old.expiry,
				.flags = old.flags,
			};
		if (old.length > size)
			return CAIRN_TOO_SMALL;
		embed_copy(store, &old, buffer);
		mode = STORE_REPLACE;
	}
	result = store_put(store, &place->key, mode, value);
	if (result != STORE_OK)
		return embed_error(result);
	return mode == STORE_REPLACE ? CAIRN_OK : CAIRN_MISS;
}

int
cairn_store_get_and_set(struct cairn_store *store, const void *key,
    size_t key_length, const void *bytes, size_t length, uint32_t flags,
    int64_t ttl, void *buffer, size_t size, struct cairn_store_info *info)
{
	struct store_value value = { .flags = flags };
	struct place place;
	int result;

	if (!locate(store, key, key_length, &place) ||
	    !bytes_of(bytes, length, &value.bytes) ||
	    !expiry_of(ttl, &value.expiry) || (buffer == NULL && size > 0))
		return CAIRN_INVALID;
	shard_enter_timed(place.shard, value.expiry);
	result = get_and_set(&place, &value, buffer, size, info);
	shard_written(place.shard);
	shard_leave(place.shard);
	return result;
}

int
cairn_store_delete(struct cairn_store *store, const void *key,
    size_t key_length)
{
	struct place place;
	enum store_result result;

	if (!locate(store, key, key_length, &place))
		return CAIRN_INVALID;
	shard_enter(place.shard);
	result = store_delete(place.shard->store, &place.key);
	shard_written(place.shard);
	shard_leave(place.shard);
	return error_of(result);
}

INLINE int
count(struct cairn_store *store, const void *key, size_t key_length,
    bool subtract, uint64_t delta, uint64_t *result)
{
	struct place place;
	enum store_result outcome;
	uint64_t number;

	if (!locate(store, key, key_length, &place))
		return CAIRN_INVALID;
	shard_enter(place.shard);
	outcome = store_add_number(place.shard->store, &place.key, subtract,
	    delta, false, &number);
	shard_written(place.shard);
	shard_leave(place.shard);
	if (outcome == STORE_OK && result != NULL)
		*result = number;
	return error_of(outcome);
}

int
cairn_store_incr(struct cairn_store *store, const void *key,
    size_t key_length, uint64_t delta, uint64_t *result)
{
	return count(store, key, key_length, false, delta, result);
}

int
cairn_store_decr(struct cairn_store *store, const void *key,
    size_t key_length, uint64_t delta, uint64_t *result)
{
	return count(store, key, key_length, true, delta, result);
}

static int
count_from(struct cairn_store *store, const void *key, size_t key_length,
    bool subtract, uint64_t delta, uint64_t initial, int64_t ttl,
    uint64_t *result)
{
	char digits[DECIMAL_MAX];
	struct store_value value = {
		.bytes = { digits, decimal_format(digits, initial) },
	};
	struct place place;
	enum store_result outcome;
	uint64_t number;

	if (!locate(store, key, key_length, &place) ||
	    !expiry_of(ttl, &value.expiry))
		return CAIRN_INVALID;
	shard_enter_timed(place.shard, value.expiry);
	outcome = store_add_number(place.shard->store, &place.key, subtract,
	    delta, false, &number);
	if (outcome == STORE_MISS) {
		number = initial;
		outcome = store_put(place.shard->store, &place.key, STORE_ADD,
		    &value);
	}
	shard_written(place.shard);
	shard_leave(place.shard);
	if (outcome == STORE_OK && result != NULL)
		*result = number;
	return error_of(outcome);
}

int
cairn_store_incr_from(struct cairn_store *store, const void *key,
    size_t key_length, uint64_t delta, uint64_t initial, int64_t ttl,
    uint64_t *result)
{
	return count_from(store, key, key_length, false, delta, initial, ttl,
	    result);
}

int
cairn_store_decr_from(struct cairn_store *store, const void *key,
    size_t key_length, uint64_t delta, uint64_t initial, int64_t ttl,
    uint64_t *result)
{
	return count_from(store, key, key_length, true, delta, initial, ttl,
	    result);
}

int
cairn_store_expire(struct cairn_store *store, const void *key,
    size_t key_length, int64_t ttl)
{
	struct place place;
	struct store_item item;
	enum store_result result;
	int64_t expiry;

	if (!locate(store, key, key_length, &place) ||
	    !expiry_of(ttl, &expiry))
		return CAIRN_INVALID;
	shard_enter_timed(place.shard, expiry);
	result = store_touch(place.shard->store, &place.key, expiry, false,
	    &item);
	shard_written(place.shard);
	shard_leave(place.shard);
	return error_of(result);
}

int
cairn_store_persist(struct cairn_store *store, const void *key,
    size_t key_length)
{
	return cairn_store_expire(store, key, key_length, 0);
}
