/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * expiry.c - see expiry.h.
 *
 * A hierarchical timing wheel (Varghese and Lauck 1987) whose slots are not
 * lists: the mark of an item's chunk, one byte beside the chunks of its page,
 * names the slot that it is in.
 *
 *   level   a slot is    slots ahead    items expire within
 *   0       0.512 s      63             32 s
 *   1       32.8 s       63             34 min
 *   2       35 min       63             37 h
 *   3       37 h         60             93 days; what is later waits there
 *
 * When a slot of level 0 is over, the pages that have its mark are searched
 * for it, and the items are due. When a slot of another level begins, its
 * items are marked anew for a lower level. A page knows by one bit for each
 * mark whether the search is worth while, so items without expiry cost
 * nothing. A mark says where to look, never what is true: it may be left over
 * from an item that is gone, so the item's own expiry decides.
 */
#include "store/expiry.h"

#include "base/check.h"
#include "store/counts.h"
#include "store/fading.h"
#include "store/items.h"
#include "store/state.h"

#define SHIFT_FIRST	9	/* 2^9 ms */
#define SHIFT_STEP	6	/* a slot holds 2^6 of the level below */
#define SLOTS		64	/* names for slots of one level, modulo */
#define AHEAD		(SLOTS - 1)	/* beyond it is the next level's */
#define AHEAD_TOP	60	/* no further: the topmost has fewer names */

/* Items that are fetched into the cache together. */
#define BATCH		16

/* What is searched, in terms of visiting one item. */
#define PAGES_PER_ITEM	8	/* that are passed over */
#define MARKS_PER_ITEM	512

static unsigned
shift_of(unsigned level)
{
	return SHIFT_FIRST + level * SHIFT_STEP;
}

/* 0 is no mark; the topmost level has one slot less, so that all fit. */
static uint8_t
mark_of(unsigned level, int64_t slot)
{
	unsigned slots = level == EXPIRY_LEVELS - 1 ? SLOTS - 1 : SLOTS;

	return (uint8_t)(1 + level * SLOTS +
	    (unsigned)((uint64_t)slot % slots));
}

static uint8_t
mark_for(int64_t now, int64_t expiry)
{
	unsigned level = 0;
	int64_t ahead;

	if (expiry < now)
		expiry = now;
	for (;; level++) {
		ahead = (expiry >> shift_of(level)) -
		    (now >> shift_of(level));
		if (level == EXPIRY_LEVELS - 1 || ahead <= AHEAD)
			break;
	}
	if (level == EXPIRY_LEVELS - 1 && ahead > AHEAD_TOP)
		expiry = now + ((int64_t)AHEAD_TOP << shift_of(level));
	return mark_of(level, expiry >> shift_of(level));
}

static bool
has_mark(const struct slab_page *page, uint8_t mark)
{
	return page->marks.word[mark / 64] >> mark % 64 & 1;
}

/* The page and the number in it of a chunk. */
static uint32_t
locate(const struct slab *slab, uint32_t handle, uint32_t *page)
{
	size_t offset = (size_t)handle * ITEM_UNIT &
	    (slab_page_size(slab) - 1);

	*page = slab_page_of(slab, handle);
	return slab_chunk_at(&slab->classes[slab->pages[*page].class], offset);
}

static void
set_mark(struct store *store, uint32_t handle, uint8_t mark)
{
	uint32_t page, chunk = locate(&store->slab, handle, &page);

	slab_marks(&store->slab, page)[chunk] = mark;
	store->slab.pages[page].marks.word[mark / 64] |=
	    (uint64_t)1 << mark % 64;
}

/* Is it a small hash, or a segment of a large one? */
static bool
has_fields(const struct item *item)
{
	return (item_kind(item) == ITEM_LINKED ||
	    item_kind(item) == ITEM_PIECE) &&
	    (item->fields & (ITEM_HASH | ITEM_LARGE)) == ITEM_HASH;
}

/* When the chunk is to be looked at; 0: never. */
static int64_t
first_due(const struct store *store, uint32_t chunk)
{
	const struct item *item = slab_item(&store->slab, chunk);
	int64_t whole, part;

	if (item_kind(item) == ITEM_PIECE)
		return has_fields(item) ? fading_first(store, chunk) : 0;
	whole = item_expiry(item);
	if ((item->fields & (ITEM_FADING | ITEM_LARGE)) != ITEM_FADING)
		return whole;
	part = fading_first(store, chunk);
	return whole == 0 || (part != 0 && part < whole) ? part : whole;
}

void
expiry_note(struct store *store, uint32_t chunk)
{
	int64_t due = first_due(store, chunk);

	if (due != 0)
		set_mark(store, chunk, mark_for(store->now, due));
}

void
expiry_reclaim(struct store *store, uint32_t handle, uint64_t hash)
{
	struct store_class_counts *counts = counts_of(store, handle);
	const struct item *item = slab_item(&store->slab, handle);

	counts->reclaimed++;
	if (!(item->state & ITEM_FETCHED))
		counts->expired_unfetched++;
	items_lose(store, handle, hash);
}

/* Marked for the slot that is swept: due, or to be marked anew, or old. */
static void
visit(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);

	if (item_kind(item) == ITEM_LINKED &&
	    item_expired(item, store->now)) {
		expiry_reclaim(store, handle, items_hash(store, handle));
		return;
	}
	if (has_fields(item) && !fading_sweep(store, handle))
		return;
	/* A segment may have joined another. */
	if (item_kind(item) == ITEM_LINKED || has_fields(item))
		expiry_note(store, handle);
}

/*
 * Find the next few chunks of the page that have the mark, and take it off
 * them. Returns how many; none: the page is done.
 */
static unsigned
collect(struct store *store, uint8_t mark, uint32_t *handles)
{
	struct expiry *expiry = &store->expiry;
	uint8_t *marks = slab_marks(&store->slab, expiry->page);
	uint32_t end = store->slab.pages[expiry->page].fresh;
	unsigned count = 0;

	while (count < BATCH && expiry->chunk < end) {
		uint8_t *at = memchr(marks + expiry->chunk, mark,
		    end - expiry->chunk);

		if (at == NULL) {
			expiry->chunk = end;
			break;
		}
		*at = 0;
		expiry->chunk = (uint32_t)(at - marks) + 1;
		handles[count] = slab_handle(&store->slab, expiry->page,
		    (uint32_t)(at - marks));
		__builtin_prefetch(slab_item(&store->slab, handles[count++]));
	}
	return count;
}

static unsigned
sweep_some(struct store *store, uint8_t mark)
{
	uint32_t handles[BATCH];
	unsigned count = collect(store, mark, handles);

	for (unsigned i = 0; i < count; i++)
		if (item_kind(slab_item(&store->slab, handles[i])) ==
		    ITEM_LINKED)
			index_prefetch(&store->index,
			    items_hash(store, handles[i]));
	for (unsigned i = 0; i < count; i++)
		visit(store, handles[i]);
	return count;
}

/* Is there a slot to sweep? The higher levels first: they fill the lower. */
static bool
next_slot(struct store *store)
{
	struct expiry *expiry = &store->expiry;

	for (unsigned level = EXPIRY_LEVELS; level-- > 0; ) {
		int64_t due = store->now >> shift_of(level);

		if (level == 0)
			due--;			/* when it is over */
		/* After a long sleep, once round is enough. */
		if (expiry->done[level] < due - SLOTS)
			expiry->done[level] = due - SLOTS;
		/* The clock was set back: sweep again as it comes by. */
		if (expiry->done[level] > due)
			expiry->done[level] = due;
		if (expiry->done[level] >= due)
			continue;
		expiry->level = level;
		expiry->slot = ++expiry->done[level];
		expiry->page = 0;
		expiry->chunk = 0;
		expiry->sweeping = true;
		return true;
	}
	return false;
}

/* Go to the next page that has the mark. False: there is none. */
static bool
next_page(struct store *store, uint8_t mark, unsigned *cost)
{
	struct expiry *expiry = &store->expiry;
	struct slab *slab = &store->slab;

	while (++expiry->page < slab->pages_touched) {
		struct slab_page *page = &slab->pages[expiry->page];

		if (expiry->page % PAGES_PER_ITEM == 0)
			++*cost;
		if (page->class == SLAB_NO_CLASS || !has_mark(page, mark))
			continue;
		/* Marks that are set from now on count anew. */
		page->marks.word[mark / 64] &= ~((uint64_t)1 << mark % 64);
		*cost += 1 + page->fresh / MARKS_PER_ITEM;
		expiry->chunk = 0;
		return true;
	}
	return false;
}

bool
expiry_slice(struct store *store, unsigned budget)
{
	struct expiry *expiry = &store->expiry;
	unsigned cost = 0;

	while (expiry->sweeping || next_slot(store)) {
		uint8_t mark = mark_of(expiry->level, expiry->slot);
		unsigned found = 0;

		if (cost >= budget)
			return true;
		if (expiry->page != 0 && store->slab.pages[
		    expiry->page].class != SLAB_NO_CLASS)
			found = sweep_some(store, mark);
		if (found == 0)
			expiry->sweeping = next_page(store, mark, &cost);
		cost += found;
	}
	return false;
}
