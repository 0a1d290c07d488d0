/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * verify.c - walks a whole store and CHECKs that its parts agree: every chunk
 * is free or somebody's, every linked item is found under its key, and what
 * is counted is what is there. For tests; slow.
 */
#include "base/check.h"
#include "store/items.h"
#include "store/packed.h"
#include "store/segments.h"
#include "store/state.h"
#include "store/value.h"

struct sums {
	uint64_t	items[SLAB_CLASSES_MAX];
	uint64_t	bytes[SLAB_CLASSES_MAX];
	uint64_t	space_items[STORE_SPACES];
	uint64_t	all_items;
	uint64_t	pages;
};

static unsigned
class_of(const struct store *store, uint32_t handle)
{
	return store->slab.pages[slab_page_of(&store->slab, handle)].class;
}

/* That its pieces are all there; each of them is found for itself, too. */
static void
verify_hash(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item->fields & ITEM_LARGE)
		CHECK(segments_are_sound(store, handle));
	else
		CHECK(item->length > 0 && packed_is_sound((struct slice){
		    item_value(item), item->length }));
}

static void
verify_item(const struct store *store, uint32_t handle, struct sums *sums)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct store_key key = {
		item_key(item), item_key_length(item),
		items_hash(store, handle),
		store->index.spaces.in_key[item_space(item)],
	};

	CHECK(index_find(&store->index, &key) == handle);
	if (item->fields & ITEM_HASH)
		verify_hash(store, handle);
	sums->all_items++;
	sums->space_items[key.space]++;
	sums->items[class_of(store, handle)]++;
	sums->bytes[class_of(store, handle)] += item_bytes(item);
	if (!(item->fields & ITEM_LARGE))
		return;
	sums->bytes[class_of(store, handle)] -= item->length;
	if (item->fields & ITEM_HASH)
		return;
	for (uint32_t n = 0; n < value_pieces(store, item); n++)
		sums->bytes[class_of(store, item_piece(item, n))] +=
		    value_piece_size(store, item->length, n);
}

static void
verify_chunk(const struct store *store, uint32_t handle, struct sums *sums)
{
	const struct item *item = slab_item(&store->slab, handle), *owner;

	switch (item_kind(item)) {
	case ITEM_LINKED:
		verify_item(store, handle, sums);
		break;
	case ITEM_DETACHED:
		CHECK(item->pins > 0);
		break;
	case ITEM_PIECE:
		owner = slab_item(&store->slab, item->length);
		CHECK(item_kind(owner) == ITEM_LINKED ||
		    item_kind(owner) == ITEM_DETACHED);
		CHECK(owner->fields & ITEM_LARGE);
		if (owner->fields & ITEM_HASH)
			sums->bytes[class_of(store, handle)] +=
			    piece_at(store, handle)->bytes;
		break;
	default:
		CHECK(item_kind(item) == ITEM_FREE);
	}
}

/* The chunks of the page's free list, which all are free. */
static uint32_t
count_free(const struct store *store, const struct slab_page *page)
{
	uint32_t count = 0;

	for (uint32_t handle = page->free; handle != 0; count++) {
		const struct item *item = slab_item(&store->slab, handle);

		CHECK(item_kind(item) == ITEM_FREE);
		CHECK(count < page->fresh);
		handle = item->length;
	}
	return count;
}

static void
verify_page(const struct store *store, uint32_t number, struct sums *sums)
{
	const struct slab_page *page = &store->slab.pages[number];
	uint32_t used = 0;

	for (uint32_t chunk = 0; chunk < page->fresh; chunk++) {
		uint32_t handle = slab_handle(&store->slab, number, chunk);

		used += item_kind(slab_item(&store->slab, handle)) !=
		    ITEM_FREE;
		verify_chunk(store, handle, sums);
	}
	CHECK(used == page->used);
	CHECK(used + count_free(store, page) == page->fresh);
	sums->pages++;
}

static void
verify_queue(const struct store *store, unsigned number,
    enum slab_queue_name name)
{
	const struct slab_queue *queue =
	    &store->slab.classes[number].queue[name];
	uint32_t page = queue->hand_page, pages = 0;
	uint64_t used = 0;

	if (queue->pages > 0) do {
		CHECK(store->slab.pages[page].class == number);
		CHECK(store->slab.pages[page].queue == name);
		used += store->slab.pages[page].used;
		page = store->slab.pages[page].next;
		CHECK(++pages <= queue->pages);
	} while (page != queue->hand_page);
	CHECK(pages == queue->pages);
	CHECK(used == queue->used);
}

static uint32_t
count_pool(const struct slab *slab)
{
	uint32_t count = 0;

	for (uint32_t page = slab->pool; page != SLAB_NO_PAGE; count++)
		page = slab->pages[page].next;
	return count;
}

void
store_verify(const struct store *store)
{
	struct sums sums = { .pages = 0 };

	for (uint32_t page = 1; page < store->slab.pages_touched; page++)
		if (store->slab.pages[page].class != SLAB_NO_CLASS)
			verify_page(store, page, &sums);
	for (unsigned class = 0; class < store->slab.class_count; class++) {
		verify_queue(store, class, SLAB_SMALL);
		verify_queue(store, class, SLAB_MAIN);
		CHECK(sums.items[class] == store->classes[class].items);
		CHECK(sums.bytes[class] == store->classes[class].bytes);
	}
	CHECK(sums.all_items == store->index.count);
	for (unsigned space = 0; space < STORE_SPACES; space++)
		CHECK(sums.space_items[space] ==
		    store_space_items(store, space));
	CHECK(count_pool(&store->slab) == store->slab.pages_pooled);
	CHECK(sums.pages + store->slab.pages_pooled ==
	    store->slab.pages_held);
}
