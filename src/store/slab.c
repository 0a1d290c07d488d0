/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slab.c - see slab.h.
 *
 * Size classes: every 8 bytes from the smallest chunk to 128, so that small
 * items lose at most 7 bytes; then by the growth factor; once fewer than 64
 * fit a page, the chunk becomes the largest of which that many fit, so that
 * nothing is left over at the page's end. The last class is the whole page,
 * used for the pieces of large values only.
 *
 * Page size: the power of two next to limit / 1000 between 16 KB and 1 MB:
 * about a thousand pages let many classes share a small limit.
 *
 * A page that belongs to a class:
 *
 *   | marks: one byte for each chunk | chunk | chunk | ... | rest |
 *
 * The marks are apart from the chunks so that looking for one reads a
 * sixty-fourth of the memory. A page is in exactly one of these places:
 *
 *   untouched ── slab_grow ──> queue of a class (ring; on the partial list
 *      ^                          │    too, while it has a free chunk and
 *      │                          v    is not closed)   last chunk freed
 *   returned <── above the limit ── pool
 */
#include "store/slab.h"

#include <string.h>

#include "base/check.h"
#include "os/os.h"

#define SLAB_STEP_MAX		128	/* 8-byte steps up to here */
#define SLAB_EXACT_CHUNKS	64	/* so few fill their page exactly */
#define SLAB_PAGE_SHIFT_MIN	14
#define SLAB_PAGE_SHIFT_MAX	20
#define SLAB_PAGES_PER_LIMIT	1024
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

/* Bytes of marks before the first of `chunks` chunks. */
static size_t
marks_size(size_t chunks)
{
	return round_up(chunks, ITEM_UNIT);
}

static uint32_t
chunks_of(size_t page, size_t size)
{
	size_t chunks = page / (size + 1);

	while (marks_size(chunks) + chunks * size > page)
		chunks--;
	return (uint32_t)chunks;
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
	if (next <= slab_single_max(slab) &&
	    page / next < SLAB_EXACT_CHUNKS) {
		size_t chunks = chunks_of(page, next);

		next = (page - marks_size(chunks)) / chunks / ITEM_UNIT *
		    ITEM_UNIT;
	}
	return next;
}

static void
add_class(struct slab *slab, size_t size)
{
	struct slab_class *class = &slab->classes[slab->class_count++];

	class->chunk_size = (uint32_t)size;
	class->chunks = chunks_of(slab_page_size(slab), size);
	class->offset = (uint32_t)marks_size(class->chunks);
}

static void
make_classes(struct slab *slab, const struct slab_config *config)
{
	size_t size = round_up(config->chunk_min, ITEM_UNIT), last = 0;

	if (size > slab_single_max(slab))
		size = slab_single_max(slab);
	while (size <= slab_single_max(slab) &&
	    slab->class_count < SLAB_CLASSES_MAX - 2) {
		last = size;
		add_class(slab, size);
		size = next_chunk_size(slab, size, config->growth_factor);
	}
	if (last < slab_single_max(slab))
		add_class(slab, slab_single_max(slab));
	add_class(slab, slab_chunk_max(slab));
}

static bool
in_file(const struct slab *slab)
{
	return slab->file.fd != -1;
}

static char *
reserve(const struct slab *slab)
{
	return in_file(slab) ? os_map(slab->file.fd, slab->file.offset,
	    slab->reserved) : os_reserve(slab->reserved);
}

/* Make a part of the address range usable. */
static bool
commit(const struct slab *slab, size_t offset, size_t bytes)
{
	if (in_file(slab))
		return os_file_commit(slab->file.fd, slab->file.offset +
		    offset, bytes) == 0;
	return os_commit(slab->base + offset, bytes) == 0;
}

static void
discard(const struct slab *slab, size_t offset, size_t bytes)
{
	if (in_file(slab))
		os_file_discard(slab->file.fd, slab->file.offset + offset,
		    bytes);
	else
		os_discard(slab->base + offset, bytes);
}

int
slab_open(struct slab *slab, const struct slab_config *config,
    struct error *error)
{
	size_t bytes;

	*slab = (struct slab){
		.page_shift = page_shift_for(config->limit),
		.reserved = config->reserve,
		.file = config->file != NULL ? *config->file :
		    (struct slab_file){ .fd = -1 },
	};
	bytes = (slab->reserved >> slab->page_shift) * sizeof *slab->pages;
	slab->base = reserve(slab);
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
	if (config->large_pages)
		os_want_large_pages(slab->base, slab->reserved);
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
	return (slab_page_size(slab) - marks_size(2)) / 2 / ITEM_UNIT *
	    ITEM_UNIT;
}

size_t
slab_chunk_max(const struct slab *slab)
{
	return slab_page_size(slab) - marks_size(1);
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

static struct slab_queue *
queue_of(struct slab *slab, uint32_t page)
{
	return &slab->classes[slab->pages[page].class].queue[
	    slab->pages[page].queue];
}

/* The ring of a queue's pages; a new page is the last that the hand meets. */
static void
ring_add(struct slab *slab, uint32_t page)
{
	struct slab_queue *queue = queue_of(slab, page);
	struct slab_page *pages = slab->pages;

	if (queue->pages++ == 0) {
		pages[page].next = pages[page].prev = page;
		queue->hand_page = page;
		queue->hand_chunk = 0;
	} else {
		uint32_t after = queue->hand_page;
		uint32_t before = pages[after].prev;

		pages[page].next = after;
		pages[page].prev = before;
		pages[before].next = pages[after].prev = page;
	}
}

static void
ring_remove(struct slab *slab, uint32_t page)
{
	struct slab_queue *queue = queue_of(slab, page);
	struct slab_page *pages = slab->pages;

	CHECK(queue->pages > 0);
	if (--queue->pages == 0) {
		queue->hand_page = SLAB_NO_PAGE;
	} else {
		pages[pages[page].prev].next = pages[page].next;
		pages[pages[page].next].prev = pages[page].prev;
		if (queue->hand_page == page) {
			queue->hand_page = pages[page].next;
			queue->hand_chunk = 0;
		}
	}
}

/* Does the page have a chunk to give? Then it is on the partial list. */
static bool
has_room(const struct slab *slab, uint32_t number)
{
	const struct slab_page *page = &slab->pages[number];

	return !page->closed && (page->free != 0 ||
	    page->fresh < slab->classes[page->class].chunks);
}

static void
partial_add(struct slab *slab, uint32_t page)
{
	struct slab_queue *queue = queue_of(slab, page);
	struct slab_page *pages = slab->pages;

	pages[page].partial_prev = SLAB_NO_PAGE;
	pages[page].partial_next = queue->partial;
	if (queue->partial != SLAB_NO_PAGE)
		pages[queue->partial].partial_prev = page;
	queue->partial = page;
}

static void
partial_remove(struct slab *slab, uint32_t page)
{
	struct slab_queue *queue = queue_of(slab, page);
	struct slab_page *pages = slab->pages;
	uint32_t next = pages[page].partial_next;
	uint32_t prev = pages[page].partial_prev;

	if (prev == SLAB_NO_PAGE)
		queue->partial = next;
	else
		pages[prev].partial_next = next;
	if (next != SLAB_NO_PAGE)
		pages[next].partial_prev = prev;
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
		if (!commit(slab, slab->committed, wanted - slab->committed))
			return SLAB_NO_PAGE;
		slab->committed = wanted;
	}
	return slab->pages_touched++;
}

static uint32_t
take_page(struct slab *slab)
{
	uint32_t page = slab->pool;

	if (page != SLAB_NO_PAGE) {
		slab->pool = slab->pages[page].next;
		slab->pages_pooled--;
		return page;
	}
	if (slab->pages_held >= slab->pages_allowed)
		return SLAB_NO_PAGE;
	page = slab->returned;
	if (page == SLAB_NO_PAGE)
		page = touch_page(slab);
	else if (in_file(slab) && !commit(slab, (size_t)page <<
	    slab->page_shift, slab_page_size(slab)))
		return SLAB_NO_PAGE;
	else
		slab->returned = slab->pages[page].next;
	if (page != SLAB_NO_PAGE)
		slab->pages_held++;
	return page;
}

/* The page belongs to nobody and its memory is ours: keep or return it. */
static void
release_page(struct slab *slab, uint32_t page)
{
	uint32_t *list = &slab->pool;

	slab->pages[page] = (struct slab_page){ .class = SLAB_NO_CLASS };
	if (slab->pages_held > slab->pages_allowed) {
		discard(slab, (size_t)page << slab->page_shift,
		    slab_page_size(slab));
		slab->pages_held--;
		list = &slab->returned;
	} else {
		slab->pages_pooled++;
	}
	slab->pages[page].next = *list;
	*list = page;
}

uint32_t
slab_free_pages(const struct slab *slab)
{
	uint32_t more = slab->pages_allowed > slab->pages_held ?
	    slab->pages_allowed - slab->pages_held : 0;

	return slab->pages_pooled + more;
}

bool
slab_grow(struct slab *slab, unsigned class, enum slab_queue_name queue)
{
	uint32_t page = take_page(slab);

	if (page == SLAB_NO_PAGE)
		return false;
	slab->pages[page] = (struct slab_page){
		.class = (uint8_t)class, .queue = (uint8_t)queue,
	};
	memset(slab_marks(slab, page), 0, slab->classes[class].chunks);
	ring_add(slab, page);
	partial_add(slab, page);
	return true;
}

uint32_t
slab_alloc(struct slab *slab, unsigned number, enum slab_queue_name queue)
{
	struct slab_class *class = &slab->classes[number];
	uint32_t from = class->queue[queue].partial, handle;
	struct slab_page *page = &slab->pages[from];

	if (from == SLAB_NO_PAGE)
		return 0;
	handle = page->free;
	if (handle != 0) {
		CHECK(item_kind(slab_item(slab, handle)) == ITEM_FREE);
		page->free = slab_item(slab, handle)->length;
	} else {
		handle = slab_handle(slab, from, page->fresh++);
	}
	page->used++;
	class->queue[queue].used++;
	if (!has_room(slab, from))
		partial_remove(slab, from);
	*slab_item(slab, handle) = (struct item){ .state = ITEM_DETACHED };
	return handle;
}

void
slab_free(struct slab *slab, uint32_t handle)
{
	uint32_t number = slab_page_of(slab, handle);
	struct slab_page *page = &slab->pages[number];
	struct item *item = slab_item(slab, handle);
	bool had_room = has_room(slab, number);

	CHECK(page->used > 0 && item_kind(item) != ITEM_FREE);
	*item = (struct item){ .length = page->free };
	if (page->used == 1) {
		slab_free_page(slab, number);
		return;
	}
	page->free = handle;
	page->used--;
	queue_of(slab, number)->used--;
	if (!had_room && has_room(slab, number))
		partial_add(slab, number);
}

void
slab_free_page(struct slab *slab, uint32_t number)
{
	struct slab_page *page = &slab->pages[number];

	CHECK(page->pinned == 0);
	if (has_room(slab, number))
		partial_remove(slab, number);
	queue_of(slab, number)->used -= page->used;
	ring_remove(slab, number);
	release_page(slab, number);
}

void
slab_close_page(struct slab *slab, uint32_t page)
{
	if (has_room(slab, page))
		partial_remove(slab, page);
	slab->pages[page].closed = true;
}

void
slab_open_page(struct slab *slab, uint32_t page)
{
	slab->pages[page].closed = false;
	if (has_room(slab, page))
		partial_add(slab, page);
}

void
slab_requeue(struct slab *slab, uint32_t page, enum slab_queue_name queue)
{
	bool room = has_room(slab, page);

	if (room)
		partial_remove(slab, page);
	queue_of(slab, page)->used -= slab->pages[page].used;
	ring_remove(slab, page);
	slab->pages[page].queue = (uint8_t)queue;
	ring_add(slab, page);
	queue_of(slab, page)->used += slab->pages[page].used;
	if (room)
		partial_add(slab, page);
}

uint32_t
slab_find_chunk(const struct slab *slab, const void *address)
{
	size_t offset = (size_t)((const char *)address - slab->base);
	uint32_t page = (uint32_t)(offset >> slab->page_shift);
	size_t within = offset & (slab_page_size(slab) - 1);

	CHECK(page < slab->pages_touched &&
	    slab->pages[page].class != SLAB_NO_CLASS);
	return slab_handle(slab, page, slab_chunk_at(
	    &slab->classes[slab->pages[page].class], within));
}

void
slab_allow(struct slab *slab, uint32_t pages)
{
	slab->pages_allowed = pages;
	while (slab->pages_held > pages && slab->pool != SLAB_NO_PAGE) {
		uint32_t page = slab->pool;

		slab->pool = slab->pages[page].next;
		slab->pages_pooled--;
		release_page(slab, page);	/* which returns it */
	}
}

/* Put a page's free chunks in its list and count the others. */
static void
restore_chunks(struct slab *slab, uint32_t number)
{
	struct slab_page *page = &slab->pages[number];

	for (uint32_t chunk = page->fresh; chunk-- > 0; ) {
		uint32_t handle = slab_handle(slab, number, chunk);
		struct item *item = slab_item(slab, handle);

		if (item_kind(item) == ITEM_FREE) {
			item->length = page->free;
			page->free = handle;
		} else {
			page->used++;
		}
	}
}

bool
slab_may_restore(const struct slab *slab, uint32_t number, unsigned class,
    unsigned queue, uint32_t fresh)
{
	return number != SLAB_NO_PAGE &&
	    number < slab->reserved >> slab->page_shift &&
	    class < slab->class_count && queue < SLAB_QUEUES &&
	    fresh <= slab->classes[class].chunks &&
	    (number >= slab->pages_touched ||
	    slab->pages[number].class == SLAB_NO_CLASS);
}

void
slab_restore_page(struct slab *slab, uint32_t number, unsigned class,
    enum slab_queue_name queue, uint32_t fresh)
{
	struct slab_page *page = &slab->pages[number];

	CHECK(slab_may_restore(slab, number, class, queue, fresh));
	/* Those before it may follow. */
	for (; slab->pages_touched <= number; slab->pages_touched++)
		slab->pages[slab->pages_touched].class = SLAB_NO_CLASS;
	*page = (struct slab_page){
		.class = (uint8_t)class, .queue = (uint8_t)queue,
		.fresh = fresh,
	};
	memset(slab_marks(slab, number), 0, slab->classes[class].chunks);
	restore_chunks(slab, number);
	slab->pages_held++;
	queue_of(slab, number)->used += page->used;
	ring_add(slab, number);
	if (has_room(slab, number))
		partial_add(slab, number);
}

void
slab_restored(struct slab *slab)
{
	slab->committed = (size_t)slab->pages_touched << slab->page_shift;
	for (uint32_t page = slab->pages_touched; --page > SLAB_NO_PAGE; )
		if (slab->pages[page].class == SLAB_NO_CLASS) {
			slab->pages[page].next = slab->returned;
			slab->returned = page;
		}
}

bool
slab_is_chunk(const struct slab *slab, uint32_t handle)
{
	uint32_t page = slab_page_of(slab, handle), chunk;
	size_t within = (size_t)handle * ITEM_UNIT &
	    (slab_page_size(slab) - 1);
	const struct slab_class *class;

	if (page == SLAB_NO_PAGE || page >= slab->pages_touched ||
	    slab->pages[page].class == SLAB_NO_CLASS)
		return false;
	class = &slab->classes[slab->pages[page].class];
	if (within < class->offset)
		return false;
	chunk = slab_chunk_at(class, within);
	return chunk < slab->pages[page].fresh &&
	    slab_handle(slab, page, chunk) == handle;
}
