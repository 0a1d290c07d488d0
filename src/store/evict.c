/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.c - see evict.h.
 *
 * Within a class, S3-FIFO (Yang et al., SOSP 2023). About a sixth of its
 * pages are the small queue, the others the main queue. The order of a queue
 * is the order of its chunks, and a hand goes round it: what the hand frees
 * is filled at once, so the hand comes to the newest item last. No list, no
 * write on a hit but for two bits in a line that was read anyway.
 *
 *   new key ──> small queue ──────── hit ──────────> main queue
 *                 │                                    ^  │ hit: stays, one
 *                 v not hit                 ghost hit ─┘  v degree colder
 *               ghost table <────────────────────────── evicted
 */
#include "store/evict.h"

#include <string.h>

#include "base/check.h"
#include "store/counts.h"
#include "store/expiry.h"
#include "store/items.h"
#include "store/pages.h"
#include "store/segments.h"
#include "store/state.h"

/* Chunks that a hand passes in one call; then the coldest seen has to go. */
#define HAND_STEPS	64

/* Hits in the small queue that make an item go to the main one: one. */
#define PROVEN_HEAT	ITEM_HEAT_ONE

/*
 * The clock of a class ticks when a 32nd of its bytes was evicted. Ghosts of
 * an age up to a quarter count for the page mover, as the gain of a class
 * that were so much larger; up to nine tenths they prove an item.
 */
#define CLOCK_PART	32
#define USEFUL_AGE	8
#define PROVEN_AGE	29

/* The part of the limit that the ghost table takes. */
#define GHOST_PART	128

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

void
evict_resize(struct evict *evict, size_t limit)
{
	struct ghost_table before = evict->ghosts;
	struct error error;

	if (ghost_size(limit / GHOST_PART) == before.bytes)
		return;
	if (ghost_open(&evict->ghosts, limit / GHOST_PART, &error) == -1)
		evict->ghosts = before;
	else
		ghost_close(&before);
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

/*
 * Of a large value nearly all is in whole pages, of a large hash in segments:
 * these are what it costs.
 */
static unsigned
cost_class(const struct store *store, const struct item *item,
    uint32_t handle, size_t *bytes)
{
	unsigned class = store->slab.pages[slab_page_of(&store->slab,
	    handle)].class;

	if (item->fields & ITEM_LARGE) {
		*bytes = item->length;
		return item->fields & ITEM_HASH ? store->slab.pages[
		    slab_page_of(&store->slab, item_piece(item, 0))].class :
		    store->slab.class_count - 1;
	}
	*bytes = store->slab.classes[class].chunk_size;
	return class;
}

static void
tell_evicted(const struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct store_evicted evicted = {
		.key = { item_key(item), item_key_length(item) },
		.length = item->length,
		.accessed = item_accessed(item),
		.expiry = item_expiry(item),
		.class = store->slab.pages[slab_page_of(&store->slab,
		    handle)].class,
		.fetched = item->state & ITEM_FETCHED,
	};

	store->events->evicted(store->events_context, store, &evicted);
}

void
evict_item(struct store *store, uint32_t handle, bool probation)
{
	const struct item *item = slab_item(&store->slab, handle);
	uint64_t hash = items_hash(store, handle);
	size_t bytes;
	unsigned class = cost_class(store, item, handle, &bytes);

	if (store->events != NULL)
		tell_evicted(store, handle);
	counts_evicted(store, handle);
	tick_clock(store, class, bytes);
	ghost_add(&store->evict.ghosts, hash, (struct ghost){
		.class = (uint8_t)class,
		.stamp = store->evict.clocks[class],
		.probation = probation,
	}, store->evict.clocks);
	items_lose(store, handle, hash);
}

double
evict_utility(const struct store *store, unsigned class)
{
	return store->evict.classes[class].hits / ghost_bytes(store, class);
}

void
evict_fade(struct store *store, double factor)
{
	for (unsigned i = 0; i < store->slab.class_count; i++)
		store->evict.classes[i].hits *= factor;
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
	    pages_free(store) || (uint64_t)queue->pages * class->chunks >
	    queue->used + class->chunks;
}

uint32_t
evict_free_chunk(struct store *store, unsigned number, bool proven)
{
	struct slab *slab = &store->slab;
	uint32_t handle = 0;

	if (!proven)
		handle = slab_alloc(slab, number, SLAB_SMALL);
	if (handle == 0 && (proven || main_is_open(store,
	    &slab->classes[number])))
		handle = slab_alloc(slab, number, SLAB_MAIN);
	if (handle == 0 && proven)
		handle = slab_alloc(slab, number, SLAB_SMALL);
	return handle;
}

/* A chunk that is free or becomes so by giving the class a free page. */
static uint32_t
alloc_free(struct store *store, unsigned number, bool proven)
{
	uint32_t handle = evict_free_chunk(store, number, proven);

	if (handle == 0 && pages_free(store) && pages_grow(store, number))
		handle = evict_free_chunk(store, number, proven);
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

/*
 * The next victims, as far as the hand's place tells: fetch the one after
 * the next, and of the next, which is here by now, the bucket.
 */
static void
foresee(const struct store *store, const struct slab_queue *queue)
{
	const struct slab *slab = &store->slab;
	uint32_t chunk = queue->hand_chunk, page = queue->hand_page, next;

	if (chunk + 1 >= slab->pages[page].fresh)
		return;
	__builtin_prefetch(slab_item(slab, slab_handle(slab, page,
	    chunk + 1)));
	next = items_removable(store, slab_handle(slab, page, chunk));
	if (next != 0) {
		uint64_t hash = items_hash(store, next);

		index_prefetch(&store->index, hash);
		ghost_prefetch(&store->evict.ghosts, hash);
	}
}

bool
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
	foresee(store, queue);
	return true;
}

void
evict_move(struct store *store, uint32_t handle, uint32_t to)
{
	const struct item *item = slab_item(&store->slab, handle);

	CHECK(item->pins == 0);
	if (item_kind(item) == ITEM_PIECE || item->fields & ITEM_LARGE)
		segments_move(store, handle, to);
	else
		memcpy(slab_item(&store->slab, to), item, item_bytes(item));
	if (item_kind(item) == ITEM_LINKED)
		index_replace(&store->index, items_hash(store, handle),
		    handle, to);
	slab_free(&store->slab, handle);
	expiry_note(store, to);
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
	evict_move(store, handle, to);
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
			foresee(store, queue);
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
 * A chunk of a larger class that is free or whose item may go, while the
 * spare page is being renewed.
 */
static uint32_t
borrow(struct store *store, unsigned class)
{
	struct slab *slab = &store->slab;

	if (pages_spare(store) == 0)
		return 0;
	pages_balance(store, 0);
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
		if (evict_small(store, class) || pages_grow(store, class))
			continue;
		handle = borrow(store, class);
		if (handle != 0)
			return handle;
		if (!pages_grow(store, class) && !pages_empty_one(store))
			return 0;
	}
	return handle;
}
