/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * entries.h - where the entries of a hash lie, small or large. Private to
 * src/store/.
 *
 * A small hash has one run of entries, its value; a large one has a run in
 * each segment.
 */
#ifndef STORE_ENTRIES_H
#define STORE_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/fields.h"
#include "store/packed.h"
#include "store/segments.h"
#include "store/state.h"

static inline bool
entries_are_spread(const struct store *store, uint32_t hash)
{
	return slab_item(&store->slab, hash)->fields & ITEM_LARGE;
}

static inline uint32_t
entries_runs(const struct store *store, uint32_t hash)
{
	return entries_are_spread(store, hash) ?
	    item_trunk(slab_item(&store->slab, hash)).count : 1;
}

static inline struct slice
entries_run(const struct store *store, uint32_t hash, uint32_t run)
{
	const struct item *item = slab_item(&store->slab, hash);

	if (entries_are_spread(store, hash))
		return segments_entries(store, hash, run);
	return (struct slice){ item_value(item), item->length };
}

static inline bool
entries_is_due(const struct store *store, const struct packed_entry *entry)
{
	return entry->expiry != 0 && entry->expiry <= store->now;
}

/* An entry of a run, as others see it. */
void	entries_describe(const struct packed_entry *, uint32_t run,
	    struct field *);

#endif
