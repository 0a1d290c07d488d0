/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * scan.c - a scan meets each item that is there all the time exactly once,
 * and no key twice, whatever happens to the store between its calls.
 *
 * Keys are "k" and a number, so that a visit can be counted.
 */
#include "stored.h"

#define KEYS_MAX	120000

/* A call may go beyond its count by what is at home in one bucket. */
#define BUCKET_WORTH	40

static struct random rnd;
static unsigned visits[KEYS_MAX];
static bool broken[KEYS_MAX];	/* was missing at some time of the scan */
static unsigned visited;	/* in this call */
static unsigned strange;	/* visits that were wrong */
static size_t wanted_length;	/* of every value; SIZE_MAX: any */

static void
begin(void)
{
	open_usual();
	rnd.state = 23;
	wanted_length = SIZE_MAX;
}

static void
count_visit(void *context, struct slice name, const struct store_item *found)
{
	char digits[16] = "";
	unsigned n;

	visited++;
	if (name.length < 2 || name.length > sizeof digits ||
	    name.bytes[0] != 'k' || context != &visits) {
		strange++;
		return;
	}
	memcpy(digits, name.bytes + 1, name.length - 1);
	n = (unsigned)strtoul(digits, NULL, 10);
	if (n >= KEYS_MAX || (wanted_length != SIZE_MAX &&
	    !value_equals(store, found, bytes_of(wanted_length).bytes,
	    wanted_length)))
		strange++;
	else
		visits[n]++;
}

static bool
exists(unsigned n)
{
	struct store_key where = key(numbered("k", n));

	return store_exists(store, &where);
}

static void
begin_scan(unsigned keys)
{
	memset(visits, 0, sizeof visits);
	strange = 0;
	for (unsigned n = 0; n < KEYS_MAX; n++)
		broken[n] = n >= keys || !exists(n);
}

/* A cursor from elsewhere is taken modulo this. */
#define CURSOR_END	((uint64_t)1 << 42)

static uint64_t
scan_on(uint64_t cursor, unsigned number)
{
	uint64_t next;

	visited = 0;
	next = store_scan(store, cursor, number, count_visit, &visits);
	EXPECT(next == 0 || next > cursor % CURSOR_END);
	EXPECT(visited < number + BUCKET_WORTH);
	EXPECT(next == 0 || visited >= number);
	return next;
}

/* What is there and always was, was visited; and nothing twice. */
static void
end_scan(unsigned keys)
{
	unsigned missed = 0, twice = 0;

	for (unsigned n = 0; n < keys; n++) {
		missed += visits[n] == 0 && !broken[n] && exists(n);
		twice += visits[n] > 1;
	}
	EXPECT_EQUAL(missed, 0);
	EXPECT_EQUAL(twice, 0);
	EXPECT_EQUAL(strange, 0);
}

static void
put_key(unsigned n, size_t length)
{
	if (!exists(n))
		broken[n] = true;
	set(numbered("k", n), bytes_of(length));
}

static void
delete_key(unsigned n)
{
	broken[n] = true;
	delete(numbered("k", n));
}

static void
put_keys(unsigned first, unsigned end, size_t length)
{
	for (unsigned n = first; n < end; n++)
		put_key(n, length);
}

static void
an_empty_store_has_nothing_to_visit(void)
{
	begin();
	begin_scan(0);
	for (uint64_t cursor = 0, calls = 0; calls < 1000; calls++) {
		cursor = store_scan(store, random_next(&rnd), 100,
		    count_visit, &visits);
		EXPECT_EQUAL(cursor, 0);
	}
	EXPECT_EQUAL(store_scan(store, 0, 10, count_visit, &visits), 0);
	EXPECT_EQUAL(strange, 0);
	close_store();
}

static void
a_store_that_does_not_change_is_visited_as_it_is(void)
{
	static const unsigned counts[] = { 1, 7, 100, 5000, UINT32_MAX / 2 };
	static const unsigned sizes[] = { 1, 2, 700, 5000, 40000 };

	for (size_t i = 0; i < 25; i++) {
		unsigned keys = sizes[i / 5];
		uint64_t cursor = 0;

		begin();
		put_keys(0, keys, 10);
		wanted_length = 10;
		begin_scan(keys);
		do
			cursor = scan_on(cursor, counts[i % 5]);
		while (cursor != 0);
		end_scan(keys);
		close_store();
	}
}

static void
a_scan_gives_values_of_any_size(void)
{
	begin();
	for (size_t length = 0; length < 400000; length = length * 3 + 1) {
		store_flush(store);
		put_keys(0, 5, length);
		wanted_length = length;
		begin_scan(5);
		EXPECT_EQUAL(store_scan(store, 0, 1000, count_visit, &visits),
		    0);
		end_scan(5);
	}
	close_store();
}

/* From a cursor that nobody gave out, too. */
static void
a_cursor_may_be_any_number(void)
{
	begin();
	put_keys(0, 5000, 10);
	for (int i = 0; i < 100; i++) {
		uint64_t cursor = random_next(&rnd) >> i % 60;
		unsigned before = 0;

		begin_scan(0);
		while (cursor != 0 && before++ < 10000)
			cursor = scan_on(cursor, 1 + (unsigned)random_below(
			    &rnd, 400));
		EXPECT_EQUAL(cursor, 0);
		end_scan(5000);
	}
	EXPECT_EQUAL(store_scan(store, UINT64_MAX, 1, count_visit, &visits),
	    0);
	close_store();
}

/* The two parts that a cursor divides the keys into make the whole. */
static void
a_cursor_divides_the_keys(void)
{
	begin();
	put_keys(0, 5000, 10);
	for (int i = 0; i < 50; i++) {
		uint64_t middle, cursor = 0;

		begin_scan(5000);
		for (uint64_t n = random_below(&rnd, 100); n-- > 0; )
			cursor = scan_on(cursor, 30);
		middle = cursor;
		while (middle != 0)
			middle = scan_on(middle, 1000);
		end_scan(5000);
	}
	close_store();
}

/* Scan while `change` happens between the calls. */
static void
scan_during(unsigned keys, unsigned number, void (*change)(unsigned call))
{
	uint64_t cursor = 0;
	unsigned call = 0;

	begin_scan(keys);
	do {
		cursor = scan_on(cursor, number);
		if (cursor != 0)
			change(call++);
	} while (cursor != 0 && call < 100000 && !tap_test_failed);
	end_scan(keys);
	store_verify(store);
}

static void
add_new(unsigned call)
{
	if (call < 1000)
		put_keys(1000 + call * 40, 1000 + call * 40 + 40, 5);
}

static void
while_the_index_grows(void)
{
	begin();
	put_keys(0, 1000, 10);
	scan_during(1000, 3, add_new);
	EXPECT(items() > 10000);
	EXPECT(store_index_power(store) >= 10);
	close_store();
}

static void
delete_many(unsigned call)
{
	for (unsigned n = call * 100; n < call * 100 + 100; n++)
		if (n < 60000 && n % 30 != 0)
			delete_key(n);
}

static void
while_the_index_shrinks(void)
{
	begin();
	put_keys(0, 60000, 10);
	scan_during(60000, 30, delete_many);
	EXPECT(items() < 10000);
	EXPECT(store_index_power(store) < 12);
	close_store();
}

static void
grow_and_shrink(unsigned call)
{
	unsigned wave = call / 60 % 2, first = 2000 + call % 60 * 400;

	for (unsigned n = first; n < first + 400; n++)
		if (wave == 0)
			put_key(n, 4);
		else
			delete_key(n);
}

static void
while_the_index_grows_and_shrinks_over_and_over(void)
{
	begin();
	put_keys(0, 2000, 10);
	for (unsigned number = 1; number < 40; number += 9)
		scan_during(2000, number, grow_and_shrink);
	close_store();
}

static void
overwrite_all_sizes(unsigned call)
{
	for (int i = 0; i < 20; i++)
		put_key((unsigned)random_below(&rnd, 3000),
		    random_below(&rnd, call % 10 == 0 ? 3000 : 300));
}

static void
while_items_are_overwritten(void)
{
	begin();
	put_keys(0, 3000, 10);
	scan_during(3000, 10, overwrite_all_sizes);
	scan_during(3000, 1, overwrite_all_sizes);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	close_store();
}

/* Asking for a cas unique or a new expiry moves items, too. */
static void
change_shapes(unsigned call)
{
	for (unsigned n = call * 7; n < call * 7 + 20; n++) {
		cas_of(numbered("k", n % 3000));
		touch(numbered("k", n * 11 % 3000), START + 1000000);
		put(STORE_APPEND, numbered("k", n * 3 % 3000), text("more"));
	}
}

static void
while_items_change_their_shape(void)
{
	begin();
	put_keys(0, 3000, 10);
	scan_during(3000, 10, change_shapes);
	close_store();
}

/* More than fits; sizes in demand change, so pages move. */
static void
press(unsigned call)
{
	size_t size = 20 + call / 400 % 6 * 120;

	for (int i = 0; i < 30; i++) {
		unsigned n = (unsigned)random_below(&rnd, KEYS_MAX);

		if (random_below(&rnd, 3) != 0)
			n %= 5000;
		if (get(numbered("k", n)) == STORE_MISS)
			put_key(n, size + n % 100);
	}
}

static void
while_items_are_evicted_and_pages_move(void)
{
	begin();
	for (unsigned call = 0; call < 4000; call++)
		press(call);
	scan_during(KEYS_MAX, 10, press);
	EXPECT(store_counts(store)->evictions > 1000);
	EXPECT(store_counts(store)->pages_moved > 1);
	close_store();
}

static void
change_the_limit(unsigned call)
{
	press(call);
	if (call % 100 == 0)
		store_set_limit(store, (2 + random_below(&rnd, 6)) * MB);
	store_tick(store, 100);
}

static void
while_the_limit_changes(void)
{
	begin();
	for (unsigned call = 0; call < 1000; call++)
		press(call);
	scan_during(KEYS_MAX, 20, change_the_limit);
	close_store();
}

/*
 * Names of keys at home in bucket 37 of up to 4096: they overflow. Numbers of
 * others are kept apart by `crowded`.
 */
static unsigned crowd[150];
static unsigned crowded;

static void
choose_crowd(void)
{
	crowded = 0;
	for (unsigned n = 20000; crowded < 150 && n < KEYS_MAX * 8; n++)
		if ((key(numbered("k", n)).hash >> 8 & 511) == 37 &&
		    n < KEYS_MAX)
			crowd[crowded++] = n;
}

static void
change_around_the_crowd(unsigned call)
{
	grow_and_shrink(call * 4);
	put_key(crowd[call % crowded], random_below(&rnd, 200));
}

static void
while_a_bucket_overflows(void)
{
	begin();
	choose_crowd();
	EXPECT(crowded > 100);
	for (unsigned i = 0; i < crowded; i++)
		put_key(crowd[i], 10);
	put_keys(0, 500, 10);
	begin_scan(KEYS_MAX);
	for (uint64_t cursor = 0, call = 0; call == 0 || cursor != 0; call++) {
		cursor = store_scan(store, cursor, 1, count_visit, &visits);
		change_around_the_crowd((unsigned)call);
	}
	end_scan(KEYS_MAX);
	close_store();
}

static void
what_fell_due_is_not_visited(void)
{
	begin();
	for (unsigned n = 0; n < 1000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(10), 0,
		    n % 2 == 0 ? NEVER : START + 100, 0);
	store_set_time(store, START + 100);
	begin_scan(0);
	visited = 0;
	EXPECT_EQUAL(store_scan(store, 0, 10000, count_visit, &visits), 0);
	EXPECT_EQUAL(visited, 500);
	for (unsigned n = 0; n < 1000; n++)
		EXPECT_EQUAL(visits[n], n % 2 == 0);
	EXPECT_EQUAL(items(), 1000);
	close_store();
}

static int64_t now;

static void
let_some_fall_due(unsigned call)
{
	store_set_time(store, now += 10);
	store_tick(store, 20);
	for (unsigned n = 0; n < 10; n++) {
		unsigned which = (call * 10 + n) % 5000;

		if (!exists(which))
			broken[which] = true;
		put_all(STORE_SET, numbered("k", which), bytes_of(n * 9), 0,
		    now + 1 + (int64_t)random_below(&rnd, 3000), 0);
	}
}

static void
while_items_fall_due(void)
{
	begin();
	now = START;
	put_keys(0, 5000, 10);
	for (unsigned call = 0; call < 300; call++)
		let_some_fall_due(call);
	scan_during(5000, 10, let_some_fall_due);
	close_store();
}

static void
a_flush_ends_what_there_is_to_visit(void)
{
	uint64_t cursor = 0;

	begin();
	put_keys(0, 5000, 10);
	begin_scan(5000);
	for (int i = 0; i < 10; i++)
		cursor = scan_on(cursor, 10);
	store_flush(store);
	visited = 0;
	EXPECT_EQUAL(store_scan(store, cursor, 10, count_visit, &visits), 0);
	EXPECT_EQUAL(visited, 0);
	put_keys(0, 300, 10);
	while (cursor != 0)
		cursor = scan_on(cursor, 10);
	end_scan(0);
	close_store();
}

static void
drafts_and_deleted_values_that_are_held_are_not_visited(void)
{
	struct store_key where = key("k1");
	struct iovec part;
	uint32_t draft;

	begin();
	set("k2", bytes_of(5000));
	get("k2");
	EXPECT(store_pin(store, &item));
	store_parts(store, &item, 0, &part, 1);
	delete("k2");
	EXPECT_EQUAL(store_draft(store, &where, 5000, 0, NEVER, &draft),
	    STORE_OK);
	put_key(3, 10);
	begin_scan(4);
	visited = 0;
	EXPECT_EQUAL(store_scan(store, 0, 100, count_visit, &visits), 0);
	EXPECT_EQUAL(visited, 1);
	EXPECT_EQUAL(visits[3], 1);
	store_draft_abandon(store, draft);
	store_unpin(store, part.iov_base);
	close_store();
}

static void
a_scan_keeps_nothing_from_eviction(void)
{
	uint64_t hits = 0;

	begin();
	put_keys(0, 100, 10);
	EXPECT_EQUAL(store_scan(store, 0, 1000, count_visit, &visits), 0);
	for (uint32_t page = 1; page < store->slab.pages_touched; page++)
		for (uint32_t n = 0; n < store->slab.pages[page].fresh; n++)
			hits += slab_item(&store->slab, slab_handle(
			    &store->slab, page, n))->state &
			    (ITEM_HEAT_MASK | ITEM_FETCHED);
	EXPECT_EQUAL(hits, 0);
	close_store();
}

int
main(void)
{
	fill_source();
	RUN(an_empty_store_has_nothing_to_visit);
	RUN(a_store_that_does_not_change_is_visited_as_it_is);
	RUN(a_scan_gives_values_of_any_size);
	RUN(a_cursor_may_be_any_number);
	RUN(a_cursor_divides_the_keys);
	RUN(while_the_index_grows);
	RUN(while_the_index_shrinks);
	RUN(while_the_index_grows_and_shrinks_over_and_over);
	RUN(while_items_are_overwritten);
	RUN(while_items_change_their_shape);
	RUN(while_items_are_evicted_and_pages_move);
	RUN(while_the_limit_changes);
	RUN(while_a_bucket_overflows);
	RUN(what_fell_due_is_not_visited);
	RUN(while_items_fall_due);
	RUN(a_flush_ends_what_there_is_to_visit);
	RUN(drafts_and_deleted_values_that_are_held_are_not_visited);
	RUN(a_scan_keeps_nothing_from_eviction);
	return tap_done();
}
