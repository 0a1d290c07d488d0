/* SPDX-License-Identifier: BSD-3-Clause */
/* classes.c - what a store tells about its slab classes. */
#include "stored.h"

/* The number of the class whose chunks hold so many bytes. */
static unsigned
class_for(size_t size)
{
	return slab_class_for(&store->slab, size);
}

static struct store_class_info
info(unsigned class)
{
	struct store_class_info info;

	EXPECT(store_class_info(store, class, &info));
	return info;
}

/* The sums of all classes are what the whole store says. */
static void
expect_sums(void)
{
	const struct store_counts *counts = store_counts(store);
	struct store_class_counts sum = { .items = 0 };
	struct store_class_info info;

	for (unsigned n = 0; store_class_info(store, n, &info); n++) {
		sum.items += info.counts.items;
		sum.bytes += info.counts.bytes;
		sum.evicted += info.counts.evicted;
		sum.reclaimed += info.counts.reclaimed;
		EXPECT(info.counts.bytes <= info.used_chunks *
		    info.chunk_size);
		EXPECT(info.used_chunks <= info.pages *
		    info.chunks_per_page);
		EXPECT(info.counts.items <= info.used_chunks);
	}
	EXPECT_EQUAL(sum.items, counts->items);
	EXPECT_EQUAL(sum.bytes, counts->bytes);
	EXPECT_EQUAL(sum.evicted, counts->evictions);
	EXPECT_EQUAL(sum.reclaimed, counts->reclaimed);
}

static void
classes_are_numbered_from_the_smallest_and_end(void)
{
	struct store_class_info info;
	uint32_t before = 0;
	unsigned n;

	open_usual();
	for (n = 0; store_class_info(store, n, &info); n++) {
		EXPECT(info.chunk_size > before);
		EXPECT_EQUAL(info.pages, 0);
		EXPECT_EQUAL(info.used_chunks, 0);
		EXPECT_EQUAL(info.counts.items, 0);
		before = info.chunk_size;
	}
	EXPECT(n > 20);
	EXPECT(!store_class_info(store, 1000000, &info));
	close_store();
}

static void
items_and_bytes_are_those_of_their_class(void)
{
	unsigned small, large;

	open_usual();
	small = class_for(8 + 1 + 60);
	large = class_for(8 + 1 + 600);
	set("a", bytes_of(60));
	set("b", bytes_of(60));
	set("c", bytes_of(600));
	EXPECT_EQUAL(info(small).counts.items, 2);
	EXPECT_EQUAL(info(small).counts.bytes, 2 * (8 + 1 + 60));
	EXPECT_EQUAL(info(small).used_chunks, 2);
	EXPECT_EQUAL(info(small).pages, 1);
	EXPECT_EQUAL(info(large).counts.items, 1);
	set("a", bytes_of(600));
	EXPECT_EQUAL(info(small).counts.items, 1);
	EXPECT_EQUAL(info(large).counts.items, 2);
	set("b", bytes_of(59));
	EXPECT_EQUAL(info(small).counts.bytes, 8 + 1 + 59);
	put(STORE_APPEND, "b", bytes_of(1));
	EXPECT_EQUAL(info(small).counts.bytes, 8 + 1 + 60);
	delete("c");
	EXPECT_EQUAL(info(large).counts.items, 1);
	expect_sums();
	store_flush(store);
	EXPECT_EQUAL(info(large).counts.items, 0);
	EXPECT_EQUAL(info(large).counts.bytes, 0);
	close_store();
}

/* An item of 64 bytes fits its chunk exactly, so a cas unique moves it. */
static void
an_item_that_gets_a_unique_may_change_its_class(void)
{
	unsigned before, after;

	open_usual();
	before = class_for(8 + 1 + 55);
	after = class_for(8 + 8 + 1 + 55);
	EXPECT(before != after);
	set("k", bytes_of(55));
	EXPECT_EQUAL(info(before).counts.items, 1);
	EXPECT(cas_of("k") != 0);
	EXPECT_EQUAL(info(before).counts.items, 0);
	EXPECT_EQUAL(info(after).counts.items, 1);
	EXPECT_EQUAL(info(after).counts.bytes, 8 + 8 + 1 + 55);
	EXPECT_EQUAL(store_last_class(store), after);
	close_store();
}

static void
a_large_item_has_its_bytes_where_its_pieces_are(void)
{
	unsigned items_in = 0, bytes_in = 0;
	struct store_class_info class;
	size_t page;

	open_usual();
	page = slab_page_size(&store->slab);
	set("k", bytes_of(5 * page / 2));
	for (unsigned n = 0; store_class_info(store, n, &class); n++) {
		items_in += class.counts.items > 0;
		bytes_in += class.counts.bytes > 0;
	}
	EXPECT_EQUAL(items_in, 1);
	EXPECT(bytes_in >= 2);
	EXPECT(info(store->slab.class_count - 1).counts.bytes > page);
	expect_sums();
	set("k", bytes_of(100));
	expect_sums();
	EXPECT_EQUAL(info(store->slab.class_count - 1).counts.bytes, 0);
	close_store();
}

static void
the_last_class_is_that_of_the_last_item(void)
{
	unsigned small, large;
	uint64_t number;

	open_usual();
	small = class_for(8 + 1 + 60);
	large = class_for(8 + 1 + 600);
	set("a", bytes_of(60));
	EXPECT_EQUAL(store_last_class(store), small);
	set("b", bytes_of(600));
	EXPECT_EQUAL(store_last_class(store), large);
	get("a");
	EXPECT_EQUAL(store_last_class(store), small);
	touch("b", NEVER);
	EXPECT_EQUAL(store_last_class(store), large);
	set("a", bytes_of(60));
	EXPECT_EQUAL(store_last_class(store), small);
	delete("b");
	EXPECT_EQUAL(store_last_class(store), large);
	set("a", text("5"));
	EXPECT_EQUAL(store_last_class(store), class_for(8 + 1 + 1));
	count("a", false, 1, &number);
	EXPECT_EQUAL(store_last_class(store), class_for(8 + 1 + 1));
	EXPECT_EQUAL(put(STORE_REPLACE, "b", bytes_of(600)),
	    STORE_NOT_STORED);
	EXPECT_EQUAL(store_last_class(store), large);
	EXPECT_EQUAL(put_all(STORE_CAS, "a", bytes_of(60), 0, NEVER, 1),
	    STORE_EXISTS);
	EXPECT_EQUAL(store_last_class(store), class_for(8 + 1 + 1));
	close_store();
}

static void
a_refused_item_of_any_size_has_a_class(void)
{
	open_usual();
	for (size_t length = 0; length < sizeof source; length += 1009) {
		EXPECT_EQUAL(put(STORE_REPLACE, "k", (struct slice){ source,
		    length }), STORE_NOT_STORED);
		EXPECT(store_last_class(store) < store->slab.class_count);
	}
	close_store();
}

static void
a_last_item_that_has_gone_has_no_class_of_its_own(void)
{
	open_usual();
	set("a", bytes_of(600));
	get("a");
	store_flush(store);
	EXPECT_EQUAL(store_last_class(store), 0);
	close_store();
}

static void
evicted_items_are_counted_in_their_class(void)
{
	struct store_config config = usual;
	struct store_class_counts counts;
	unsigned class;

	config.limit = MB;
	config.track_access = true;
	open_as(&config);
	class = class_for(8 + 4 + 6 + 5 + 100);
	for (unsigned n = 0; n < 20000; n++) {
		store_set_time(store, START + (int64_t)n * 10);
		put_all(STORE_SET, numbered("k", n), bytes_of(100), 0,
		    n % 2 == 0 ? NEVER : START + (int64_t)1000000000, 0);
		if (n % 4 == 0)
			get(numbered("k", n));
	}
	expect_sums();
	counts = info(class).counts;
	EXPECT(counts.evicted > 1000);
	EXPECT(counts.evicted_nonzero > 0);
	EXPECT(counts.evicted_nonzero <= counts.evicted);
	EXPECT(counts.evicted_unfetched > 0);
	EXPECT(counts.evicted_time > 0 && counts.evicted_time < 200);
	store_reset_counts(store);
	EXPECT_EQUAL(info(class).counts.evicted, 0);
	EXPECT_EQUAL(info(class).counts.items, counts.items);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	close_store();
}

static void
expired_items_are_counted_in_their_class(void)
{
	unsigned class;

	open_usual();
	class = class_for(8 + 6 + 1 + 100);
	put_all(STORE_SET, "a", bytes_of(100), 0, START + 1, 0);
	put_all(STORE_SET, "b", bytes_of(100), 0, START + 1, 0);
	get("a");
	store_set_time(store, START + LATE);
	get("a");
	tick_until_done(100);
	EXPECT_EQUAL(info(class).counts.reclaimed, 2);
	EXPECT_EQUAL(info(class).counts.expired_unfetched, 1);
	EXPECT_EQUAL(info(class).counts.items, 0);
	close_store();
}

static void
a_class_that_found_no_memory_says_so(void)
{
	unsigned class, refused = 0;

	open_small(false);
	class = class_for(8 + 5 + 1000);
	for (unsigned n = 0; n < 2000; n++)
		refused += set(numbered("k", n), bytes_of(1000)) ==
		    STORE_NO_MEMORY;
	EXPECT(refused > 100);
	EXPECT(info(class).counts.no_memory >= refused);
	expect_sums();
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(classes_are_numbered_from_the_smallest_and_end);
	RUN(items_and_bytes_are_those_of_their_class);
	RUN(an_item_that_gets_a_unique_may_change_its_class);
	RUN(a_large_item_has_its_bytes_where_its_pieces_are);
	RUN(the_last_class_is_that_of_the_last_item);
	RUN(a_refused_item_of_any_size_has_a_class);
	RUN(a_last_item_that_has_gone_has_no_class_of_its_own);
	RUN(evicted_items_are_counted_in_their_class);
	RUN(expired_items_are_counted_in_their_class);
	RUN(a_class_that_found_no_memory_says_so);
	return tap_done();
}
