/* SPDX-License-Identifier: BSD-3-Clause */
/* counts.c - see counts.h, and store.h for what is told of it. */
#include "store/counts.h"

#include "store/segments.h"
#include "store/value.h"

_Static_assert(STORE_CLASSES_MAX == SLAB_CLASSES_MAX, "one limit");

static void
count_piece(struct store *store, uint32_t hash, uint32_t piece, void *sign)
{
	(void)hash;
	counts_of(store, piece)->bytes += (uint64_t)*(const int *)sign *
	    piece_at(store, piece)->bytes;
}

static void
count_large(struct store *store, uint32_t handle, int sign)
{
	const struct item *item = slab_item(&store->slab, handle);
	uint64_t one = (uint64_t)sign;
	uint32_t pieces = value_pieces(store, item);

	counts_of(store, handle)->bytes += one *
	    item_head_size(item->fields, item_key_length(item));
	if (item->fields & ITEM_HASH) {
		segments_each(store, handle, count_piece, &sign);
		return;
	}
	for (uint32_t n = 0; n < pieces; n++)
		counts_of(store, item_piece(item, n))->bytes += one *
		    value_piece_size(store, item->length, n);
}

void
counts_rare(struct store *store, uint32_t handle, int sign)
{
	const struct item *item = slab_item(&store->slab, handle);
	uint64_t one = (uint64_t)sign;

	store->space_items[item_space(item)] += one;
	if (item->fields & ITEM_LARGE)
		count_large(store, handle, sign);
	else
		counts_of(store, handle)->bytes += one * item_bytes(item);
}

void
counts_evicted(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct store_class_counts *counts = counts_of(store, handle);

	counts->evicted++;
	if (!(item->state & ITEM_FETCHED))
		counts->evicted_unfetched++;
	if (item->state & ITEM_HEAT_MASK)
		counts->evicted_active++;
	if (item_expiry(item) != 0)
		counts->evicted_nonzero++;
	if (item->fields & ITEM_ACCESSED)
		counts->evicted_time = (uint64_t)store->now / 1000 -
		    item_accessed(item);
}

void
counts_clear(struct store *store)
{
	for (unsigned i = 0; i < store->slab.class_count; i++)
		store->classes[i].items = store->classes[i].bytes = 0;
	memset(store->space_items, 0, sizeof store->space_items);
}

uint64_t
store_items(const struct store *store)
{
	return store->index.count;
}

void
store_swap_spaces(struct store *store, unsigned a, unsigned b)
{
	struct spaces *spaces = &store->index.spaces;
	uint8_t space = spaces->in_item[a];

	spaces->in_item[a] = spaces->in_item[b];
	spaces->in_item[b] = space;
	spaces->in_key[spaces->in_item[a]] = (uint8_t)a;
	spaces->in_key[space] = (uint8_t)b;
	if (store->changed != NULL)
		store->changed(store->changed_context,
		    (struct slice){ NULL, 0 }, 0);
}

uint64_t
store_space_items(const struct store *store, unsigned space)
{
	uint64_t others = 0;

	space = store->index.spaces.in_item[space];
	if (space != 0)
		return store->space_items[space];
	for (unsigned n = 1; n < STORE_SPACES; n++)
		others += store->space_items[n];
	return store->index.count - others;
}

const struct store_counts *
store_counts(struct store *store)
{
	struct store_counts *sum = &store->counts;

	*sum = (struct store_counts){
		.items = store->index.count,
		.total_items = sum->total_items,
		.get_expired = sum->get_expired,
		.pages_moved = sum->pages_moved,
		.rescues = sum->rescues,
	};
	for (unsigned i = 0; i < store->slab.class_count; i++) {
		const struct store_class_counts *class = &store->classes[i];

		sum->bytes += class->bytes;
		sum->evictions += class->evicted;
		sum->evicted_unfetched += class->evicted_unfetched;
		sum->evicted_active += class->evicted_active;
		sum->reclaimed += class->reclaimed;
		sum->expired_unfetched += class->expired_unfetched;
		sum->crawled += class->crawled;
		sum->crawler_reclaimed += class->crawler_reclaimed;
	}
	return sum;
}

void
store_reset_counts(struct store *store)
{
	store->counts = (struct store_counts){ 0 };
	for (unsigned i = 0; i < store->slab.class_count; i++)
		store->classes[i] = (struct store_class_counts){
			.items = store->classes[i].items,
			.bytes = store->classes[i].bytes,
		};
}

bool
store_class_info(const struct store *store, unsigned number,
    struct store_class_info *out)
{
	const struct slab_class *class;

	if (number >= store->slab.class_count)
		return false;
	class = &store->slab.classes[number];
	*out = (struct store_class_info){
		.chunk_size = class->chunk_size,
		.chunks_per_page = class->chunks,
		.pages = slab_class_pages(class),
		.used_chunks = class->queue[SLAB_SMALL].used +
		    class->queue[SLAB_MAIN].used,
		.counts = store->classes[number],
	};
	return true;
}

unsigned
store_last_class(const struct store *store)
{
	unsigned class = store->last == 0 ? store->last_class :
	    store->slab.pages[slab_page_of(&store->slab, store->last)].class;

	return class == SLAB_NO_CLASS ? 0 : class;
}
