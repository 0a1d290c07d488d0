/* SPDX-License-Identifier: BSD-3-Clause */
/* crawl.c - items that are due are found on demand. */
#include "stored.h"

static bool chosen[STORE_CLASSES_MAX];

static void
choose(bool all)
{
	for (unsigned i = 0; i < STORE_CLASSES_MAX; i++)
		chosen[i] = all;
}

static struct store_class_counts
counts_of_class(size_t size)
{
	struct store_class_info info;

	EXPECT(store_class_info(store, slab_class_for(&store->slab, size),
	    &info));
	return info.counts;
}

/* Due before the time slot that they are in is over. */
static void
set_mortal(const char *name, unsigned count, size_t length)
{
	for (unsigned n = 0; n < count; n++)
		put_all(STORE_SET, numbered(name, n), bytes_of(length), 0,
		    START + 1, 0);
}

/* The slots that have passed are swept. */
static void
begin(void)
{
	open_usual();
	tick_until_done(1000);
}

static unsigned
crawl_to_the_end(void)
{
	unsigned ticks = 0;

	while (store_is_crawling(store)) {
		store_tick(store, 100);
		ticks++;
	}
	return ticks;
}

static void
a_crawl_reclaims_what_is_due(void)
{
	begin();
	set_mortal("due", 1000, 50);
	for (unsigned n = 0; n < 1000; n++)
		set(numbered("lasting", n), bytes_of(50));
	store_set_time(store, START + 2);
	store_tick(store, 100000);
	EXPECT_EQUAL(items(), 2000);
	choose(true);
	EXPECT(!store_is_crawling(store));
	EXPECT(store_crawl(store, chosen, 0));
	EXPECT(store_is_crawling(store));
	EXPECT(!store_crawl(store, chosen, 0));
	EXPECT(crawl_to_the_end() >= 20);
	EXPECT_EQUAL(items(), 1000);
	EXPECT_EQUAL(store_counts(store)->crawled, 2000);
	EXPECT_EQUAL(store_counts(store)->crawler_reclaimed, 1000);
	EXPECT_EQUAL(store_counts(store)->reclaimed, 1000);
	EXPECT(store_crawl(store, chosen, 0));
	close_store();
}

static void
only_the_classes_that_were_named_are_looked_at(void)
{
	begin();
	set_mortal("a", 10, 50);
	set_mortal("b", 10, 500);
	store_set_time(store, START + 2);
	choose(false);
	chosen[slab_class_for(&store->slab, 8 + 6 + 2 + 500)] = true;
	EXPECT(store_crawl(store, chosen, 0));
	crawl_to_the_end();
	EXPECT_EQUAL(items(), 10);
	EXPECT_EQUAL(counts_of_class(8 + 6 + 2 + 500).crawled, 10);
	EXPECT_EQUAL(counts_of_class(8 + 6 + 2 + 500).crawler_reclaimed, 10);
	EXPECT_EQUAL(counts_of_class(8 + 6 + 2 + 50).crawled, 0);
	close_store();
}

static void
no_more_items_of_a_class_are_looked_at_than_allowed(void)
{
	begin();
	set_mortal("a", 100, 50);
	set_mortal("b", 5, 500);
	store_set_time(store, START + 2);
	choose(true);
	EXPECT(store_crawl(store, chosen, 10));
	crawl_to_the_end();
	EXPECT_EQUAL(counts_of_class(8 + 6 + 2 + 50).crawled, 10);
	EXPECT_EQUAL(counts_of_class(8 + 6 + 2 + 500).crawled, 5);
	close_store();
}

static void
large_items_are_found_too(void)
{
	begin();
	set_mortal("large", 3, 300 * KB);
	store_set_time(store, START + 2);
	choose(true);
	EXPECT(store_crawl(store, chosen, 0));
	crawl_to_the_end();
	EXPECT_EQUAL(items(), 0);
	EXPECT_EQUAL(store_counts(store)->crawled, 3);
	close_store();
}

static void
an_empty_store_is_soon_done(void)
{
	open_usual();
	choose(true);
	EXPECT(store_crawl(store, chosen, 0));
	crawl_to_the_end();
	EXPECT_EQUAL(store_counts(store)->crawled, 0);
	close_store();
}

static void
a_flush_while_it_is_on_does_no_harm(void)
{
	begin();
	set_mortal("a", 1000, 50);
	store_set_time(store, START + 2);
	choose(true);
	EXPECT(store_crawl(store, chosen, 0));
	store_tick(store, 10);
	store_flush(store);
	set_mortal("b", 10, 50);
	crawl_to_the_end();
	EXPECT(items() <= 10);
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(a_crawl_reclaims_what_is_due);
	RUN(only_the_classes_that_were_named_are_looked_at);
	RUN(no_more_items_of_a_class_are_looked_at_than_allowed);
	RUN(large_items_are_found_too);
	RUN(an_empty_store_is_soon_done);
	RUN(a_flush_while_it_is_on_does_no_harm);
	return tap_done();
}
