/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.c - see evict.h.
 *
 * Each class has a CLOCK hand that goes round its pages and their chunks. An
 * item that was hit since the hand came by loses one degree of heat and
 * stays; a cold one goes. New items take the place of what went, so the hand
 * comes to them last. A class that has no page, or whose items are all held,
 * gets a page from the class that has the most.
 */
#include "store/evict.h"

#include "base/check.h"
#include "store/state.h"

/* Chunks that one call looks at; then the least hot one seen has to go. */
#define HAND_STEPS	64

/* Pages of one class that are tried before the next class is. */
#define PAGE_TRIES	64

static void
evict_item(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	store->counts.evictions++;
	if (!(item->state & ITEM_FETCHED))
		store->counts.evicted_unfetched++;
	if (item->state & ITEM_HEAT_MASK)
		store->counts.evicted_active++;
	store_unlink(store, handle);
}

/* The chunk under the hand, or 0 at a page's end; the hand goes on. */
static uint32_t
hand_next(struct slab *slab, struct slab_class *class)
{
	uint32_t page = class->hand_page, chunk = class->hand_chunk++;

	if (chunk < slab->pages[page].fresh)
		return slab_handle(slab, page, chunk);
	class->hand_page = slab->pages[page].next;
	class->hand_chunk = 0;
	return 0;
}

static bool
evict_by_hand(struct store *store, struct slab_class *class)
{
	struct slab *slab = &store->slab;
	uint32_t coldest = 0;
	unsigned least = ITEM_HEAT_MASK + 1;

	for (unsigned step = 0; step < HAND_STEPS; step++) {
		uint32_t chunk = hand_next(slab, class), handle;
		struct item *item;
		unsigned heat;

		if (chunk == 0)
			continue;
		handle = store_removable(store, chunk);
		if (handle == 0)
			continue;
		item = slab_item(slab, handle);
		heat = item->state & ITEM_HEAT_MASK;
		if (heat < least) {
			least = heat;
			coldest = handle;
		}
		if (heat == 0 || item_expired(item, store->now))
			break;
		item->state -= ITEM_HEAT_ONE;
	}
	if (coldest == 0)
		return false;
	evict_item(store, coldest);
	return true;
}

bool
evict_for_class(struct store *store, unsigned number)
{
	struct slab_class *class = &store->slab.classes[number];

	if (class->pages > 0 && evict_by_hand(store, class))
		return true;
	if (!evict_page(store))
		return false;
	store->counts.pages_moved++;
	return true;
}

/* Unlink everything on a page on which nobody holds anything. */
static void
empty_page(struct store *store, uint32_t page)
{
	struct slab *slab = &store->slab;
	uint8_t class = slab->pages[page].class;

	/* The last one to go releases the page. */
	for (uint32_t chunk = 0; slab->pages[page].class == class; chunk++) {
		uint32_t handle;

		CHECK(chunk < slab->pages[page].fresh);
		handle = slab_handle(slab, page, chunk);
		if (item_kind(slab_item(slab, handle)) == ITEM_FREE)
			continue;
		handle = store_removable(store, handle);
		CHECK(handle != 0);
		evict_item(store, handle);
	}
}

/* Not tried yet, and with the most pages of these; NULL: none is left. */
static struct slab_class *
largest_class(struct slab *slab, const bool *tried)
{
	struct slab_class *largest = NULL;

	for (unsigned i = 0; i < slab->class_count; i++) {
		struct slab_class *class = &slab->classes[i];

		if (!tried[i] && class->pages > 0 &&
		    (largest == NULL || class->pages > largest->pages))
			largest = class;
	}
	return largest;
}

bool
evict_page(struct store *store)
{
	struct slab *slab = &store->slab;
	bool tried[SLAB_CLASSES_MAX] = { false };
	struct slab_class *class;

	while ((class = largest_class(slab, tried)) != NULL) {
		uint32_t page = class->hand_page;

		tried[class - slab->classes] = true;
		for (unsigned n = 0; n < PAGE_TRIES && n < class->pages; n++) {
			if (slab->pages[page].pinned == 0) {
				empty_page(store, page);
				return true;
			}
			page = slab->pages[page].next;
		}
	}
	return false;
}
