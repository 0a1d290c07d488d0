/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fading.c - see fading.h.
 *
 * The timing wheel has a mark for each chunk. That of a small hash is for the
 * first of its own expiry and those of its fields; in a large one, each
 * segment has a mark for the first of its fields. So what is looked at when a
 * field falls due is its segment, not the hash.
 */
#include "store/fading.h"

#include "store/counts.h"
#include "store/entries.h"
#include "store/expiry.h"
#include "store/items.h"

static struct item *
item_at(const struct store *store, uint32_t handle)
{
	return slab_item(&store->slab, handle);
}

int64_t
fading_first(const struct store *store, uint32_t chunk)
{
	bool whole = item_kind(item_at(store, chunk)) != ITEM_PIECE;
	struct slice entries = whole ? entries_run(store, chunk, 0) :
	    segments_entries(store, item_at(store, chunk)->length,
	    segments_number_of(store, chunk));
	struct packed_entry entry;
	int64_t first = 0;
	uint32_t at = 0;

	while (packed_next(entries, &at, &entry))
		if (entry.expiry != 0 && (first == 0 || entry.expiry < first))
			first = entry.expiry;
	return first;
}

/* Remove the due entries of a segment. Returns how many there were. */
static uint32_t
remove_entries(struct store *store, uint32_t hash, uint32_t segment,
    uint32_t *length)
{
	struct slice entries = entries_run(store, hash, segment);
	char *bytes = (char *)(uintptr_t)entries.bytes;
	struct packed_entry entry;
	uint32_t at = 0, removed = 0;

	*length = (uint32_t)entries.length;
	while (packed_next((struct slice){ bytes, *length }, &at, &entry)) {
		if (!entries_is_due(store, &entry))
			continue;
		if (entry.outside)
			pieces_free_apart(store, hash, entry.value);
		packed_delete(bytes, length, &entry);
		at = entry.at;
		removed++;
	}
	return removed;
}

/* False: nothing is left in the hash, which is gone. */
static bool
remove_from(struct store *store, uint32_t hash, uint32_t segment)
{
	struct item *item = item_at(store, hash);
	struct item_trunk trunk;
	uint32_t length;
	uint32_t removed = remove_entries(store, hash, segment, &length);

	if (removed == 0)
		return true;
	items_renew_cas(store, item);
	items_changed_by_itself(store, hash);
	if (entries_are_spread(store, hash)) {
		trunk = item_trunk(item);
		trunk.fields -= removed;
		item_set_trunk(item, trunk);
		segments_resized(store, hash, segment, length);
		if (trunk.fields > 0)
			return true;
	} else {
		counts_of(store, hash)->bytes -= item->length - length;
		item->length = length;
		if (length > 0)
			return true;
	}
	expiry_reclaim(store, hash, items_hash(store, hash));
	return false;
}

bool
fading_remove(struct store *store, uint32_t hash)
{
	uint32_t count = entries_runs(store, hash);

	for (uint32_t n = 0; n < count; n++)
		if (!remove_from(store, hash, n))
			return false;
	return true;
}

bool
fading_sweep(struct store *store, uint32_t chunk)
{
	uint32_t hash = chunk, segment = 0;

	if (item_kind(item_at(store, chunk)) == ITEM_PIECE) {
		hash = item_at(store, chunk)->length;
		segment = segments_number_of(store, chunk);
	}
	if (!remove_from(store, hash, segment))
		return false;
	if (entries_are_spread(store, hash))
		segments_shrink(store, hash);
	return true;
}
