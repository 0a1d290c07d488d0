/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slab.c - see slab.h.
 *
 * Size classes: every 8 bytes from the smallest chunk to 256, so that small
 * items lose at most 7 bytes; then by the growth factor; once fewer than 64
 * fit a page, the chunk becomes the largest of which that many fit, so that
 * nothing is left over at the page's end. The last class is the whole page,
 * used for the pieces of large values only.
 *
 * Page size: the power of two next to limit / 1000 between 16 KB and 1 MB:
 * about a thousand pages let many classes share a small limit.
 *
 * A page is in exactly one of these places:
 *
 *   untouched ── slab_take_page ──> class (ring; on the partial list too
 *      ^                              │     while it has a free chunk)
 *      │                              v  last chunk freed
 *   returned <── above the limit ── pool
 */
#include "store/slab.h"

#include <string.h>

#include "base/check.h"
#include "os/os.h"

#define SLAB_STEP_MAX		256	/* 8-byte steps up to here */
#define SLAB_EXACT_CHUNKS	64	/* so few fill their page exactly */
#define SLAB_PAGE_SHIFT_MIN	14
#define SLAB_PAGE_SHIFT_MAX	20
#define SLAB_PAGES_PER_LIMIT	1000
#define SLAB_COMMIT_STEP	((size_t)4 << 20)

static size_t
round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static unsigned
page_shift_for(size_t limit)
{
	unsigned shift = SLAB_PAGE_SHIFT_MIN;

	while (shift < SLAB_PAGE_SHIFT_MAX &&
	    ((size_t)1 << shift) * SLAB_PAGES_PER_LIMIT < limit)
		shift++;
	return shift;
}

static size_t
next_chunk_size(const struct slab *slab, size_t size, double factor)
{
	size_t page = slab_page_size(slab);
	size_t next = size + ITEM_UNIT;

	if (size >= SLAB_STEP_MAX) {
		size_t grown = round_up((size_t)((double)size * factor),
		    ITEM_UNIT);

		if (grown > next)
			next = grown;
	}
	if (next <= page / 2 && page / next < SLAB_EXACT_CHUNKS)
		next = page / (page / next) / ITEM_UNIT * ITEM_UNIT;
	return next;
}

static void
make_classes(struct slab *slab, const struct slab_config *config)
{
	size_t page = slab_page_size(slab);
	size_t size = round_up(config->chunk_min, ITEM_UNIT);

	if (size > page / 2)
		size = page / 2;
	while (size <= page / 2 && slab->class_count < SLAB_CLASSES_MAX - 2) {
		slab->classes[slab->class_count++].chunk_size =
		    (uint32_t)size;
		size = next_chunk_size(slab, size, config->growth_factor);
	}
	if (slab->classes[slab->class_count - 1].chunk_size < page / 2)
		slab->classes[slab->class_count++].chunk_size =
		    (uint32_t)(page / 2);
	slab->classes[slab->class_count++].chunk_size = (uint32_t)page;
	for (unsigned i = 0; i < slab->class_count; i++)
		slab->classes[i].chunks =
		    (uint32_t)(page / slab->classes[i].chunk_size);
}

int
slab_open(struct slab *slab, const struct slab_config *config,
    struct error *error)
{
	size_t bytes;

	*slab = (struct slab){ .page_shift = page_shift_for(config->limit) };
	slab->reserved = config->reserve;
	bytes = (slab->reserved >> slab->page_shift) * sizeof *slab->pages;
	slab->base = os_reserve(slab->reserved);
	if (slab->base == NULL)
		return error_set(error,
		    "cannot reserve %zu MB of address space for items",
		    slab->reserved >> 20);
	slab->pages = os_reserve(bytes);
	if (slab->pages == NULL || os_commit(slab->pages, bytes) == -1) {
		slab_close(slab);
		return error_set(error,
		    "cannot reserve %zu KB for page descriptors", bytes >> 10);
	}
	slab->pages_touched = 1;	/* page 0 stays unused */
	make_classes(slab, config);
	return 0;
}

void
slab_close(struct slab *slab)
{
	if (slab->pages != NULL)
		os_release(slab->pages, (slab->reserved >> slab->page_shift) *
		    sizeof *slab->pages);
	os_release(slab->base, slab->reserved);
}

size_t
slab_single_max(const struct slab *slab)
{
	return slab_page_size(slab) / 2;
}

unsigned
slab_class_for(const struct slab *slab, size_t size)
{
	size_t first = slab->classes[0].chunk_size;
	unsigned low = 0, high = slab->class_count - 1;

	if (size <= first)
		return 0;
	if (size <= SLAB_STEP_MAX)
		return (unsigned)((size - first + ITEM_UNIT - 1) / ITEM_UNIT);
	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (slab->classes[middle].chunk_size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The ring of a class's pages; the hand, when set, is a page of the ring. */
static void
ring_add(struct slab *slab, struct slab_class *class, uint32_t page)
{
	struct slab_page *pages = slab->pages;

	if (class->pages++ == 0) {
		pages[page].next = pages[page].prev = page;
		class->hand_page = page;
		class->hand_chunk = 0;
	} else {
		uint32_t after = class->hand_page;
		uint32_t before = pages[after].prev;

		pages[page].next = after;
		pages[page].prev = before;
		pages[before].next = pages[after].prev = page;
	}
}

static void
ring_remove(struct slab *slab, struct slab_class *class, uint32_t page)
{
	struct slab_page *pages = slab->pages;

	CHECK(class->pages > 0);
	if (--class->pages == 0) {
		class->hand_page = SLAB_NO_PAGE;
	} else {
		pages[pages[page].prev].next = pages[page].next;
		pages[pages[page].next].prev = pages[page].prev;
		if (class->hand_page == page) {
			class->hand_page = pages[page].next;
			class->hand_chunk = 0;
		}
	}
}

static void
partial_add(struct slab *slab, struct slab_class *class, uint32_t page)
{
	struct slab_page *pages = slab->pages;

	pages[page].partial_prev = SLAB_NO_PAGE;
	pages[page].partial_next = class->partial;
	if (class->partial != SLAB_NO_PAGE)
		pages[class->partial].partial_prev = page;
	class->partial = page;
}

static void
partial_remove(struct slab *slab, struct slab_class *class, uint32_t page)
{
	struct slab_page *pages = slab->pages;
	uint32_t next = pages[page].partial_next;
	uint32_t prev = pages[page].partial_prev;

	if (prev == SLAB_NO_PAGE)
		class->partial = next;
	else
		pages[prev].partial_next = next;
	if (next != SLAB_NO_PAGE)
		pages[next].partial_prev = prev;
}

static bool
page_full(const struct slab_page *page, const struct slab_class *class)
{
	return page->free == 0 && page->fresh == class->chunks;
}

static uint32_t
touch_page(struct slab *slab)
{
	size_t end = (size_t)(slab->pages_touched + 1) << slab->page_shift;

	if (end > slab->reserved)
		return SLAB_NO_PAGE;
	if (end > slab->committed) {
		size_t wanted = round_up(end, SLAB_COMMIT_STEP);

		if (wanted > slab->reserved)
			wanted = slab->reserved;
		if (os_commit(slab->base + slab->committed,
		    wanted - slab->committed) == -1)
			return SLAB_NO_PAGE;
		slab->committed = wanted;
	}
	return slab->pages_touched++;
}

static uint32_t
slab_take_page(struct slab *slab)
{
	uint32_t page = slab->pool;

	if (page != SLAB_NO_PAGE) {
		slab->pool = slab->pages[page].next;
		return page;
	}
	if (slab->pages_held >= slab->pages_allowed)
		return SLAB_NO_PAGE;
	page = slab->returned;
	if (page != SLAB_NO_PAGE)
		slab->returned = slab->pages[page].next;
	else
		page = touch_page(slab);
	if (page != SLAB_NO_PAGE)
		slab->pages_held++;
	return page;
}

/* The page belongs to nobody and its memory is ours: keep or return it. */
static void
release_page(struct slab *slab, uint32_t page)
{
	uint32_t *list = &slab->pool;

	slab->pages[page].class = SLAB_NO_CLASS;
	slab->pages[page].expiry = 0;
	if (slab->pages_held > slab->pages_allowed) {
		os_discard(slab->base + ((size_t)page << slab->page_shift),
		    slab_page_size(slab));
		slab->pages_held--;
		list = &slab->returned;
	}
	slab->pages[page].next = *list;
	*list = page;
}

static bool
grow_class(struct slab *slab, struct slab_class *class)
{
	uint32_t page = slab_take_page(slab);

	if (page == SLAB_NO_PAGE)
		return false;
	slab->pages[page] = (struct slab_page){
		.class = (uint8_t)(class - slab->classes),
	};
	ring_add(slab, class, page);
	partial_add(slab, class, page);
	return true;
}

uint32_t
slab_alloc(struct slab *slab, unsigned number)
{
	struct slab_class *class = &slab->classes[number];
	struct slab_page *page;
	uint32_t handle;

	if (class->partial == SLAB_NO_PAGE && !grow_class(slab, class))
		return 0;
	page = &slab->pages[class->partial];
	handle = page->free;
	if (handle != 0) {
		CHECK(item_kind(slab_item(slab, handle)) == ITEM_FREE);
		page->free = slab_item(slab, handle)->length;
	} else {
		handle = slab_handle(slab, class->partial, page->fresh++);
	}
	page->used++;
	class->used++;
	if (page_full(page, class))
		partial_remove(slab, class, class->partial);
	return handle;
}

void
slab_free(struct slab *slab, uint32_t handle)
{
	uint32_t number = slab_page_of(slab, handle);
	struct slab_page *page = &slab->pages[number];
	struct slab_class *class = &slab->classes[page->class];
	struct item *item = slab_item(slab, handle);

	CHECK(page->used > 0 && item_kind(item) != ITEM_FREE);
	if (page->used == 1) {
		slab_free_page(slab, number);
		return;
	}
	if (page_full(page, class))
		partial_add(slab, class, number);
	*item = (struct item){ .length = page->free };
	page->free = handle;
	page->used--;
	class->used--;
}

void
slab_free_page(struct slab *slab, uint32_t number)
{
	struct slab_page *page = &slab->pages[number];
	struct slab_class *class = &slab->classes[page->class];

	CHECK(page->pinned == 0);
	if (!page_full(page, class))
		partial_remove(slab, class, number);
	class->used -= page->used;
	ring_remove(slab, class, number);
	release_page(slab, number);
}

uint32_t
slab_find_chunk(const struct slab *slab, const void *address)
{
	size_t offset = (size_t)((const char *)address - slab->base);
	uint32_t page = (uint32_t)(offset >> slab->page_shift);
	size_t within = offset & (slab_page_size(slab) - 1);

	CHECK(page < slab->pages_touched &&
	    slab->pages[page].class != SLAB_NO_CLASS);
	return slab_handle(slab, page, (uint32_t)(within /
	    slab->classes[slab->pages[page].class].chunk_size));
}

void
slab_allow(struct slab *slab, uint32_t pages)
{
	slab->pages_allowed = pages;
	while (slab->pages_held > pages && slab->pool != SLAB_NO_PAGE) {
		uint32_t page = slab->pool;

		slab->pool = slab->pages[page].next;
		release_page(slab, page);
	}
}
