/* SPDX-License-Identifier: BSD-3-Clause */
/* crawl.c - see crawl.h, and store_crawl(). */
#include "store/crawl.h"

#include "store/counts.h"
#include "store/expiry.h"
#include "store/items.h"
#include "store/state.h"

bool
store_crawl(struct store *store, const bool *classes, uint64_t most)
{
	struct crawl *crawl = &store->crawl;

	if (crawl->on)
		return false;
	*crawl = (struct crawl){ .on = true };
	for (unsigned i = 0; i < store->slab.class_count; i++)
		if (classes[i])
			crawl->left[i] = most > 0 ? most : UINT64_MAX;
	return true;
}

bool
store_is_crawling(const struct store *store)
{
	return store->crawl.on;
}

static void
look(struct store *store, uint32_t handle, unsigned class)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item_kind(item) != ITEM_LINKED)
		return;
	store->crawl.left[class]--;
	store->classes[class].crawled++;
	if (!item_expired(item, store->now))
		return;
	store->classes[class].crawler_reclaimed++;
	expiry_reclaim(store, handle, items_hash(store, handle));
}

/* Is there a chunk to look at on the page? */
static bool
has_more(const struct store *store, const struct slab_page *page)
{
	const struct crawl *crawl = &store->crawl;

	return page->class != SLAB_NO_CLASS && crawl->left[page->class] > 0 &&
	    crawl->chunk < page->fresh;
}

bool
crawl_slice(struct store *store, unsigned budget)
{
	struct crawl *crawl = &store->crawl;
	struct slab *slab = &store->slab;

	for (; crawl->on && budget > 0; budget--) {
		struct slab_page *page = &slab->pages[crawl->page];

		if (crawl->page > 0 && has_more(store, page)) {
			look(store, slab_handle(slab, crawl->page,
			    crawl->chunk++), page->class);
		} else {
			crawl->page++;
			crawl->chunk = 0;
			crawl->on = crawl->page < slab->pages_touched;
		}
	}
	return crawl->on;
}
