/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.c - pages that move by command, by themselves, and for a limit. */
#include "stored.h"

#define SMALL	100		/* bytes of value */
#define LARGE	1000

static unsigned
class_for(size_t length)
{
	return slab_class_for(&store->slab, 8 + strlen("small12345") +
	    length);
}

static uint32_t
pages_of(size_t length)
{
	return slab_class_pages(&store->slab.classes[class_for(length)]);
}

static void
fill(const char *name, unsigned count, size_t length)
{
	for (unsigned n = 10000; n < 10000 + count; n++)
		set(numbered(name, n), bytes_of(length));
}

static unsigned
count_left(const char *name, unsigned count, size_t length)
{
	unsigned left = 0;

	for (unsigned n = 10000; n < 10000 + count; n++)
		left += has(numbered(name, n), bytes_of(length));
	return left;
}

/* Every other item, so that no page becomes free. */
static void
delete_half(const char *name, unsigned count)
{
	for (unsigned n = 10000; n < 10000 + count; n += 2)
		delete(numbered(name, n));
}

static void
a_page_moves_from_class_to_class(void)
{
	uint32_t small, large;

	open_usual();
	fill("small", 2000, SMALL);
	fill("large", 1000, LARGE);
	small = pages_of(SMALL);
	large = pages_of(LARGE);
	EXPECT(!store_moves_page(store));
	EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
	    (int)class_for(LARGE)), STORE_MOVE_BEGUN);
	EXPECT(store_moves_page(store));
	EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
	    (int)class_for(LARGE)), STORE_MOVE_BUSY);
	tick_until_done(100);
	EXPECT(!store_moves_page(store));
	EXPECT_EQUAL(pages_of(SMALL), small - 1);
	EXPECT_EQUAL(pages_of(LARGE), large + 1);
	EXPECT_EQUAL(count_left("large", 1000, LARGE), 1000);
	close_store();
}

static void
its_items_go_to_free_chunks_of_their_class(void)
{
	uint32_t small;

	open_usual();
	fill("small", 4000, SMALL);
	delete_half("small", 4000);
	small = pages_of(SMALL);
	for (unsigned n = 0; n < small / 2 - 1; n++) {
		EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
		    STORE_NO_CLASS), STORE_MOVE_BEGUN);
		tick_until_done(100);
	}
	EXPECT_EQUAL(pages_of(SMALL), small - (small / 2 - 1));
	EXPECT_EQUAL(count_left("small", 4000, SMALL), 2000);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	EXPECT(store_counts(store)->rescues > 100);
	close_store();
}

static void
a_class_keeps_its_last_page(void)
{
	open_usual();
	fill("small", 10, SMALL);
	EXPECT_EQUAL(pages_of(SMALL), 1);
	EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
	    (int)class_for(LARGE)), STORE_MOVE_NO_PAGE);
	EXPECT_EQUAL(store_move_page(store, STORE_ANY_CLASS,
	    (int)class_for(LARGE)), STORE_MOVE_NO_PAGE);
	EXPECT_EQUAL(pages_of(LARGE), 0);
	close_store();
}

static void
a_free_page_is_given_at_once(void)
{
	open_usual();
	EXPECT_EQUAL(store_move_page(store, STORE_NO_CLASS,
	    (int)class_for(LARGE)), STORE_MOVE_BEGUN);
	EXPECT(!store_moves_page(store));
	EXPECT_EQUAL(pages_of(LARGE), 1);
	close_store();
}

static void
the_class_that_can_spare_a_page_gives_it(void)
{
	uint32_t small;

	open_usual();
	fill("small", 4000, SMALL);
	fill("large", 2000, LARGE);
	delete_half("small", 4000);
	small = pages_of(SMALL);
	EXPECT_EQUAL(store_move_page(store, STORE_ANY_CLASS, STORE_NO_CLASS),
	    STORE_MOVE_BEGUN);
	tick_until_done(100);
	EXPECT_EQUAL(pages_of(SMALL), small - 1);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	close_store();
}

static void
a_held_page_is_not_given(void)
{
	unsigned class;

	open_small(true);
	class = class_for(LARGE);
	fill("large", 40, LARGE);
	/* One item of each page is held. */
	for (unsigned n = 10000; n < 10040; n++) {
		EXPECT_EQUAL(get(numbered("large", n)), STORE_OK);
		EXPECT(store_pin(store, &item));
	}
	EXPECT_EQUAL(store_move_page(store, (int)class, STORE_NO_CLASS),
	    STORE_MOVE_NO_PAGE);
	for (unsigned n = 10000; n < 10040; n++) {
		EXPECT_EQUAL(get(numbered("large", n)), STORE_OK);
		store_unpin_item(store, &item);
	}
	EXPECT_EQUAL(store_move_page(store, (int)class, STORE_NO_CLASS),
	    STORE_MOVE_BEGUN);
	tick_until_done(100);
	close_store();
}

static void
a_store_that_may_not_evict_loses_nothing_to_a_move(void)
{
	unsigned stored = 0;

	open_small(false);
	while (set(numbered("small", 10000 + stored), bytes_of(SMALL)) ==
	    STORE_OK)
		stored++;
	EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
	    STORE_NO_CLASS), STORE_MOVE_BEGUN);
	tick_until_done(100);
	EXPECT_EQUAL(count_left("small", stored, SMALL), stored);
	delete_half("small", stored);
	EXPECT_EQUAL(store_move_page(store, (int)class_for(SMALL),
	    STORE_NO_CLASS), STORE_MOVE_BEGUN);
	tick_until_done(100);
	EXPECT_EQUAL(count_left("small", stored, SMALL), stored / 2);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	EXPECT(store_free_pages(store) > 0);
	close_store();
}

/* Small items are all there is; then only large ones are asked for. */
static uint64_t
moved_after_a_change_of_demand(enum store_automove mode, double ratio)
{
	uint64_t moved;

	open_usual();
	store_set_automove(store, mode, ratio);
	fill("small", 60000, SMALL);
	moved = store_counts(store)->pages_moved;
	for (unsigned n = 0; n < 12000; n++) {
		const char *name = numbered("large", 10000 + n % 700);

		if (get(name) != STORE_OK)
			set(name, bytes_of(LARGE));
	}
	moved = store_counts(store)->pages_moved - moved;
	close_store();
	return moved;
}

static void
pages_move_by_themselves_unless_told_not_to(void)
{
	uint64_t off = moved_after_a_change_of_demand(STORE_AUTOMOVE_OFF, .8);
	uint64_t on = moved_after_a_change_of_demand(STORE_AUTOMOVE_ON, .8);
	uint64_t hurry = moved_after_a_change_of_demand(STORE_AUTOMOVE_HURRY,
	    .8);

	/* One or two, so that a class without pages gets one. */
	EXPECT(off <= 2);
	if (!EXPECT(on > off) || !EXPECT(hurry > on + 3))
		printf("# off %u, on %u, hurry %u\n", (unsigned)off,
		    (unsigned)on, (unsigned)hurry);
	EXPECT_EQUAL(moved_after_a_change_of_demand(STORE_AUTOMOVE_ON, 0),
	    off);
}

static void
a_lower_limit_takes_free_chunks_first(void)
{
	unsigned count = 30000, left;

	open_usual();
	fill("small", count, SMALL);
	fill("large", 2000, LARGE);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	delete_half("small", count);
	delete_half("large", 2000);
	/* 3 MB of items are left in 6 MB of pages. */
	EXPECT(store_set_limit(store, 4 * MB));
	tick_until_done(1000);
	EXPECT(store_pages_size(store) <= 4 * MB);
	left = count_left("small", count, SMALL) +
	    count_left("large", 2000, LARGE);
	if (!EXPECT_EQUAL(left, count / 2 + 1000))
		printf("# %u of %u items are left\n", left, count / 2 + 1000);
	close_store();
}

static void
a_lower_limit_takes_what_it_has_to(void)
{
	uint64_t before, left;

	open_usual();
	fill("small", 30000, SMALL);
	fill("large", 2500, LARGE);
	before = store_counts(store)->bytes;
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	EXPECT(store_set_limit(store, 4 * MB));
	tick_until_done(1000);
	left = store_counts(store)->bytes;
	EXPECT(store_pages_size(store) + store_index_size(store) <= 4 * MB);
	/* A tenth for the index and the ends of pages. */
	if (!EXPECT(left > 4 * MB * 8 / 10))
		printf("# %llu of %llu bytes are left\n",
		    (unsigned long long)left, (unsigned long long)before);
	EXPECT(store_set_limit(store, 8 * MB));
	fill("small", 30000, SMALL);
	fill("large", 2500, LARGE);
	EXPECT_EQUAL(store_counts(store)->bytes, before);
	close_store();
}

/* The ghosts have their part of it: 4 MB, then 32 KB. */
static void
a_much_lower_limit_is_kept_too(void)
{
	struct store_config config = usual;
	size_t before;

	config.limit = 1024 * MB;
	open_as(&config);
	before = evict_size(&store->evict);
	EXPECT(store_set_limit(store, 8 * MB));
	EXPECT(evict_size(&store->evict) < before / 32);
	fill("small", 100000, SMALL);
	tick_until_done(1000);
	EXPECT(store_counts(store)->bytes > 4 * MB);
	EXPECT(store_pages_size(store) + store_index_size(store) +
	    evict_size(&store->evict) <= 8 * MB);
	EXPECT(store_set_limit(store, 1024 * MB));
	EXPECT_EQUAL(evict_size(&store->evict), before);
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(a_page_moves_from_class_to_class);
	RUN(its_items_go_to_free_chunks_of_their_class);
	RUN(a_class_keeps_its_last_page);
	RUN(a_free_page_is_given_at_once);
	RUN(the_class_that_can_spare_a_page_gives_it);
	RUN(a_held_page_is_not_given);
	RUN(a_store_that_may_not_evict_loses_nothing_to_a_move);
	RUN(pages_move_by_themselves_unless_told_not_to);
	RUN(a_lower_limit_takes_free_chunks_first);
	RUN(a_lower_limit_takes_what_it_has_to);
	RUN(a_much_lower_limit_is_kept_too);
	return tap_done();
}
