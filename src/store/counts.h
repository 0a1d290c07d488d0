/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counts.h - what each slab class holds. Private to src/store/.
 *
 * Items and bytes are counted by class only; the store's are their sum. An
 * item counts in the class of its head, its bytes in the classes of the
 * chunks that hold them.
 */
#ifndef STORE_COUNTS_H
#define STORE_COUNTS_H

#include <stdint.h>

#include "store/state.h"

static inline struct store_class_counts *
counts_of(struct store *store, uint32_t handle)
{
	return &store->classes[store->slab.pages[slab_page_of(&store->slab,
	    handle)].class];
}

/*
 * The slow half of counts_linked() and counts_unlinked(): items that have
 * pieces, or may be in another space.
 */
void	counts_rare(struct store *, uint32_t handle, int sign);

/* An item came into the index, or is as it will be from now on. */
static inline void
counts_linked(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct store_class_counts *counts = counts_of(store, handle);

	counts->items++;
	if (item->fields & (ITEM_LARGE | ITEM_WIDE))
		counts_rare(store, handle, 1);
	else
		counts->bytes += item_bytes(item);
}

/* An item leaves the index, or is going to change. */
static inline void
counts_unlinked(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct store_class_counts *counts = counts_of(store, handle);

	counts->items--;
	if (item->fields & (ITEM_LARGE | ITEM_WIDE))
		counts_rare(store, handle, -1);
	else
		counts->bytes -= item_bytes(item);
}

/* An item is going to be evicted. */
void	counts_evicted(struct store *, uint32_t handle);

/* All items are gone. */
void	counts_clear(struct store *);

#endif
