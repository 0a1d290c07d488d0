/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * items.h - how an item comes, is found, and leaves. Private to src/store/.
 */
#ifndef STORE_ITEMS_H
#define STORE_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/state.h"

/* The hash of an item's key. */
uint64_t items_hash(const struct store *, uint32_t handle);

/* The slow half of items_find(): an item that may be due, and gone then. */
uint32_t items_still_there(struct store *, const struct store_key *,
	    uint32_t handle);

/* The same for a key that is to have a string. */
uint32_t items_still_string(struct store *, const struct store_key *,
	    uint32_t handle);

/* The key's item, if it is there and not due; or 0. */
static inline uint32_t
items_find(struct store *store, const struct store_key *key)
{
	uint32_t handle = index_find(&store->index, key);

	if (handle == 0 || !(slab_item(&store->slab, handle)->fields &
	    (ITEM_EXPIRY | ITEM_FADING)))
		return handle;
	return items_still_there(store, key, handle);
}

/* The same, but ITEMS_NO_STRING if it is a hash: no handle is 1. */
#define ITEMS_NO_STRING	1

static inline uint32_t
items_find_string(struct store *store, const struct store_key *key)
{
	uint32_t handle = index_find(&store->index, key);

	if (handle == 0 || !(slab_item(&store->slab, handle)->fields &
	    (ITEM_EXPIRY | ITEM_HASH)))
		return handle;
	return items_still_string(store, key, handle);
}

/*
 * A chunk of `size` bytes for an item or a piece; `proven` as for
 * evict_alloc(). 0: no memory, which is counted.
 */
uint32_t items_alloc(struct store *, size_t size, bool proven);

/* The fields that a value needs; `before` are those of the item it follows. */
unsigned items_fields(const struct store *, const struct store_key *,
	    size_t length, uint32_t flags, int64_t expiry, unsigned before);

/* The size of an item's first chunk; adds ITEM_LARGE if there are more. */
size_t	items_first_size(const struct store *, size_t key_length,
	    size_t length, unsigned *fields);

/* Write the optional fields that an item has, and its key. */
void	items_write_head(struct store *, struct item *,
	    const struct store_key *, uint32_t flags, int64_t expiry);

/*
 * A detached item without its value. STORE_TOO_LARGE or STORE_NO_MEMORY:
 * nothing was taken.
 */
enum store_result items_new(struct store *, const struct store_key *,
	    size_t length, uint32_t flags, int64_t expiry, unsigned before,
	    uint32_t *handle);

/*
 * Make a detached item the key's one, in place of `old` if that is not 0.
 * STORE_NO_MEMORY: it is free again, unless it is pinned.
 */
enum store_result items_link(struct store *, const struct store_key *,
	    uint32_t handle, uint32_t old);

/* The slow half of items_changed(). */
void	items_tell_changed(const struct store *, uint32_t handle, bool asked);

/* A linked item is another now: it came, it changed, or it goes. */
static inline void
items_changed(const struct store *store, uint32_t handle)
{
	if (store->changed != NULL)
		items_tell_changed(store, handle, true);
}

/*
 * A detached item takes the place of a linked one that has its key; so do its
 * pieces. The chunk of that is free then.
 */
void	items_replace(struct store *, uint32_t handle, uint32_t by);

/* The same, and nobody asked for that. */
static inline void
items_changed_by_itself(const struct store *store, uint32_t handle)
{
	if (store->changed != NULL)
		items_tell_changed(store, handle, false);
}

/* The cas unique changes with every write, if the item has one. */
static inline void
items_renew_cas(struct store *store, struct item *item)
{
	if (item->fields & ITEM_CAS)
		item_set_cas(item, ++store->cas);
}

/*
 * From here to items_release() neither the item nor its pieces move or go,
 * whatever has to for other memory. The last one held is released first.
 */
void	items_hold(struct store *, uint32_t handle);
void	items_release(struct store *, uint32_t handle);

/* Is the chunk, or what it is a piece of, held so? */
bool	items_is_held(const struct store *, uint32_t chunk);

/*
 * The item that chunk `handle` belongs to, if that may be unlinked now: it
 * is in the index and nobody holds it. Otherwise 0.
 */
uint32_t items_removable(const struct store *, uint32_t handle);

/*
 * Take a linked item out of the index. Its memory is free at once, or when
 * the last pin is gone.
 */
void	items_unlink(struct store *, uint32_t handle, uint64_t hash);

/* The same for one that nobody asked to unlink: it was due, or evicted. */
void	items_lose(struct store *, uint32_t handle, uint64_t hash);

/* The same for an item that is in the index no longer. */
void	items_drop(struct store *, uint32_t handle);

/* Free an item that was never linked, or is not any more, with its pieces. */
void	items_free(struct store *, uint32_t handle);

#endif
