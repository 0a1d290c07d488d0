/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.c - see evict.h.
 *
 * Within a class, S3-FIFO (Yang et al., SOSP 2023). About an eighth of its
 * pages are the small queue, the others the main queue. The order of a queue
 * is the order of its chunks, and a hand goes round it: what the hand frees
 * is filled at once, so the hand comes to the newest item last. No list, no
 * write on a hit but for two bits in a line that was read anyway.
 *
 *   new key ──> small queue ──────── hit ──────────> main queue
 *                 │                                    ^  │ hit: stays, one
 *                 v not hit                 ghost hit ─┘  v degree colder
 *               ghost table <────────────────────────── evicted
 *
 * Between classes, pages go where they save the most misses. A ghost hit is
 * a miss that a quarter more memory would have spared its class. At times
 * the class with the fewest ghost hits per byte gives a page to the one with
 * the most; hits fade, so that the past is forgotten. That is aware of sizes
 * at no cost per request, and no class can keep its pages by having been
 * first. The page is emptied a few chunks with each request; items on it
 * that were hit move to other chunks of their class.
 *
 * No request empties a whole page, if pages are large. One is kept spare for
 * a class that has none; while the next one is being emptied, such a class
 * takes a chunk of a larger one. Only what is larger than all that is there
 * may have to wait for a page, of which it then takes half or more.
 */
#include "store/evict.h"

#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "store/counts.h"
#include "store/expiry.h"
#include "store/items.h"
#include "store/state.h"
#include "store/value.h"

/* Chunks that a hand passes in one call; then the coldest seen has to go. */
#define HAND_STEPS	64

/* Hits in the small queue that make an item go to the main one: one. */
#define PROVEN_HEAT	ITEM_HEAT_ONE

/* One page in so many is in the small queue, once there are a few. */
#define SMALL_PART	8
#define SMALL_FROM	4

/*
 * The clock of a class ticks when a 32nd of its bytes was evicted. Ghosts of
 * an age up to a quarter count for the page mover, as the gain of a class
 * that were so much larger; up to nine tenths they prove an item.
 */
#define CLOCK_PART	32
#define USEFUL_AGE	8
#define PROVEN_AGE	29

/* The part of the limit that the ghost table takes. */
#define GHOST_PART	256

/* Page moves: requests between two, how uneven, how fast hits fade. */
#define MOVE_REQUESTS	4000
#define MOVE_RATIO	1.5
#define MOVE_FADE	0.99

/* Chunks of a page being emptied that one request looks at. */
#define EMPTY_CHUNKS	16

/* From this size on, emptying a page takes so long that one is kept spare. */
#define SPARE_PAGE	((size_t)64 << 10)

/* Pages of one queue that are tried before the next class is. */
#define PAGE_TRIES	64

int
evict_open(struct evict *evict, size_t limit, struct error *error)
{
	return ghost_open(&evict->ghosts, limit / GHOST_PART, error);
}

void
evict_close(struct evict *evict)
{
	ghost_close(&evict->ghosts);
}

size_t
evict_size(const struct evict *evict)
{
	return evict->ghosts.bytes;
}

/* The bytes whose gain the useful ghosts of a class measure. */
static double
ghost_bytes(const struct store *store, unsigned class)
{
	size_t page = slab_page_size(&store->slab);
	size_t part = slab_class_pages(&store->slab.classes[class]) * page *
	    USEFUL_AGE / CLOCK_PART;

	return (double)(part > page ? part : page);
}

static void
tick_clock(struct store *store, unsigned number, size_t bytes)
{
	struct evict_class *class = &store->evict.classes[number];
	uint64_t tick = (uint64_t)ghost_bytes(store, number) / USEFUL_AGE;

	class->rest += bytes;
	if (class->rest >= tick) {
		class->rest -= tick;
		if (class->rest > tick)		/* it has shrunk */
			class->rest = 0;
		store->evict.clocks[number]++;
	}
}

/* Of a large item, nearly all is in whole pages: these are what it costs. */
static unsigned
cost_class(const struct store *store, const struct item *item,
    uint32_t handle, size_t *bytes)
{
	unsigned class = store->slab.pages[slab_page_of(&store->slab,
	    handle)].class;

	if (item->fields & ITEM_LARGE) {
		*bytes = item->length;
		return store->slab.class_count - 1;
	}
	*bytes = store->slab.classes[class].chunk_size;
	return class;
}

static void
evict_item(struct store *store, uint32_t handle, bool probation)
{
	const struct item *item = slab_item(&store->slab, handle);
	uint64_t hash = items_hash(store, handle);
	size_t bytes;
	unsigned class = cost_class(store, item, handle, &bytes);

	counts_evicted(store, handle);
	tick_clock(store, class, bytes);
	ghost_add(&store->evict.ghosts, hash, (struct ghost){
		.class = (uint8_t)class,
		.stamp = store->evict.clocks[class],
		.probation = probation,
	}, store->evict.clocks);
	items_unlink(store, handle, hash);
}

/*
 * Look a key up among the ghosts and forget it; a useful one counts for its
 * class. True: it proves the item.
 */
static bool
take_ghost(struct evict *evict, uint64_t hash, struct ghost *ghost)
{
	uint8_t age;

	if (!ghost_take(&evict->ghosts, hash, ghost))
		return false;
	age = (uint8_t)(evict->clocks[ghost->class] - ghost->stamp);
	if (age <= USEFUL_AGE)
		evict->classes[ghost->class].hits++;
	return ghost->probation && age <= PROVEN_AGE;
}

void
evict_miss(struct store *store, uint64_t hash)
{
	struct evict *evict = &store->evict;
	struct ghost ghost;

	if (!take_ghost(evict, hash, &ghost))
		return;
	/* It has counted once, but its proof is kept for the set. */
	ghost.stamp = (uint8_t)(evict->clocks[ghost.class] - USEFUL_AGE - 1);
	ghost_add(&evict->ghosts, hash, ghost, evict->clocks);
}

bool
evict_proven(struct store *store, uint64_t hash)
{
	struct ghost ghost;

	return take_ghost(&store->evict, hash, &ghost);
}

/* Pages that are kept for classes without. */
static uint32_t
spare_pages(const struct store *store)
{
	return store->config.evict &&
	    slab_page_size(&store->slab) >= SPARE_PAGE;
}

/* Is there a free page besides the spare one? */
static bool
has_page(const struct store *store)
{
	return slab_free_pages(&store->slab) > spare_pages(store);
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

/*
 * May an item on probation take a free chunk of the main queue? While there
 * is memory, and when many are free because their items were deleted or fell
 * due. But not those of a page that the class has just been given: these are
 * for items that prove themselves.
 */
static bool
main_is_open(const struct store *store, const struct slab_class *class)
{
	const struct slab_queue *queue = &class->queue[SLAB_MAIN];

	return !store->config.evict || class->queue[SLAB_SMALL].pages == 0 ||
	    has_page(store) || (uint64_t)queue->pages * class->chunks >
	    queue->used + class->chunks;
}

/* A chunk that is free or becomes so by giving the class a free page. */
static uint32_t
alloc_free(struct store *store, unsigned number, bool proven)
{
	struct slab *slab = &store->slab;
	struct slab_class *class = &slab->classes[number];
	uint32_t handle = 0;

	if (!proven)
		handle = slab_alloc(slab, number, SLAB_SMALL);
	if (handle == 0 && (proven || main_is_open(store, class)))
		handle = slab_alloc(slab, number, SLAB_MAIN);
	if (handle == 0 && proven)
		handle = slab_alloc(slab, number, SLAB_SMALL);
	if (handle == 0 && has_page(store) &&
	    slab_grow(slab, number, growing_queue(class)))
		return alloc_free(store, number, proven);
	return handle;
}

/* The chunk under the hand, or 0 at a page's end; the hand goes on. */
static uint32_t
hand_next(struct slab *slab, struct slab_queue *queue)
{
	uint32_t page = queue->hand_page, chunk = queue->hand_chunk++;

	if (chunk < slab->pages[page].fresh)
		return slab_handle(slab, page, chunk);
	queue->hand_page = slab->pages[page].next;
	queue->hand_chunk = 0;
	return 0;
}

/*
 * The item that the hand has come to, if it may go. A large item is met once
 * for each of its pieces, but cools at the first only.
 */
static uint32_t
hand_item(struct store *store, struct slab_queue *queue, bool *cools)
{
	uint32_t chunk = hand_next(&store->slab, queue);
	const struct item *item = slab_item(&store->slab, chunk);

	if (chunk == 0)
		return 0;
	*cools = item_kind(item) != ITEM_PIECE || item->key_length > 0;
	return items_removable(store, chunk);
}

static bool
evict_main(struct store *store, unsigned number)
{
	struct slab_queue *queue =
	    &store->slab.classes[number].queue[SLAB_MAIN];
	uint32_t coldest = 0;
	unsigned least = ITEM_HEAT_MASK + 1;

	for (unsigned n = 0; n < HAND_STEPS && queue->pages > 0; n++) {
		bool cools;
		uint32_t handle = hand_item(store, queue, &cools);
		struct item *item = slab_item(&store->slab, handle);
		unsigned heat;

		if (handle == 0)
			continue;
		heat = item->state & ITEM_HEAT_MASK;
		if (heat < least) {
			least = heat;
			coldest = handle;
		}
		if (heat == 0)
			break;
		if (cools)
			item->state -= ITEM_HEAT_ONE;
	}
	if (coldest == 0)
		return false;
	evict_item(store, coldest, false);
	return true;
}

/*
 * Move a linked item that is in one piece, and that nobody holds, to another
 * chunk of its class. The old chunk is free then.
 */
static void
move_item(struct store *store, uint32_t handle, uint32_t to)
{
	const struct item *item = slab_item(&store->slab, handle);

	CHECK(item->pins == 0 && !(item->fields & ITEM_LARGE));
	memcpy(slab_item(&store->slab, to), item, item_bytes(item));
	index_replace(&store->index, items_hash(store, handle), handle, to);
	expiry_note(store, to, item_expiry(item));
	slab_free(&store->slab, handle);
}

/* Move an item of the small queue to the main one, cold as a new one. */
static bool
promote(struct store *store, unsigned number, uint32_t handle)
{
	uint32_t to = slab_alloc(&store->slab, number, SLAB_MAIN);

	if (to == 0 && evict_main(store, number))
		to = slab_alloc(&store->slab, number, SLAB_MAIN);
	if (to == 0)
		return false;
	move_item(store, handle, to);
	slab_item(&store->slab, to)->state &= ~ITEM_HEAT_MASK;
	return true;
}

static bool
evict_small(struct store *store, unsigned number)
{
	struct slab_queue *queue =
	    &store->slab.classes[number].queue[SLAB_SMALL];

	for (unsigned n = 0; n < HAND_STEPS && queue->pages > 0; n++) {
		bool cools;
		uint32_t handle = hand_item(store, queue, &cools);
		struct item *item = slab_item(&store->slab, handle);

		if (handle == 0)
			continue;
		if ((item->state & ITEM_HEAT_MASK) < PROVEN_HEAT) {
			evict_item(store, handle, true);
			return true;
		}
		/* The head of a large item is too little to be moved. */
		if (item->fields & ITEM_LARGE)
			item->state -= ITEM_HEAT_ONE;
		else if (promote(store, number, handle))
			return true;
	}
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
		    !store->slab.pages[page].closed)
			return page;
		page = store->slab.pages[page].next;
	}
	return SLAB_NO_PAGE;
}

/* Ghost hits per byte. */
static double
utility(const struct store *store, unsigned class)
{
	return store->evict.classes[class].hits / ghost_bytes(store, class);
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
		ours = utility(store, i);
		best = utility(store, (unsigned)poorest);
		if (ours < best || (ours == best &&
		    pages > slab_class_pages(&slab->classes[poorest])))
			poorest = (int)i;
	}
	return poorest;
}

/* Has the class less than a page's worth of free chunks? */
static bool
is_full(const struct slab_class *class)
{
	uint64_t used = class->queue[SLAB_SMALL].used +
	    class->queue[SLAB_MAIN].used;

	return used + class->chunks >
	    (uint64_t)slab_class_pages(class) * class->chunks;
}

/* The class that makes the most of its pages, and could use another one. */
static int
richest_class(const struct store *store)
{
	int richest = -1;

	for (unsigned i = 0; i < store->slab.class_count; i++)
		if (slab_class_pages(&store->slab.classes[i]) > 0 &&
		    is_full(&store->slab.classes[i]) && (richest == -1 ||
		    utility(store, i) > utility(store, (unsigned)richest)))
			richest = (int)i;
	return richest;
}

/* Empty a page from now on, for a class or for whoever needs one. */
static void
begin_emptying(struct store *store, uint32_t page, unsigned class)
{
	store->evict.page = page;
	store->evict.class = class;
	store->evict.chunk = 0;
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
	int class;

	while ((class = poorest_class(store, least, tried)) != -1) {
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
	struct evict *evict = &store->evict;
	bool tried[SLAB_CLASSES_MAX] = { false };
	int from = poorest_class(store, 1, tried), to = richest_class(store);
	uint32_t page;

	for (unsigned i = 0; i < store->slab.class_count; i++)
		evict->classes[i].hits *= MOVE_FADE;
	if (from == -1 || to == -1 || from == to ||
	    utility(store, (unsigned)to) <=
	    MOVE_RATIO * utility(store, (unsigned)from))
		return;
	page = page_to_give(store, &store->slab.classes[from]);
	if (page != SLAB_NO_PAGE)
		begin_emptying(store, page, (unsigned)to);
}

/* One chunk of the page being emptied: what was hit stays in its class. */
static void
empty_chunk(struct store *store, uint32_t chunk)
{
	struct slab *slab = &store->slab;
	unsigned class = slab->pages[slab_page_of(slab, chunk)].class;
	uint32_t handle = items_removable(store, chunk), to;
	const struct item *item = slab_item(slab, handle);

	if (handle == 0)
		return;
	if (handle == chunk && !(item->fields & ITEM_LARGE) &&
	    item->state & ITEM_HEAT_MASK) {
		to = slab_alloc(slab, class, SLAB_MAIN);
		if (to == 0 && evict_main(store, class)) {
			/* Which may have been just this one. */
			if (items_removable(store, chunk) != chunk)
				return;
			to = slab_alloc(slab, class, SLAB_MAIN);
		}
		if (to != 0) {
			move_item(store, handle, to);
			return;
		}
	}
	evict_item(store, handle, false);
}

static bool
emptying(const struct store *store)
{
	return store->evict.page != SLAB_NO_PAGE &&
	    store->slab.pages[store->evict.page].closed;
}

/*
 * Look at up to `chunks` chunks of the page that was chosen. True: it is
 * free.
 */
static bool
empty_some(struct store *store, unsigned chunks)
{
	struct evict *evict = &store->evict;
	struct slab *slab = &store->slab;

	for (; emptying(store); chunks--) {
		if (slab->pages[evict->page].used == 0) {
			slab_free_page(slab, evict->page);
			break;
		}
		if (evict->chunk == slab->pages[evict->page].fresh) {
			/* Somebody holds an item here: it stays. */
			slab_open_page(slab, evict->page);
			evict->page = SLAB_NO_PAGE;
			return false;
		}
		if (chunks == 0)
			return false;
		evict->emptied++;
		empty_chunk(store, slab_handle(slab, evict->page,
		    evict->chunk++));
	}
	evict->page = SLAB_NO_PAGE;
	store->counts.pages_moved++;
	return true;
}

/* Go on with the page that was chosen; its class gets it when it is free. */
static void
go_on_emptying(struct store *store, unsigned chunks)
{
	unsigned class = store->evict.class;

	if (empty_some(store, chunks) && class != SLAB_NO_CLASS &&
	    has_page(store))
		slab_grow(&store->slab, class,
		    growing_queue(&store->slab.classes[class]));
}

/* Free a page, however long that takes. It is kept, whatever the limit is. */
static bool
empty_at_once(struct store *store)
{
	struct slab *slab = &store->slab;
	uint32_t allowed = slab->pages_allowed;
	bool freed = false;

	slab->pages_allowed = UINT32_MAX;
	while (!freed && (store->evict.page != SLAB_NO_PAGE ||
	    choose_page(store, 1) || choose_page(store, 0)))
		freed = empty_some(store, UINT_MAX);
	slab->pages_allowed = allowed;
	return freed;
}

/* Give a class the spare page. evict_balance() sees to the next one. */
static bool
take_spare(struct store *store, unsigned number)
{
	struct slab_class *class = &store->slab.classes[number];

	return slab_grow(&store->slab, number, growing_queue(class));
}

/*
 * A chunk of a larger class that is free or whose item may go, while the
 * spare page is being renewed.
 */
static uint32_t
borrow(struct store *store, unsigned class)
{
	struct slab *slab = &store->slab;

	if (spare_pages(store) == 0)
		return 0;
	evict_balance(store, 0);
	while (++class < slab->class_count - 1) {
		uint32_t handle;

		if (slab_class_pages(&slab->classes[class]) == 0)
			continue;
		handle = slab_alloc(slab, class, SLAB_MAIN);
		if (handle == 0 && evict_main(store, class))
			handle = slab_alloc(slab, class, SLAB_MAIN);
		if (handle == 0 && evict_small(store, class))
			handle = slab_alloc(slab, class, SLAB_SMALL);
		if (handle != 0)
			return handle;
	}
	return 0;
}

uint32_t
evict_alloc(struct store *store, unsigned class, bool proven)
{
	uint32_t handle;

	while ((handle = alloc_free(store, class, proven)) == 0) {
		if (!store->config.evict)
			return 0;
		if (!proven && evict_small(store, class))
			continue;
		if (evict_main(store, class)) {
			proven = true;	/* its chunk is to be used */
			continue;
		}
		if (evict_small(store, class) || take_spare(store, class))
			continue;
		handle = borrow(store, class);
		if (handle != 0)
			return handle;
		if (!take_spare(store, class) && !empty_at_once(store))
			return 0;
	}
	return handle;
}

void
evict_balance(struct store *store, uint32_t stored)
{
	bool over = store->slab.pages_held > store->slab.pages_allowed;

	if (store->evict.page != SLAB_NO_PAGE || !store->config.evict ||
	    (!over && slab_free_pages(&store->slab) >= spare_pages(store)))
		return;
	if (stored != 0)
		value_pin_pages(store, stored, 1);
	if (!choose_page(store, 1) && over)
		choose_page(store, 0);
	if (stored != 0)
		value_pin_pages(store, stored, -1);
}

bool
evict_slice(struct store *store, unsigned budget)
{
	evict_balance(store, 0);
	if (store->evict.page != SLAB_NO_PAGE)
		go_on_emptying(store, budget);
	evict_balance(store, 0);
	return store->evict.page != SLAB_NO_PAGE;
}

bool
evict_step(struct store *store)
{
	struct evict *evict = &store->evict;
	bool moving = evict->page != SLAB_NO_PAGE;

	if (moving)
		go_on_emptying(store, EMPTY_CHUNKS);
	if (++evict->requests < MOVE_REQUESTS)
		return moving;
	evict->requests = 0;
	if (evict->page == SLAB_NO_PAGE && !has_page(store) &&
	    store->config.evict)
		compare_classes(store);
	return moving;
}
