/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages.c - see pages.h.
 *
 * Between classes, pages go where they save the most misses. A ghost hit is
 * a miss that a quarter more memory would have spared its class. At times
 * the class with the fewest ghost hits per byte gives a page to the one with
 * the most; hits fade, so that the past is forgotten. That is aware of sizes
 * at no cost per request, and no class can keep its pages by having been
 * first. The page is emptied a few chunks with each request; items on it
 * move to other chunks of their class as long as some are free, and those
 * that were hit then, too, in place of colder ones.
 *
 * A class with two pages' worth of free chunks gives first, whatever its
 * hits are: it loses nothing.
 *
 * No request empties a whole page, if pages are large. One is kept spare for
 * a class that has none; while the next one is being emptied, such a class
 * takes a chunk of a larger one. Only what is larger than all that is there
 * may have to wait for a page, of which it then takes half or more.
 */
#include "store/pages.h"

#include <limits.h>

#include "base/check.h"
#include "store/items.h"
#include "store/state.h"
#include "store/value.h"

/* One page in so many is in the small queue, once there are a few. */
#define SMALL_PART	6
#define SMALL_FROM	4

/*
 * Page moves: requests between two, how uneven classes are that have the
 * eagerness of 1, how fast hits fade. In a hurry there are more looks.
 */
#define MOVE_REQUESTS	2000
#define MOVE_UNEVEN	1.2
#define MOVE_FADE	0.9975
#define MOVE_HURRY	8
#define MOVE_RATIO	0.8	/* usual eagerness */

/*
 * Free chunks, in pages, of a class that gives one without losing anything.
 * One is enough when memory has to be given back; otherwise it may be what
 * the class was just given, for items that prove themselves.
 */
#define SLACK		2
#define SLACK_OVER	1

/* Chunks of a page being emptied that one request looks at. */
#define EMPTY_CHUNKS	16

/* From this size on, emptying a page takes so long that one is kept spare. */
#define SPARE_PAGE	((size_t)64 << 10)

/* Pages of one queue that are tried before the next class is. */
#define PAGE_TRIES	64

void
pages_open(struct emptying *emptying)
{
	*emptying = (struct emptying){
		.every = MOVE_REQUESTS, .ratio = MOVE_RATIO,
	};
}

void
pages_automove(struct store *store, enum store_automove mode, double ratio)
{
	struct emptying *emptying = &store->emptying;

	emptying->ratio = ratio;
	switch (mode) {
	case STORE_AUTOMOVE_OFF:
		emptying->every = UINT32_MAX;
		break;
	case STORE_AUTOMOVE_ON:
		emptying->every = MOVE_REQUESTS;
		break;
	case STORE_AUTOMOVE_HURRY:
		emptying->every = MOVE_REQUESTS / MOVE_HURRY;
	}
}

void
pages_fit(struct store *store)
{
	size_t beside = index_size(&store->index) +
	    evict_size(&store->evict);
	size_t limit = store->config.limit;
	size_t rest = limit > beside ? limit - beside : 0;
	uint32_t pages = (uint32_t)(rest >> store->slab.page_shift);

	if (pages != store->slab.pages_allowed)
		slab_allow(&store->slab, pages > 0 ? pages : 1);
	/* Is there room for an index twice as large? */
	store->index.pressed = (uint64_t)store->slab.pages_held +
	    (index_size(&store->index) >> store->slab.page_shift) >= pages;
}

uint32_t
pages_spare(const struct store *store)
{
	return store->config.evict &&
	    slab_page_size(&store->slab) >= SPARE_PAGE;
}

bool
pages_free(const struct store *store)
{
	return slab_free_pages(&store->slab) > pages_spare(store);
}

/* How many of a class's pages should be in its small queue. */
static uint32_t
small_pages(uint32_t pages)
{
	if (pages < SMALL_FROM)
		return 0;
	return pages < SMALL_PART ? 1 : pages / SMALL_PART;
}

/* Where the class's next page goes. */
static enum slab_queue_name
growing_queue(const struct slab_class *class)
{
	return class->queue[SLAB_SMALL].pages <
	    small_pages(slab_class_pages(class) + 1) ? SLAB_SMALL : SLAB_MAIN;
}

/* Which queue of the class gives a page. */
static enum slab_queue_name
giving_queue(const struct slab_class *class)
{
	return class->queue[SLAB_SMALL].pages >
	    small_pages(slab_class_pages(class) - 1) ? SLAB_SMALL : SLAB_MAIN;
}

bool
pages_grow(struct store *store, unsigned number)
{
	struct slab_class *class = &store->slab.classes[number];

	return slab_grow(&store->slab, number, growing_queue(class));
}

/* Does something that is held while memory is being made lie on the page? */
static bool
is_held(const struct store *store, uint32_t page)
{
	const struct slab *slab = &store->slab;

	if (store->held_count == 0)
		return false;
	for (uint32_t n = 0; n < slab->pages[page].fresh; n++)
		if (items_is_held(store, slab_handle(slab, page, n)))
			return true;
	return false;
}

/*
 * The page that the class would miss least, and that nobody holds: the one
 * that the hand comes to next. Where it stands, half of the page is newest.
 */
static uint32_t
page_to_give(const struct store *store, const struct slab_class *class)
{
	enum slab_queue_name name = giving_queue(class);
	const struct slab_queue *queue = &class->queue[name];
	uint32_t page = store->slab.pages[queue->hand_page].next;

	for (unsigned n = 0; n < PAGE_TRIES && n < queue->pages; n++) {
		if (store->slab.pages[page].pinned == 0 &&
		    !store->slab.pages[page].closed && !is_held(store, page))
			return page;
		page = store->slab.pages[page].next;
	}
	return SLAB_NO_PAGE;
}

/*
 * The class with more than `least` pages that makes the least of them, but
 * for those tried; of equals the one with the most pages. -1: none.
 */
static int
poorest_class(const struct store *store, uint32_t least, const bool *tried)
{
	const struct slab *slab = &store->slab;
	int poorest = -1;

	for (unsigned i = 0; i < slab->class_count; i++) {
		double ours, best;
		uint32_t pages = slab_class_pages(&slab->classes[i]);

		if (pages <= least || tried[i])
			continue;
		if (poorest == -1) {
			poorest = (int)i;
			continue;
		}
		ours = evict_utility(store, i);
		best = evict_utility(store, (unsigned)poorest);
		if (ours < best || (ours == best &&
		    pages > slab_class_pages(&slab->classes[poorest])))
			poorest = (int)i;
	}
	return poorest;
}

static uint64_t
free_chunks(const struct slab_class *class)
{
	return (uint64_t)slab_class_pages(class) * class->chunks -
	    class->queue[SLAB_SMALL].used - class->queue[SLAB_MAIN].used;
}

/* Has the class less than a page's worth of free chunks? */
static bool
is_full(const struct slab_class *class)
{
	return free_chunks(class) < class->chunks;
}

static bool
has_slack(const struct slab_class *class, unsigned slack)
{
	return free_chunks(class) >= slack * (uint64_t)class->chunks;
}

/*
 * The class with slack and more than `least` pages that has the most bytes
 * free, but for those tried. -1: none.
 */
static int
slackest_class(const struct store *store, uint32_t least, unsigned slack,
    const bool *tried)
{
	uint64_t most = 0;
	int slackest = -1;

	for (unsigned i = 0; i < store->slab.class_count; i++) {
		const struct slab_class *class = &store->slab.classes[i];
		uint64_t bytes = free_chunks(class) * class->chunk_size;

		if (slab_class_pages(class) <= least || tried[i] ||
		    !has_slack(class, slack) || bytes <= most)
			continue;
		most = bytes;
		slackest = (int)i;
	}
	return slackest;
}

/* The class that is to give a page, of those with more than `least`. */
static int
giving_class(const struct store *store, uint32_t least, unsigned slack,
    const bool *tried)
{
	int class = slackest_class(store, least, slack, tried);

	return class != -1 ? class : poorest_class(store, least, tried);
}

/* The class that makes the most of its pages, and could use another one. */
static int
richest_class(const struct store *store)
{
	int richest = -1;

	for (unsigned i = 0; i < store->slab.class_count; i++)
		if (slab_class_pages(&store->slab.classes[i]) > 0 &&
		    is_full(&store->slab.classes[i]) && (richest == -1 ||
		    evict_utility(store, i) >
		    evict_utility(store, (unsigned)richest)))
			richest = (int)i;
	return richest;
}

/* Empty a page from now on, for a class or for whoever needs one. */
static void
begin_emptying(struct store *store, uint32_t page, unsigned class)
{
	store->emptying.page = page;
	store->emptying.class = class;
	store->emptying.chunk = 0;
	store->emptying.asked = false;
	slab_close_page(&store->slab, page);
}

/*
 * Choose a page to empty, of the class that needs it least among those with
 * more than `least`. False: there is none that nobody holds.
 */
static bool
choose_page(struct store *store, uint32_t least)
{
	bool tried[SLAB_CLASSES_MAX] = { false };
	bool over = store->slab.pages_held > store->slab.pages_allowed;
	int class;

	while ((class = giving_class(store, least,
	    over ? SLACK_OVER : SLACK, tried)) != -1) {
		uint32_t page = page_to_give(store,
		    &store->slab.classes[class]);

		if (page != SLAB_NO_PAGE) {
			begin_emptying(store, page, SLAB_NO_CLASS);
			return true;
		}
		tried[class] = true;
	}
	return false;
}

/* Compare the classes, and choose a page to move if they are uneven. */
static void
compare_classes(struct store *store)
{
	bool tried[SLAB_CLASSES_MAX] = { false };
	int from = giving_class(store, 1, SLACK, tried);
	int to = richest_class(store);
	uint32_t page;
	double ours, best;

	evict_fade(store, MOVE_FADE);
	if (from == -1 || to == -1 || from == to)
		return;
	ours = has_slack(&store->slab.classes[from], SLACK) ? 0 :
	    evict_utility(store, (unsigned)from) * MOVE_UNEVEN;
	best = evict_utility(store, (unsigned)to) * store->emptying.ratio;
	if (best <= ours)
		return;
	page = page_to_give(store, &store->slab.classes[from]);
	if (page != SLAB_NO_PAGE)
		begin_emptying(store, page, (unsigned)to);
}

/*
 * One chunk of the page being emptied: its item goes to another chunk, or
 * for good.
 */
static void
empty_chunk(struct store *store, uint32_t chunk)
{
	struct slab *slab = &store->slab;
	unsigned class = slab->pages[slab_page_of(slab, chunk)].class;
	uint32_t handle = items_removable(store, chunk), to = 0;
	const struct item *item = slab_item(slab, handle);
	bool hot = item->state & ITEM_HEAT_MASK;
	bool movable = item->fields & ITEM_HASH ||
	    (handle == chunk && !(item->fields & ITEM_LARGE));

	if (handle == 0)
		return;
	if (movable)
		to = evict_free_chunk(store, class, hot);
	if (movable && to == 0 && hot && store->config.evict &&
	    evict_main(store, class)) {
		/* Which may have been just this one. */
		if (items_removable(store, chunk) != handle)
			return;
		to = slab_alloc(slab, class, SLAB_MAIN);
	}
	if (to != 0) {
		evict_move(store, chunk, to);
		store->counts.rescues++;
	} else if (store->config.evict) {
		evict_item(store, handle, false);
	}
}

static bool
is_emptying(const struct store *store)
{
	return store->emptying.page != SLAB_NO_PAGE &&
	    store->slab.pages[store->emptying.page].closed;
}

/*
 * Look at up to `chunks` chunks of the page that was chosen. True: it is
 * free.
 */
static bool
empty_some(struct store *store, unsigned chunks)
{
	struct emptying *emptying = &store->emptying;
	struct slab *slab = &store->slab;
	int from = slab->pages[emptying->page].class;

	for (; is_emptying(store); chunks--) {
		if (slab->pages[emptying->page].used == 0) {
			slab_free_page(slab, emptying->page);
			break;
		}
		if (emptying->chunk == slab->pages[emptying->page].fresh) {
			/* An item is held, or may not go: it stays. */
			slab_open_page(slab, emptying->page);
			emptying->page = SLAB_NO_PAGE;
			return false;
		}
		if (chunks == 0)
			return false;
		emptying->emptied++;
		empty_chunk(store, slab_handle(slab, emptying->page,
		    emptying->chunk++));
	}
	emptying->page = SLAB_NO_PAGE;
	store->counts.pages_moved++;
	if (store->events != NULL)
		store->events->page_moved(store->events_context, from,
		    emptying->class == SLAB_NO_CLASS ?
		    -1 : (int)emptying->class);
	return true;
}

/* Go on with the page that was chosen; its class gets it when it is free. */
static void
go_on_emptying(struct store *store, unsigned chunks)
{
	unsigned class = store->emptying.class;
	bool asked = store->emptying.asked;

	if (empty_some(store, chunks) && class != SLAB_NO_CLASS &&
	    (asked || pages_free(store)))
		pages_grow(store, class);
}

bool
pages_empty_one(struct store *store)
{
	struct slab *slab = &store->slab;
	uint32_t allowed = slab->pages_allowed;
	bool freed = false;

	slab->pages_allowed = UINT32_MAX;
	while (!freed && (store->emptying.page != SLAB_NO_PAGE ||
	    choose_page(store, 1) || choose_page(store, 0)))
		freed = empty_some(store, UINT_MAX);
	slab->pages_allowed = allowed;
	return freed;
}

static enum store_move
take_free_page(struct store *store, int to)
{
	return to != STORE_NO_CLASS && pages_grow(store, (unsigned)to) ?
	    STORE_MOVE_BEGUN : STORE_MOVE_NO_PAGE;
}

enum store_move
pages_move(struct store *store, int from, int to)
{
	bool tried[SLAB_CLASSES_MAX] = { false };
	uint32_t page;

	if (store->emptying.page != SLAB_NO_PAGE)
		return STORE_MOVE_BUSY;
	if (from == STORE_NO_CLASS)
		return take_free_page(store, to);
	if (to != STORE_NO_CLASS)
		tried[to] = true;
	if (from == STORE_ANY_CLASS)
		from = giving_class(store, 1, SLACK_OVER, tried);
	if (from == -1 ||
	    slab_class_pages(&store->slab.classes[from]) <= 1)
		return STORE_MOVE_NO_PAGE;
	page = page_to_give(store, &store->slab.classes[from]);
	if (page == SLAB_NO_PAGE)
		return STORE_MOVE_NO_PAGE;
	begin_emptying(store, page,
	    to == STORE_NO_CLASS ? SLAB_NO_CLASS : (unsigned)to);
	store->emptying.asked = true;
	return STORE_MOVE_BEGUN;
}

void
pages_balance(struct store *store, uint32_t stored)
{
	bool over = store->slab.pages_held > store->slab.pages_allowed;

	if (store->emptying.page != SLAB_NO_PAGE || !store->config.evict ||
	    (!over && slab_free_pages(&store->slab) >= pages_spare(store)))
		return;
	if (stored != 0)
		value_pin_pages(store, stored, 1);
	if (!choose_page(store, 1) && over)
		choose_page(store, 0);
	if (stored != 0)
		value_pin_pages(store, stored, -1);
}

bool
pages_slice(struct store *store, unsigned budget)
{
	pages_balance(store, 0);
	if (store->emptying.page != SLAB_NO_PAGE)
		go_on_emptying(store, budget);
	pages_balance(store, 0);
	return store->emptying.page != SLAB_NO_PAGE;
}

bool
pages_step(struct store *store)
{
	struct emptying *emptying = &store->emptying;
	bool moving = emptying->page != SLAB_NO_PAGE;

	if (moving)
		go_on_emptying(store, EMPTY_CHUNKS);
	if (++emptying->requests < emptying->every)
		return moving;
	emptying->requests = 0;
	if (emptying->page == SLAB_NO_PAGE && !pages_free(store) &&
	    store->config.evict)
		compare_classes(store);
	return moving;
}
