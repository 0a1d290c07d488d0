/* SPDX-License-Identifier: BSD-3-Clause */
/* read.c - get, lease, exists, ttl of an embedded store. */
#include <stddef.h>
#include <string.h>

#include "embed/embed.h"

void
embed_copy(const struct store *store, const struct store_item *item,
    char *out)
{
	struct iovec part;

	if (item->pieces == 0) {
		if (item->length > 0)
			memcpy(out, item->value, item->length);
		return;
	}
	for (unsigned n = 0; store_parts(store, item, n, &part, 1) == 1;
	    n++) {
		memcpy(out, part.iov_base, part.iov_len);
		out += part.iov_len;
	}
}

static inline void
tell(struct cairn_store_info *info, size_t length, uint32_t flags,
    int64_t expiry, uint64_t cas)
{
	if (info != NULL)
		*info = (struct cairn_store_info){
			.length = length, .expiry = expiry, .cas = cas,
			.flags = flags,
		};
}

int
embed_peek(const struct place *place, void *buffer, size_t size,
    struct cairn_store_info *info)
{
	struct store_peeked peeked;
	enum store_peek result = store_peek(place->shard->store, &place->key,
	    &place->shard->lock.version, buffer, size, &peeked);

	if (result > STORE_PEEK_SMALL || (peeked.expiry != 0 &&
	    peeked.expiry <= clock_coarse_unix_ms()))
		return CAIRN_BUSY;
	tell(info, peeked.length, peeked.flags, peeked.expiry, 0);
	return result == STORE_PEEK_FOUND ? CAIRN_OK : CAIRN_TOO_SMALL;
}

/* Copy a value while others may use the shard, which is left and entered. */
static void
copy_pinned(struct shard *shard, const struct store_item *item, char *out)
{
	shard_leave(shard);
	embed_copy(shard->store, item, out);
	lock_enter(&shard->lock);
	store_unpin_item(shard->store, item);
}

int
embed_get(const struct place *place, bool want_cas, void *buffer,
    size_t size, struct cairn_store_info *info)
{
	struct shard *shard = place->shard;
	struct store_item item;
	enum store_result result = store_get(shard->store, &place->key,
	    want_cas, &item);

	if (result != STORE_OK)
		return embed_error(result);
	tell(info, item.length, item.flags, item.expiry,
	    want_cas ? item.cas : 0);
	if (item.length > size)
		return CAIRN_TOO_SMALL;
	if (item.length >= LARGE && store_pin(shard->store, &item))
		copy_pinned(shard, &item, buffer);
	else
		embed_copy(shard->store, &item, buffer);
	return CAIRN_OK;
}

static int
get(const struct place *place, bool want_cas, void *buffer, size_t size,
    struct cairn_store_info *info)
{
	int result;

	shard_enter(place->shard);
	result = embed_get(place, want_cas, buffer, size, info);
	shard_leave(place->shard);
	return result;
}

int
cairn_store_get(struct cairn_store *store, const void *key,
    size_t key_length, void *buffer, size_t size,
    struct cairn_store_info *info)
{
	struct place place;
	int result;

	if (!locate(store, key, key_length, &place) ||
	    (buffer == NULL && size > 0))
		return CAIRN_INVALID;
	result = embed_peek(&place, buffer, size, info);
	if (result != CAIRN_BUSY)
		return result;
	return get(&place, false, buffer, size, info);
}

int
cairn_store_get_cas(struct cairn_store *store, const void *key,
    size_t key_length, void *buffer, size_t size,
    struct cairn_store_info *info)
{
	struct place place;

	if (!locate(store, key, key_length, &place) ||
	    (buffer == NULL && size > 0) || info == NULL)
		return CAIRN_INVALID;
	return get(&place, true, buffer, size, info);
}

/* Look at an item. CAIRN_OK: `*expiry` is set; or CAIRN_MISS. */
static int
look(const struct place *place, int64_t *expiry)
{
	struct shard *shard = place->shard;
	struct store_peeked peeked;
	struct store_item item;
	enum store_result result;

	switch (store_peek(shard->store, &place->key, &shard->lock.version,
	    NULL, 0, &peeked)) {
	case STORE_PEEK_FOUND:
	case STORE_PEEK_SMALL:
	case STORE_PEEK_COLD:
		if (peeked.expiry != 0 &&
		    peeked.expiry <= clock_coarse_unix_ms())
			return CAIRN_MISS;
		*expiry = peeked.expiry;
		return CAIRN_OK;
	case STORE_PEEK_MISS:
		return CAIRN_MISS;
	case STORE_PEEK_UNSURE:
		break;
	}
	shard_enter(shard);
	result = store_look(shard->store, &place->key, &item);
	shard_leave(shard);
	*expiry = result == STORE_OK ? item.expiry : 0;
	return error_of(result);
}

int
cairn_store_exists(struct cairn_store *store, const void *key,
    size_t key_length)
{
	struct place place;
	int64_t expiry;

	if (!locate(store, key, key_length, &place))
		return CAIRN_INVALID;
	return look(&place, &expiry);
}

int
cairn_store_ttl(struct cairn_store *store, const void *key,
    size_t key_length, int64_t *ttl)
{
	struct place place;
	int64_t expiry;
	int result;

	if (!locate(store, key, key_length, &place) || ttl == NULL)
		return CAIRN_INVALID;
	result = look(&place, &expiry);
	if (result != CAIRN_OK)
		return result;
	*ttl = expiry == 0 ? 0 : expiry - clock_coarse_unix_ms();
	/* It was there a moment ago. */
	if (expiry != 0 && *ttl < 1)
		*ttl = 1;
	return CAIRN_OK;
}

/*
 * Leases. Of the two numbers that are ours, the first is the item's handle,
 * never 0, or that the value was copied; the second is the shard.
 */

#define COPIED	UINT32_MAX

/* A lease of a value that was copied into it. */
static void
lease_copied(struct cairn_store_lease *lease,
    const struct cairn_store_info *info)
{
	lease->value = lease->small;
	lease->length = info->length;
	lease->expiry = info->expiry;
	lease->flags = info->flags;
	lease->parts = 1;
	lease->reserved[0] = COPIED;
	lease->reserved[1] = 0;
}

void
embed_lease(struct cairn_store_lease *lease, const struct cairn_store *store,
    const struct shard *shard, const struct store_item *item)
{
	lease->value = item->value;
	lease->length = item->length;
	lease->expiry = item->expiry;
	lease->flags = item->flags;
	lease->parts = item->pieces == 0 ? 1 : item->pieces;
	lease->reserved[0] = item->handle;
	lease->reserved[1] = (uint32_t)(shard - store->shards);
}

/* In a shard that is entered. */
static int
lease_entered(const struct cairn_store *store, const struct place *place,
    struct cairn_store_lease *lease)
{
	struct shard *shard = place->shard;
	struct store_item item;
	enum store_result result = store_get(shard->store, &place->key,
	    false, &item);

	if (result != STORE_OK)
		return embed_error(result);
	if (item.length <= sizeof lease->small) {
		const struct cairn_store_info info = {
			.length = item.length, .expiry = item.expiry,
			.flags = item.flags,
		};

		embed_copy(shard->store, &item, lease->small);
		lease_copied(lease, &info);
		return CAIRN_OK;
	}
	if (!store_pin(shard->store, &item))
		return CAIRN_BUSY;
	embed_lease(lease, store, shard, &item);
	return CAIRN_OK;
}

int
cairn_store_lease(struct cairn_store *store, const void *key,
    size_t key_length, struct cairn_store_lease *lease)
{
	struct cairn_store_info info;
	struct place place;
	int result;

	if (!locate(store, key, key_length, &place) || lease == NULL)
		return CAIRN_INVALID;
	result = embed_peek(&place, lease->small, sizeof lease->small, &info);
	if (result == CAIRN_OK) {
		lease_copied(lease, &info);
		return CAIRN_OK;
	}
	if (result == CAIRN_MISS)
		return result;
	shard_enter(place.shard);
	result = lease_entered(store, &place, lease);
	shard_leave(place.shard);
	return result;
}

static bool
is_lease(const struct cairn_store *store,
    const struct cairn_store_lease *lease)
{
	return store != NULL && lease != NULL && lease->reserved[0] != 0 &&
	    lease->reserved[1] <= store->shard_mask;
}

/* What the store knows the leased item by. */
static struct store_item
leased_item(const struct cairn_store_lease *lease)
{
	return (struct store_item){
		.handle = lease->reserved[0],
		.pieces = lease->value == NULL ? lease->parts : 0,
	};
}

unsigned
cairn_store_lease_parts(const struct cairn_store *store,
    const struct cairn_store_lease *lease, unsigned first,
    struct iovec *parts, unsigned count)
{
	struct store_item item;

	if (!is_lease(store, lease) || parts == NULL)
		return 0;
	if (lease->reserved[0] == COPIED) {
		if (first > 0 || count == 0)
			return 0;
		parts[0].iov_base = (void *)(uintptr_t)lease->value;
		parts[0].iov_len = lease->length;
		return 1;
	}
	item = leased_item(lease);
	return store_parts(store->shards[lease->reserved[1]].store, &item,
	    first, parts, count);
}

/* The memory of a value is nobody's any more. */
static void
unpin(struct cairn_store *store, const struct cairn_store_lease *lease)
{
	struct shard *shard = &store->shards[lease->reserved[1]];
	const struct store_item item = leased_item(lease);

	lock_enter(&shard->lock);
	store_unpin_item(shard->store, &item);
	shard_leave(shard);
}

int
cairn_store_release(struct cairn_store *store,
    struct cairn_store_lease *lease)
{
	if (!is_lease(store, lease))
		return CAIRN_INVALID;
	if (lease->reserved[0] != COPIED)
		unpin(store, lease);
	memset(lease, 0, offsetof(struct cairn_store_lease, small));
	return CAIRN_OK;
}
