/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expiry.c - see expiry.h.
 *
 * Each page knows a time before which nothing on it expires (0: nothing ever
 * does). A slice goes on round the pages from where the last one stopped and
 * looks into those whose time has come, chunk by chunk; a page that it saw to
 * the end gets the soonest time that is still to come on it. Pages without
 * expiring items cost one comparison a round.
 */
#include "store/expiry.h"

#include "store/state.h"

/* Descriptors passed over cost this many to one chunk looked at. */
#define PAGES_PER_CHUNK	8

void
expiry_note(struct store *store, uint32_t handle, int64_t expiry)
{
	uint32_t number = slab_page_of(&store->slab, handle);
	struct slab_page *page = &store->slab.pages[number];

	if (expiry == 0)
		return;
	if (page->expiry == 0 || expiry < page->expiry)
		page->expiry = expiry;
	/* The round is past this chunk or will come to it: either is fine. */
	if (number == store->expiry_page &&
	    (store->expiry_seen == 0 || expiry < store->expiry_seen))
		store->expiry_seen = expiry;
}

void
expiry_reclaim(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	store->counts.reclaimed++;
	if (!(item->state & ITEM_FETCHED))
		store->counts.expired_unfetched++;
	store_unlink(store, handle);
}

/* Look at one chunk; note the soonest expiry that is still to come. */
static void
visit(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	int64_t expiry;

	if (item_kind(item) != ITEM_LINKED)
		return;
	expiry = item_expiry(item);
	if (expiry == 0)
		return;
	if (expiry <= store->now)
		expiry_reclaim(store, handle);
	else if (store->expiry_seen == 0 || expiry < store->expiry_seen)
		store->expiry_seen = expiry;
}

static void
next_page(struct store *store)
{
	if (++store->expiry_page >= store->slab.pages_touched)
		store->expiry_page = 1;
	store->expiry_chunk = 0;
	store->expiry_seen = 0;
}

bool
expiry_slice(struct store *store, unsigned budget)
{
	struct slab *slab = &store->slab;
	unsigned looked = 0;

	for (uint32_t pages = 0; pages < slab->pages_touched; ) {
		struct slab_page *page = &slab->pages[store->expiry_page];

		if (page->class != SLAB_NO_CLASS && page->expiry != 0 &&
		    page->expiry <= store->now &&
		    store->expiry_chunk < page->fresh) {
			if (looked++ == budget)
				return true;
			visit(store, slab_handle(slab, store->expiry_page,
			    store->expiry_chunk++));
			continue;
		}
		if (store->expiry_chunk > 0 && page->class != SLAB_NO_CLASS)
			page->expiry = store->expiry_seen;
		next_page(store);
		if (++pages % PAGES_PER_CHUNK == 0 && looked++ == budget)
			return true;
	}
	return false;
}
