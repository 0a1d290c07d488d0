/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peek.c - finding an item while others may change the store.
 *
 * A sequence lock (Lameter 2005): read, then see that the version is still
 * the one from before. Two things make this safe here. A handle that is read
 * from a bucket, however old, is the start of a chunk that was in use once,
 * and what was in use can be read until the store is closed. And nothing that
 * was read from a chunk is used as a length before the version has proved it
 * true. A peek writes nothing, so readers do not take cache lines from each
 * other.
 */
#include <stdatomic.h>

#include "base/racy.h"
#include "store/state.h"

/* Header and optional fields, up to the next whole word. */
#define HEAD_SIZE	32

_Static_assert(ITEM_HEADER + STORE_PEEK_CHUNK >= HEAD_SIZE,
    "the head of the last chunk is in memory");

/* An item's head, copied. */
union head {
	struct item	item;
	char		bytes[HEAD_SIZE];
};

RACY static bool
is_still(const _Atomic uint32_t *version, uint32_t seen)
{
	/* What was read before is not to be read after. */
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(version, memory_order_relaxed) == seen;
}

/* Is it an item with a value in one piece that was hit often enough? */
static bool
is_hot(const struct item *item)
{
	return (item->state & (ITEM_HEAT_MASK | ITEM_FETCHED)) ==
	    (ITEM_HEAT_MASK | ITEM_FETCHED);
}

RACY static enum store_peek
peek_item(const char *at, const union head *head, char *out, size_t size,
    struct store_peeked *peeked)
{
	const struct item *item = &head->item;
	size_t offset = (size_t)(item_value(item) - (const char *)item);

	*peeked = (struct store_peeked){
		.length = item->length,
		.flags = item_flags(item),
		.expiry = item_expiry(item),
	};
	if (!is_hot(item))
		return STORE_PEEK_COLD;
	if (item->length > size)
		return STORE_PEEK_SMALL;
	if (item->fields & (ITEM_LARGE | ITEM_HASH) ||
	    item->length > STORE_PEEK_MAX)
		return STORE_PEEK_UNSURE;
	racy_copy(out, at + offset, item->length);
	return STORE_PEEK_FOUND;
}

RACY enum store_peek
store_peek(const struct store *store, const struct store_key *key,
    const _Atomic uint32_t *version, char *out, size_t size,
    struct store_peeked *peeked)
{
	uint32_t seen = atomic_load_explicit(version, memory_order_acquire);
	uint32_t handles[INDEX_PEEK_MAX];
	unsigned count;
	bool all;

	if (seen & 1)
		return STORE_PEEK_UNSURE;
	all = index_peek(&store->index, key->hash, handles, &count);
	for (unsigned n = 0; n < count; n++) {
		const char *at = (const char *)slab_item(&store->slab,
		    handles[n]);
		enum store_peek result;
		union head head;

		racy_copy(head.bytes, at, sizeof head.bytes);
		if (head.item.key_length != key->length ||
		    head.item.fields & ITEM_WIDE)
			continue;
		if (!is_still(version, seen))
			return STORE_PEEK_UNSURE;
		if (!racy_equal(at + (item_key(&head.item) - head.bytes),
		    key->bytes, key->length))
			continue;
		result = peek_item(at, &head, out, size, peeked);
		return is_still(version, seen) ? result : STORE_PEEK_UNSURE;
	}
	return all && is_still(version, seen) ?
	    STORE_PEEK_MISS : STORE_PEEK_UNSURE;
}

RACY void
store_peek_prefetch(const struct store *store, uint64_t hash)
{
	index_peek_prefetch(&store->index, hash);
}

RACY void
store_peek_prefetch_item(const struct store *store, uint64_t hash)
{
	index_peek_prefetch_item(&store->index, hash);
}
