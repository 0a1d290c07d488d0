/* SPDX-License-Identifier: BSD-3-Clause */
/* items.c - see items.h. */
#include "store/items.h"

#include "base/check.h"
#include "base/hash.h"
#include "store/counts.h"
#include "store/state.h"
#include "store/value.h"

void
items_free(struct store *store, uint32_t handle)
{
	value_free(store, handle);
	slab_free(&store->slab, handle);
}

uint32_t
items_removable(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item_kind(item) == ITEM_PIECE) {
		handle = item->length;
		item = slab_item(&store->slab, handle);
	}
	if (item_kind(item) != ITEM_LINKED || item->pins > 0)
		return 0;
	return handle;
}

void
items_drop(struct store *store, uint32_t handle)
{
	struct item *item = slab_item(&store->slab, handle);

	counts_unlinked(store, handle);
	if (item->pins > 0)
		item_set_kind(item, ITEM_DETACHED);
	else
		items_free(store, handle);
}

uint64_t
items_hash(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	return store_hash(store->config.hash_seed, item_key(item),
	    item_key_length(item), item_space(item));
}

void
items_unlink(struct store *store, uint32_t handle, uint64_t hash)
{
	CHECK(item_kind(slab_item(&store->slab, handle)) == ITEM_LINKED);
	index_remove(&store->index, hash, handle);
	items_drop(store, handle);
}
