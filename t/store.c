/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - what store.h promises, one promise at a time. t/store_twin.c
 * does everything at random.
 */
#include "store/store.h"

#include <stdlib.h>

#include "base/random.h"
#include "store/state.h"
#include "tap.h"
#include "values.h"

#define KB		((size_t)1 << 10)
#define MB		((size_t)1 << 20)
#define START		((int64_t)1700000000000)
#define NEVER		0
#define ITEM_MAX	MB

/* Of a store of up to 16 MB. */
#define PAGE		(16 * KB)
#define FULL_PIECE	(PAGE - 8)
#define HALF_PIECE	(PAGE / 2 - 8)

static struct store *store;
static struct store_item item;		/* what the last get() found */
static struct error problem;

/* Any value is a part of this. */
static char source[2 * MB];

static const struct store_config usual = {
	.limit = 8 * MB,
	.item_max = ITEM_MAX,
	.growth_factor = 1.25,
	.chunk_min = 48,
	.evict = true,
	.cas = true,
	.hash_seed = VALUES_SEED,
};

static void
open_as(const struct store_config *config)
{
	store = store_open(config, &problem);
	if (store == NULL)
		printf("Bail out! %s\n", problem.text);
	store_set_time(store, START);
}

static void
open_usual(void)
{
	open_as(&usual);
}

static void
open_small(bool evict)
{
	struct store_config config = usual;

	config.limit = MB;
	config.evict = evict;
	open_as(&config);
}

static void
close_store(void)
{
	store_verify(store);
	store_close(store);
}

static struct store_key
key(const char *name)
{
	return key_of(name, strlen(name));
}

/* Valid until the next call. */
static const char *
numbered(const char *name, unsigned number)
{
	static char text[64];

	snprintf(text, sizeof text, "%s%u", name, number);
	return text;
}

/* Text that tests write out, or any part of `source`. */
static struct slice
text(const char *bytes)
{
	return (struct slice){ bytes, strlen(bytes) };
}

static struct slice
bytes_of(size_t length)
{
	return (struct slice){ source + length % 1000, length };
}

static enum store_result
put_all(enum store_mode mode, const char *name, struct slice bytes,
    uint32_t flags, int64_t expiry, uint64_t cas)
{
	struct store_key where = key(name);
	struct store_value value = {
		.bytes = bytes, .flags = flags, .expiry = expiry, .cas = cas,
	};

	return store_put(store, &where, mode, &value);
}

static enum store_result
put(enum store_mode mode, const char *name, struct slice bytes)
{
	return put_all(mode, name, bytes, 0, NEVER, 0);
}

static enum store_result
set(const char *name, struct slice bytes)
{
	return put(STORE_SET, name, bytes);
}

static enum store_result
get(const char *name)
{
	struct store_key where = key(name);

	return store_get(store, &where, false, &item);
}

/* The cas unique, 0 when the key is not there. */
static uint64_t
cas_of(const char *name)
{
	struct store_key where = key(name);

	if (store_get(store, &where, true, &item) != STORE_OK)
		return 0;
	return item.cas;
}

static enum store_result
touch(const char *name, int64_t expiry)
{
	struct store_key where = key(name);

	return store_touch(store, &where, expiry, false, &item);
}

static enum store_result
delete(const char *name)
{
	struct store_key where = key(name);

	return store_delete(store, &where);
}

static enum store_result
count(const char *name, bool subtract, uint64_t delta, uint64_t *number)
{
	struct store_key where = key(name);

	return store_add_number(store, &where, subtract, delta, number);
}

static bool
has(const char *name, struct slice bytes)
{
	return get(name) == STORE_OK &&
	    value_equals(store, &item, bytes.bytes, bytes.length);
}

static uint64_t
items(void)
{
	return store_counts(store)->items;
}

/* Tick until there is nothing to do. Returns how many it took. */
static unsigned
tick_until_done(unsigned budget)
{
	unsigned ticks = 1;

	while (store_tick(store, budget) && ticks < 100000)
		ticks++;
	return ticks;
}

/* Store until there is no memory. Returns how many keys there are. */
static unsigned
fill_up(const char *name, size_t length)
{
	unsigned n = 0;

	while (set(numbered(name, n), bytes_of(length)) == STORE_OK)
		n++;
	return n;
}

/*
 * How many values of a size fit, in a store that does not evict. They are
 * deleted again.
 */
static unsigned
capacity(size_t length)
{
	unsigned filled = fill_up("capacity", length);

	for (unsigned n = 0; n < filled; n++)
		delete(numbered("capacity", n));
	return filled;
}

/* Storing and finding */

static void
what_was_never_stored_is_a_miss(void)
{
	open_usual();
	EXPECT_EQUAL(get("k"), STORE_MISS);
	EXPECT_EQUAL(touch("k", START + 1), STORE_MISS);
	EXPECT_EQUAL(delete("k"), STORE_MISS);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
expect_whole(const char *name, size_t length, uint32_t flags, int64_t expiry)
{
	EXPECT_EQUAL(put_all(STORE_SET, name, bytes_of(length), flags, expiry,
	    0), STORE_OK);
	EXPECT(has(name, bytes_of(length)));
	EXPECT_EQUAL(item.flags, flags);
	EXPECT_EQUAL(item.expiry, expiry);
}

static void
a_value_is_given_back_with_its_flags_and_expiry(void)
{
	open_usual();
	for (size_t length = 0; length < 1200; length += 13) {
		expect_whole(numbered("plain", (unsigned)length), length, 0,
		    NEVER);
		expect_whole(numbered("flags", (unsigned)length), length, 7,
		    NEVER);
		expect_whole(numbered("expiry", (unsigned)length), length, 0,
		    START + 1);
		expect_whole(numbered("both", (unsigned)length), length,
		    UINT32_MAX, START + 99999999);
	}
	store_verify(store);
	for (size_t length = 0; length < 1200; length += 13)
		EXPECT(has(numbered("plain", (unsigned)length),
		    bytes_of(length)));
	close_store();
}

static void
an_expiry_may_be_far_off(void)
{
	int64_t last = ((int64_t)1 << 48) - 1;

	open_usual();
	expect_whole("k", 10, 0, last);
	store_set_time(store, last - 1);
	EXPECT_EQUAL(get("k"), STORE_OK);
	store_set_time(store, last);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	close_store();
}

static void
a_key_is_any_bytes_from_1_to_250(void)
{
	open_usual();
	for (size_t length = 1; length <= STORE_KEY_MAX; length++) {
		struct store_key where = key_of(source, length);
		struct store_value value = { .bytes = bytes_of(length) };

		EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value),
		    STORE_OK);
	}
	for (size_t length = 1; length <= STORE_KEY_MAX; length++) {
		struct store_key where = key_of(source, length);

		EXPECT_EQUAL(store_get(store, &where, false, &item),
		    STORE_OK);
		EXPECT(value_equals(store, &item, source + length, length));
	}
	EXPECT_EQUAL(items(), STORE_KEY_MAX);
	close_store();
}

static void
a_set_takes_the_place_of_any_value(void)
{
	static const size_t lengths[] = {
		10, 11, 0, 500, 20000, 400, 1024, 8000, 100000, 99999, 1,
	};

	open_usual();
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		expect_whole("k", lengths[i], (uint32_t)(i & 1), i % 3 == 0 ?
		    NEVER : START + 5);
		EXPECT_EQUAL(items(), 1);
		store_verify(store);
	}
	close_store();
}

static void
add_stores_only_a_new_key(void)
{
	open_usual();
	EXPECT_EQUAL(put(STORE_ADD, "k", text("one")), STORE_OK);
	EXPECT_EQUAL(put(STORE_ADD, "k", text("two")), STORE_NOT_STORED);
	EXPECT(has("k", text("one")));
	delete("k");
	EXPECT_EQUAL(put(STORE_ADD, "k", text("two")), STORE_OK);
	EXPECT(has("k", text("two")));
	close_store();
}

static void
replace_stores_only_an_existing_key(void)
{
	open_usual();
	EXPECT_EQUAL(put(STORE_REPLACE, "k", text("one")), STORE_NOT_STORED);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	set("k", text("one"));
	EXPECT_EQUAL(put(STORE_REPLACE, "k", text("two")), STORE_OK);
	EXPECT(has("k", text("two")));
	close_store();
}

static void
a_deleted_key_is_gone(void)
{
	open_usual();
	set("a", text("1"));
	set("b", bytes_of(50000));
	EXPECT_EQUAL(delete("a"), STORE_OK);
	EXPECT_EQUAL(delete("b"), STORE_OK);
	EXPECT_EQUAL(delete("a"), STORE_MISS);
	EXPECT_EQUAL(get("a"), STORE_MISS);
	EXPECT_EQUAL(get("b"), STORE_MISS);
	EXPECT_EQUAL(items(), 0);
	EXPECT_EQUAL(store_counts(store)->bytes, 0);
	close_store();
}

static void
what_is_stored_is_counted(void)
{
	const struct store_counts *counts;

	open_usual();
	counts = store_counts(store);
	set("a", text("12345"));
	set("b", text("12345"));
	EXPECT_EQUAL(counts->items, 2);
	EXPECT_EQUAL(counts->total_items, 2);
	EXPECT_EQUAL(counts->bytes, 2 * (8 + 1 + 5));
	set("a", text("123"));
	put(STORE_ADD, "b", text("refused"));
	EXPECT_EQUAL(counts->items, 2);
	EXPECT_EQUAL(counts->total_items, 3);
	EXPECT_EQUAL(counts->bytes, 2 * (8 + 1) + 5 + 3);
	delete("b");
	EXPECT_EQUAL(counts->items, 1);
	EXPECT_EQUAL(counts->total_items, 3);
	close_store();
}

static void
prefetching_changes_nothing(void)
{
	open_usual();
	for (unsigned n = 0; n < 5000; n++) {
		struct store_key where;

		set(numbered("k", n), bytes_of(n % 50));
		where = key(numbered("k", n * 2));
		store_prefetch(store, where.hash);
		store_prefetch_item(store, where.hash);
	}
	EXPECT_EQUAL(items(), 5000);
	close_store();
}

static void
the_index_grows_with_the_items(void)
{
	size_t size;
	unsigned power;

	open_usual();
	size = store_index_size(store);
	power = store_index_power(store);
	for (unsigned n = 0; n < 20000; n++)
		set(numbered("k", n), text("v"));
	EXPECT(store_index_size(store) > size);
	EXPECT(store_index_power(store) > power);
	while (store_index_resizing(store) && items() < 100000)
		set(numbered("more", (unsigned)items()), text("v"));
	EXPECT(!store_index_resizing(store));
	store_flush(store);
	EXPECT_EQUAL(store_index_power(store), power);
	tick_until_done(1000);
	for (int i = 0; i < 100; i++)
		store_tick(store, 1000);
	EXPECT(store_index_size(store) < size + 8 * KB);
	close_store();
}

static void
two_stores_do_not_know_each_other(void)
{
	struct store *other;

	open_usual();
	set("k", text("one"));
	other = store;
	open_usual();
	EXPECT_EQUAL(get("k"), STORE_MISS);
	set("k", text("two"));
	close_store();
	store = other;
	EXPECT(has("k", text("one")));
	close_store();
}

static void
no_store_to_close_is_fine(void)
{
	store_close(NULL);
}

/* The cas unique */

static void
a_cas_unique_is_given_only_when_it_is_asked_for(void)
{
	uint64_t cas;

	open_usual();
	set("k", text("v"));
	get("k");
	EXPECT_EQUAL(item.cas, 0);
	cas = cas_of("k");
	EXPECT(cas != 0);
	EXPECT_EQUAL(cas_of("k"), cas);
	EXPECT(has("k", text("v")));
	close_store();
}

static void
asking_for_cas_keeps_flags_and_expiry(void)
{
	open_usual();
	for (unsigned length = 0; length < 1100; length++) {
		const char *name = numbered("k", length);

		put_all(STORE_SET, name, bytes_of(length), length % 3,
		    length % 2 != 0 ? START + 50 : NEVER, 0);
		EXPECT(cas_of(name) != 0);
		EXPECT(has(name, bytes_of(length)));
		EXPECT_EQUAL(item.flags, length % 3);
		EXPECT_EQUAL(item.expiry, length % 2 != 0 ? START + 50 :
		    NEVER);
	}
	close_store();
}

static void
items_have_different_cas_uniques(void)
{
	uint64_t last = 0;

	open_usual();
	for (unsigned n = 0; n < 100; n++) {
		set(numbered("k", n), bytes_of(n * 30));
		EXPECT(cas_of(numbered("k", n)) > last);
		last = item.cas;
	}
	close_store();
}

static void
expect_new_cas(uint64_t *cas)
{
	uint64_t now = cas_of("k");

	EXPECT(now != 0 && now != *cas);
	*cas = now;
}

static void
every_write_changes_the_cas_unique_of(size_t length)
{
	struct slice bytes = bytes_of(length);
	uint64_t cas = 0, number;

	open_usual();
	EXPECT_EQUAL(set("k", bytes), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(set("k", bytes), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(put(STORE_REPLACE, "k", bytes), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(put(STORE_APPEND, "k", text("")), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(put(STORE_APPEND, "k", text("x")), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(put(STORE_PREPEND, "k", text("x")), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(put_all(STORE_CAS, "k", bytes, 0, NEVER, cas), STORE_OK);
	expect_new_cas(&cas);
	delete("k");
	EXPECT_EQUAL(put(STORE_ADD, "k", text("10")), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(count("k", false, 1, &number), STORE_OK);
	expect_new_cas(&cas);
	EXPECT_EQUAL(count("k", false, 1000, &number), STORE_OK);
	expect_new_cas(&cas);
	close_store();
}

static void
every_write_changes_the_cas_unique(void)
{
	static const size_t lengths[] = { 0, 5, 300, 1010, 2000, 9000, 50000 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		every_write_changes_the_cas_unique_of(lengths[i]);
}

static void
a_touch_leaves_the_cas_unique_as_it_was(void)
{
	uint64_t cas;

	open_usual();
	for (size_t length = 0; length < 1100; length += 9) {
		set("k", bytes_of(length));
		cas = cas_of("k");
		EXPECT_EQUAL(touch("k", START + 1000), STORE_OK);
		EXPECT_EQUAL(cas_of("k"), cas);
		EXPECT_EQUAL(touch("k", NEVER), STORE_OK);
		EXPECT_EQUAL(cas_of("k"), cas);
		delete("k");
	}
	close_store();
}

static void
cas_stores_only_what_has_not_changed(void)
{
	uint64_t cas;

	open_usual();
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER, 1),
	    STORE_MISS);
	set("k", text("one"));
	cas = cas_of("k");
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER, cas + 1),
	    STORE_EXISTS);
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("two"), 0, NEVER, cas),
	    STORE_OK);
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER, cas),
	    STORE_EXISTS);
	EXPECT(has("k", text("two")));
	cas = cas_of("k");
	set("k", text("three"));
	EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER, cas),
	    STORE_EXISTS);
	EXPECT(has("k", text("three")));
	close_store();
}

static void
nobody_knows_the_cas_of_an_item_that_was_never_asked(void)
{
	open_usual();
	set("k", text("one"));
	for (uint64_t cas = 0; cas < 100; cas++)
		EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER,
		    cas), STORE_EXISTS);
	EXPECT(has("k", text("one")));
	close_store();
}

static void
without_cas_no_item_has_one(void)
{
	struct store_config config = usual;

	config.cas = false;
	open_as(&config);
	for (size_t length = 0; length < 60000; length = length * 3 + 100) {
		set("k", bytes_of(length));
		EXPECT_EQUAL(cas_of("k"), 0);
		EXPECT_EQUAL(put_all(STORE_CAS, "k", text("x"), 0, NEVER, 0),
		    STORE_EXISTS);
		EXPECT(has("k", bytes_of(length)));
	}
	EXPECT_EQUAL(put_all(STORE_CAS, "none", text("x"), 0, NEVER, 0),
	    STORE_MISS);
	close_store();
}

/* Expiry */

static void
an_item_is_there_until_its_time_has_come(void)
{
	open_usual();
	put_all(STORE_SET, "k", text("v"), 0, START + 1000, 0);
	store_set_time(store, START + 999);
	EXPECT_EQUAL(get("k"), STORE_OK);
	store_set_time(store, START + 1000);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
an_expiry_in_the_past_is_a_miss_at_once(void)
{
	open_usual();
	EXPECT_EQUAL(put_all(STORE_SET, "k", text("v"), 0, 1, 0), STORE_OK);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	EXPECT_EQUAL(put_all(STORE_SET, "k", text("v"), 0, START, 0),
	    STORE_OK);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	close_store();
}

/* A key whose item of any size is due, not yet noticed. */
static const char *
due_key(void)
{
	static unsigned size;

	store_set_time(store, START);
	put_all(STORE_SET, "due", bytes_of(size++ % 3 * 15000), 0, START + 5,
	    0);
	cas_of("due");
	store_set_time(store, START + 5);
	return "due";
}

static void
an_expired_item_is_as_if_deleted(void)
{
	struct slice x = text("x");
	uint64_t number;

	open_usual();
	for (int i = 0; i < 3; i++) {
		EXPECT_EQUAL(get(due_key()), STORE_MISS);
		EXPECT_EQUAL(cas_of(due_key()), 0);
		EXPECT_EQUAL(touch(due_key(), NEVER), STORE_MISS);
		EXPECT_EQUAL(delete(due_key()), STORE_MISS);
		EXPECT_EQUAL(put(STORE_REPLACE, due_key(), x),
		    STORE_NOT_STORED);
		EXPECT_EQUAL(put(STORE_APPEND, due_key(), x),
		    STORE_NOT_STORED);
		EXPECT_EQUAL(put(STORE_PREPEND, due_key(), x),
		    STORE_NOT_STORED);
		EXPECT_EQUAL(put_all(STORE_CAS, due_key(), x, 0, NEVER,
		    item.cas), STORE_MISS);
		EXPECT_EQUAL(count(due_key(), false, 1, &number), STORE_MISS);
		EXPECT_EQUAL(put(STORE_ADD, due_key(), x), STORE_OK);
		EXPECT(has("due", x));
		EXPECT_EQUAL(set(due_key(), x), STORE_OK);
		EXPECT(has("due", x));
	}
	close_store();
}

static void
expired_items_are_counted_by_how_they_went(void)
{
	const struct store_counts *counts;

	open_usual();
	counts = store_counts(store);
	put_all(STORE_SET, "a", text("v"), 0, START + 1, 0);
	put_all(STORE_SET, "b", text("v"), 0, START + 1, 0);
	put_all(STORE_SET, "c", text("v"), 0, START + 1, 0);
	get("a");
	store_set_time(store, START + 1);
	get("a");
	get("b");
	get("never there");
	EXPECT_EQUAL(counts->get_expired, 2);
	EXPECT_EQUAL(counts->reclaimed, 2);
	EXPECT_EQUAL(counts->expired_unfetched, 1);
	tick_until_done(100);
	EXPECT_EQUAL(counts->get_expired, 2);
	EXPECT_EQUAL(counts->reclaimed, 3);
	EXPECT_EQUAL(counts->expired_unfetched, 2);
	EXPECT_EQUAL(counts->evictions, 0);
	close_store();
}

static void
a_touch_moves_the_expiry(void)
{
	open_usual();
	for (size_t length = 0; length < 40000; length = length * 2 + 1) {
		store_set_time(store, START);
		set("k", bytes_of(length));
		EXPECT_EQUAL(touch("k", START + 10), STORE_OK);
		EXPECT_EQUAL(item.expiry, START + 10);
		EXPECT_EQUAL(touch("k", START + 20), STORE_OK);
		store_set_time(store, START + 19);
		EXPECT(has("k", bytes_of(length)));
		EXPECT_EQUAL(touch("k", NEVER), STORE_OK);
		store_set_time(store, START + 1000000);
		EXPECT(has("k", bytes_of(length)));
		EXPECT_EQUAL(item.expiry, NEVER);
		EXPECT_EQUAL(touch("k", 1), STORE_OK);
		EXPECT_EQUAL(get("k"), STORE_MISS);
	}
	close_store();
}

static void
a_touch_keeps_flags_and_value(void)
{
	open_usual();
	for (unsigned length = 0; length < 1100; length++) {
		const char *name = numbered("k", length);

		put_all(STORE_SET, name, bytes_of(length), length % 3, NEVER,
		    0);
		EXPECT_EQUAL(touch(name, START + 10), STORE_OK);
		EXPECT(value_equals(store, &item, bytes_of(length).bytes,
		    length));
		EXPECT_EQUAL(item.flags, length % 3);
		EXPECT(has(name, bytes_of(length)));
	}
	close_store();
}

/* More ticks than it takes to see each chunk and page of the store twice. */
static unsigned
ticks_enough(unsigned budget)
{
	uint64_t chunks = 0;

	for (unsigned i = 0; i < store->slab.class_count; i++)
		chunks += (uint64_t)store->slab.classes[i].pages *
		    store->slab.classes[i].chunks;
	return (unsigned)(2 * (chunks + store->slab.pages_touched) / budget +
	    4);
}

static void
ticks_reclaim_what_is_due_and_nothing_else(void)
{
	unsigned enough;

	open_usual();
	for (unsigned n = 0; n < 9000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(n % 700), 0,
		    n % 3 == 0 ? NEVER : START + 1 + n % 3 * 1000, 0);
	EXPECT_EQUAL(tick_until_done(100000), 1);
	EXPECT_EQUAL(items(), 9000);
	store_set_time(store, START + 1001);
	enough = ticks_enough(300);
	EXPECT(tick_until_done(300) <= enough);
	EXPECT_EQUAL(items(), 6000);
	store_verify(store);
	store_set_time(store, START + 2001);
	EXPECT(tick_until_done(300) <= enough);
	EXPECT_EQUAL(items(), 3000);
	for (unsigned n = 0; n < 9000; n += 3)
		EXPECT_EQUAL(get(numbered("k", n)), STORE_OK);
	close_store();
}

static void
a_tick_reclaims_no_more_than_its_budget(void)
{
	uint64_t before;

	open_usual();
	for (unsigned n = 0; n < 5000; n++)
		put_all(STORE_SET, numbered("k", n), text("v"), 0, START + 1,
		    0);
	store_set_time(store, START + 1);
	do {
		before = items();
		EXPECT(store_tick(store, 50) || items() == 0);
		EXPECT(before - items() <= 50);
	} while (items() > 0 && items() < before);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
ticks_go_by_the_last_expiry_that_was_set(void)
{
	open_usual();
	for (unsigned n = 0; n < 2000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(n % 2 * 20000 %
		    2003), 0, START + 1000, 0);
	for (unsigned n = 0; n < 2000; n++) {
		if (n % 4 == 1)
			touch(numbered("k", n), START + 10);
		if (n % 4 == 2)
			touch(numbered("k", n), NEVER);
		if (n % 4 == 3)
			set(numbered("k", n), text("for ever"));
	}
	store_set_time(store, START + 10);
	tick_until_done(100);
	EXPECT_EQUAL(items(), 1500);
	store_set_time(store, START + 1000);
	tick_until_done(100);
	EXPECT_EQUAL(items(), 1000);
	close_store();
}

static void
items_that_come_due_while_a_round_is_under_way_go_in_the_next(void)
{
	struct random random = { 8 };
	int64_t now = START;

	open_usual();
	for (unsigned n = 0; n < 40000; n++) {
		const char *name = numbered("k", (unsigned)random_below(
		    &random, 8000));

		put_all(STORE_SET, name, bytes_of(random_below(&random,
		    200)), 0, now + 1 + (int64_t)random_below(&random, 2000),
		    0);
		if (n % 4 == 0)
			store_set_time(store, ++now);
		if (n % 16 == 0)
			store_tick(store, (unsigned)random_below(&random,
			    100));
	}
	EXPECT(items() < 8000);
	store_set_time(store, now + 3000);
	tick_until_done(100);
	tick_until_done(100);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

/* Numbers */

static void
expect_count(const char *before, bool subtract, uint64_t delta,
    uint64_t wanted, const char *after)
{
	uint64_t number = 0;

	set("n", text(before));
	EXPECT_EQUAL(count("n", subtract, delta, &number), STORE_OK);
	if (!EXPECT(number == wanted) || !EXPECT(has("n", text(after))))
		printf("# the value was \"%s\"\n", before);
}

static void
incr_adds_and_wraps(void)
{
	open_usual();
	expect_count("5", false, 0, 5, "5");
	expect_count("5", false, 1, 6, "6");
	expect_count("9", false, 1, 10, "10");
	expect_count("99", false, 1, 100, "100");
	expect_count("5", false, UINT64_MAX, 4, "4");
	expect_count("0", false, UINT64_MAX, UINT64_MAX,
	    "18446744073709551615");
	expect_count("18446744073709551615", false, 1, 0,
	    "0                   ");
	expect_count("18446744073709551615", false, 2, 1,
	    "1                   ");
	close_store();
}

static void
decr_subtracts_and_stops_at_zero(void)
{
	open_usual();
	expect_count("5", true, 0, 5, "5");
	expect_count("5", true, 5, 0, "0");
	expect_count("5", true, 6, 0, "0");
	expect_count("5", true, UINT64_MAX, 0, "0");
	expect_count("100", true, 1, 99, "99 ");
	expect_count("100", true, 1000, 0, "0  ");
	expect_count("18446744073709551615", true, 1, UINT64_MAX - 1,
	    "18446744073709551614");
	close_store();
}

static void
a_number_may_have_spaces_around_it_and_a_plus(void)
{
	open_usual();
	expect_count("5 ", false, 1, 6, "6 ");
	expect_count(" 5", false, 1, 6, "6 ");
	expect_count("+5", false, 1, 6, "6 ");
	expect_count("  +5", false, 1, 6, "6   ");
	expect_count("005", false, 1, 6, "6  ");
	expect_count("5 x", false, 1, 6, "6  ");
	expect_count("5                        ", false, 1, 6,
	    "6                        ");
	close_store();
}

static void
what_is_no_number_is_left_alone(void)
{
	static const char *const values[] = {
		"", "x", "5x", "-5", "0x5", "1.5", "+", "+ 5", "++5", "x 5",
		"18446744073709551616", "99999999999999999999",
		"111111111111111111111111111111",
	};
	uint64_t number;

	open_usual();
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		set("n", text(values[i]));
		if (!EXPECT_EQUAL(count("n", i & 1, 1, &number),
		    STORE_NOT_A_NUMBER))
			printf("# the value was \"%s\"\n", values[i]);
		EXPECT(has("n", text(values[i])));
	}
	set("n", bytes_of(100000));
	EXPECT_EQUAL(count("n", false, 1, &number), STORE_NOT_A_NUMBER);
	EXPECT_EQUAL(count("none", false, 1, &number), STORE_MISS);
	EXPECT_EQUAL(get("none"), STORE_MISS);
	close_store();
}

static void
counting_keeps_flags_and_expiry(void)
{
	uint64_t number;

	open_usual();
	put_all(STORE_SET, "n", text("9"), 77, START + 100, 0);
	for (int i = 0; i < 70; i++)
		EXPECT_EQUAL(count("n", false, (uint64_t)1 << i % 63,
		    &number), STORE_OK);
	EXPECT_EQUAL(get("n"), STORE_OK);
	EXPECT_EQUAL(item.flags, 77);
	EXPECT_EQUAL(item.expiry, START + 100);
	close_store();
}

static void
a_counter_grows_from_one_digit_to_twenty(void)
{
	char wanted[DECIMAL_MAX];
	uint64_t sum = 1, number;

	open_usual();
	set("n", text("1"));
	while (sum < UINT64_MAX / 10) {
		EXPECT_EQUAL(count("n", false, sum * 9, &number), STORE_OK);
		sum *= 10;
		EXPECT(number == sum);
		EXPECT(has("n", (struct slice){ wanted, decimal_format(wanted,
		    sum) }));
	}
	close_store();
}

/* Append and prepend */

static void
nothing_is_appended_to_what_is_not_there(void)
{
	open_usual();
	EXPECT_EQUAL(put(STORE_APPEND, "k", text("x")), STORE_NOT_STORED);
	EXPECT_EQUAL(put(STORE_PREPEND, "k", text("x")), STORE_NOT_STORED);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
append_and_prepend_keep_flags_and_expiry(void)
{
	open_usual();
	put_all(STORE_SET, "k", text("b"), 5, START + 10, 0);
	EXPECT_EQUAL(put_all(STORE_APPEND, "k", text("c"), 9, 1, 0),
	    STORE_OK);
	EXPECT_EQUAL(put_all(STORE_PREPEND, "k", text("a"), 9, 1, 0),
	    STORE_OK);
	EXPECT(has("k", text("abc")));
	EXPECT_EQUAL(item.flags, 5);
	EXPECT_EQUAL(item.expiry, START + 10);
	close_store();
}

/*
 * Grow a value from the middle of `source` outwards, through every class,
 * past ITEM_FULL_SIZE and into pieces.
 */
static void
grow_value(uint64_t seed, size_t step_max, size_t length_end, uint32_t flags)
{
	struct random random = { seed };
	size_t start = MB, end = MB;

	open_usual();
	put_all(STORE_SET, "k", text(""), flags, NEVER, 0);
	while (end - start < length_end) {
		size_t step = random_below(&random, step_max + 1);
		bool append = random_below(&random, 2) == 0;

		if (append)
			end += step;
		else
			start -= step;
		EXPECT_EQUAL(put(append ? STORE_APPEND : STORE_PREPEND, "k",
		    (struct slice){ source + (append ? end - step : start),
		    step }), STORE_OK);
		if (!EXPECT(has("k", (struct slice){ source + start,
		    end - start })))
			break;
		if (random_below(&random, 20) == 0)
			EXPECT(cas_of("k") != 0);
	}
	EXPECT_EQUAL(item.flags, flags);
	EXPECT_EQUAL(items(), 1);
	close_store();
}

static void
a_value_grows_by_small_bits_through_the_classes(void)
{
	grow_value(1, 3, 2500, 0);
	grow_value(2, 17, 5000, 8);
}

static void
a_value_grows_into_pieces_and_on(void)
{
	grow_value(3, 700, 60000, 0);
	grow_value(4, 20000, 900000, 1);
}

static void
growing_over_the_item_limit_changes_nothing(void)
{
	open_usual();
	set("k", bytes_of(ITEM_MAX - 100));
	EXPECT_EQUAL(put(STORE_APPEND, "k", bytes_of(200)), STORE_TOO_LARGE);
	EXPECT_EQUAL(put(STORE_PREPEND, "k", bytes_of(200)),
	    STORE_TOO_LARGE);
	EXPECT(has("k", bytes_of(ITEM_MAX - 100)));
	close_store();
}

/* Large values */

static void
expect_parts_add_up(void)
{
	struct iovec parts[200];
	unsigned count = store_parts(store, &item, 0, parts, 200);
	size_t sum = 0;

	for (unsigned n = 0; n < count; n++) {
		EXPECT(parts[n].iov_len > 0 || item.length == 0);
		sum += parts[n].iov_len;
	}
	EXPECT_EQUAL(sum, item.length);
	EXPECT_EQUAL(count, item.pieces == 0 ? 1 : item.pieces);
	EXPECT_EQUAL(store_parts(store, &item, count, parts, 200), 0);
	EXPECT_EQUAL(store_parts(store, &item, 0, parts, 0), 0);
	EXPECT((item.value == NULL) == (item.pieces > 0));
}

static void
expect_stored_whole(size_t length)
{
	EXPECT_EQUAL(set("k", bytes_of(length)), STORE_OK);
	if (!EXPECT(has("k", bytes_of(length))))
		printf("# the length was %zu\n", length);
	expect_parts_add_up();
}

static void
values_around_half_a_page_are_stored_whole(void)
{
	open_usual();
	for (size_t length = PAGE / 2 - 60; length < PAGE / 2 + 20; length++)
		expect_stored_whole(length);
	close_store();
}

static void
values_around_every_piece_boundary_are_stored_whole(void)
{
	open_usual();
	for (size_t full = 0; full < 6; full++)
		for (size_t near = 0; near < 24; near++) {
			expect_stored_whole(full * FULL_PIECE + near);
			expect_stored_whole(full * FULL_PIECE + HALF_PIECE +
			    near - 12);
			expect_stored_whole((full + 1) * PAGE + near - 12);
		}
	close_store();
}

static void
values_up_to_the_item_limit_are_stored_whole(void)
{
	open_usual();
	for (size_t length = 1; length < ITEM_MAX - 40; length += length / 9 +
	    1)
		expect_stored_whole(length);
	for (size_t length = ITEM_MAX - 60; length < ITEM_MAX - 23; length++)
		expect_stored_whole(length);
	close_store();
}

static void
a_deleted_large_value_leaves_no_memory_behind(void)
{
	unsigned before;

	open_small(false);
	before = capacity(8000);
	for (size_t length = 8000; length < 500000; length += 9001) {
		EXPECT_EQUAL(set("k", bytes_of(length)), STORE_OK);
		EXPECT_EQUAL(delete("k"), STORE_OK);
	}
	EXPECT_EQUAL(capacity(8000), before);
	close_store();
}

static void
what_is_above_the_item_limit_is_too_large(void)
{
	struct slice large = bytes_of(ITEM_MAX + 1);

	open_usual();
	EXPECT_EQUAL(set("k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(set("k", bytes_of(ITEM_MAX)), STORE_TOO_LARGE);
	EXPECT_EQUAL(set("k", bytes_of(ITEM_MAX - 8)), STORE_TOO_LARGE);
	EXPECT_EQUAL(put(STORE_ADD, "k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
a_set_that_is_too_large_loses_the_old_value_and_others_keep_it(void)
{
	struct slice large = bytes_of(ITEM_MAX + 1);
	uint64_t cas;

	open_usual();
	set("k", text("old"));
	cas = cas_of("k");
	EXPECT_EQUAL(put(STORE_ADD, "k", large), STORE_NOT_STORED);
	EXPECT_EQUAL(put(STORE_REPLACE, "k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(put(STORE_APPEND, "k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(put(STORE_PREPEND, "k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(put_all(STORE_CAS, "k", large, 0, NEVER, cas),
	    STORE_TOO_LARGE);
	EXPECT(has("k", text("old")));
	EXPECT_EQUAL(cas_of("k"), cas);
	EXPECT_EQUAL(set("k", large), STORE_TOO_LARGE);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	close_store();
}

static void
too_large_is_the_same_for_a_new_key_and_an_old_one(void)
{
	struct store_config config = usual;

	for (config.item_max = 1100; config.item_max < 9000;
	    config.item_max = config.item_max * 5 / 4) {
		size_t over = config.item_max - 8;

		open_as(&config);
		EXPECT_EQUAL(set("new", bytes_of(over)), STORE_TOO_LARGE);
		EXPECT_EQUAL(set("old", bytes_of(over - 30)), STORE_OK);
		EXPECT_EQUAL(set("old", bytes_of(over)), STORE_TOO_LARGE);
		EXPECT_EQUAL(get("old"), STORE_MISS);
		EXPECT_EQUAL(set("old", bytes_of(over - 30)), STORE_OK);
		EXPECT_EQUAL(put(STORE_APPEND, "old", bytes_of(30)),
		    STORE_TOO_LARGE);
		EXPECT(has("old", bytes_of(over - 30)));
		close_store();
	}
}

/* Drafts */

static uint32_t
draft_of(const char *name, size_t length, uint32_t flags, int64_t expiry)
{
	struct store_key where = key(name);
	uint32_t draft = 0;

	EXPECT_EQUAL(store_draft(store, &where, (uint32_t)length, flags,
	    expiry, &draft), STORE_OK);
	value_fill(store, draft, bytes_of(length).bytes);
	return draft;
}

static enum store_result
put_draft(enum store_mode mode, const char *name, uint32_t draft,
    uint64_t cas)
{
	struct store_key where = key(name);
	struct store_value value = { .draft = draft, .cas = cas };

	return store_put(store, &where, mode, &value);
}

static void
a_draft_is_nobodys_to_see_until_it_is_put(void)
{
	open_usual();
	for (size_t length = 0; length < 200000; length = length * 2 + 7) {
		uint32_t draft = draft_of("k", length, 3, START + 10);

		EXPECT_EQUAL(get("k"), STORE_MISS);
		EXPECT_EQUAL(items(), 0);
		store_draft_item(store, draft, &item);
		EXPECT_EQUAL(item.length, length);
		expect_parts_add_up();
		EXPECT_EQUAL(put_draft(STORE_SET, "k", draft, 0), STORE_OK);
		EXPECT(has("k", bytes_of(length)));
		EXPECT_EQUAL(item.flags, 3);
		EXPECT_EQUAL(item.expiry, START + 10);
		delete("k");
	}
	close_store();
}

static void
a_draft_obeys_the_modes(void)
{
	size_t length = 30000;
	uint64_t cas;

	open_usual();
	EXPECT_EQUAL(put_draft(STORE_REPLACE, "k", draft_of("k", length, 0,
	    NEVER), 0), STORE_NOT_STORED);
	EXPECT_EQUAL(put_draft(STORE_CAS, "k", draft_of("k", length, 0,
	    NEVER), 1), STORE_MISS);
	EXPECT_EQUAL(put_draft(STORE_ADD, "k", draft_of("k", length, 0,
	    NEVER), 0), STORE_OK);
	EXPECT(has("k", bytes_of(length)));
	EXPECT_EQUAL(put_draft(STORE_ADD, "k", draft_of("k", 5, 0, NEVER),
	    0), STORE_NOT_STORED);
	cas = cas_of("k");
	EXPECT_EQUAL(put_draft(STORE_CAS, "k", draft_of("k", 20000, 0,
	    NEVER), cas), STORE_OK);
	EXPECT(has("k", bytes_of(20000)));
	EXPECT(cas_of("k") != cas);
	EXPECT_EQUAL(put_draft(STORE_CAS, "k", draft_of("k", 5, 0, NEVER),
	    cas), STORE_EXISTS);
	EXPECT_EQUAL(put_draft(STORE_REPLACE, "k", draft_of("k", 12, 0,
	    NEVER), 0), STORE_OK);
	EXPECT(has("k", bytes_of(12)));
	close_store();
}

static void
a_draft_is_joined_to_a_value(void)
{
	size_t lengths[] = { 3, 500, 9000, 40000 };
	char *wanted = malloc(100000);

	open_usual();
	for (int i = 0; i < 16; i++) {
		size_t old = lengths[i / 4], more = lengths[i % 4];

		memcpy(wanted, bytes_of(old).bytes, old);
		memcpy(wanted + old, bytes_of(more).bytes, more);
		put_all(STORE_SET, "k", bytes_of(old), 6, NEVER, 0);
		EXPECT_EQUAL(put_draft(STORE_APPEND, "k", draft_of("k", more,
		    9, 1), 0), STORE_OK);
		EXPECT(has("k", (struct slice){ wanted, old + more }));
		EXPECT_EQUAL(item.flags, 6);
		set("k", bytes_of(more));
		EXPECT_EQUAL(put_draft(STORE_PREPEND, "k", draft_of("k", old,
		    0, NEVER), 0), STORE_OK);
		EXPECT(has("k", (struct slice){ wanted, old + more }));
	}
	free(wanted);
	close_store();
}

static void
the_memory_of_a_draft_comes_back_whatever_happens(void)
{
	unsigned before;

	open_small(false);
	before = capacity(8000);
	set("k", text("old"));
	for (size_t length = 0; length < 200000; length = length * 2 + 100) {
		store_draft_abandon(store, draft_of("k", length, 1, NEVER));
		put_draft(STORE_ADD, "k", draft_of("k", length, 1, NEVER), 0);
		put_draft(STORE_REPLACE, "none", draft_of("none", length, 1,
		    NEVER), 0);
		put_draft(STORE_CAS, "k", draft_of("k", length, 1, NEVER),
		    99);
		put_draft(STORE_APPEND, "none", draft_of("none", length, 1,
		    NEVER), 0);
	}
	EXPECT(has("k", text("old")));
	delete("k");
	store_verify(store);
	EXPECT_EQUAL(capacity(8000), before);
	close_store();
}

static void
a_draft_may_be_refused(void)
{
	struct store_key where = key("k");
	uint32_t draft = 12345;

	open_small(false);
	set("k", text("old"));
	EXPECT_EQUAL(store_draft(store, &where, (uint32_t)ITEM_MAX, 0, NEVER,
	    &draft), STORE_TOO_LARGE);
	EXPECT_EQUAL(store_draft(store, &where, UINT32_MAX, 0, NEVER,
	    &draft), STORE_TOO_LARGE);
	fill_up("filling", 8000);
	EXPECT_EQUAL(store_draft(store, &where, 100000, 0, NEVER, &draft),
	    STORE_NO_MEMORY);
	EXPECT(has("k", text("old")));
	close_store();
}

static void
a_draft_survives_flush_and_pressure(void)
{
	uint32_t small, large;

	open_small(true);
	small = draft_of("small", 50, 0, NEVER);
	large = draft_of("large", 200000, 0, NEVER);
	store_flush(store);
	store_verify(store);
	for (unsigned n = 0; n < 3000; n++)
		EXPECT_EQUAL(set(numbered("k", n), bytes_of(n * 7 % 9000)),
		    STORE_OK);
	store_verify(store);
	EXPECT_EQUAL(put_draft(STORE_SET, "small", small, 0), STORE_OK);
	EXPECT_EQUAL(put_draft(STORE_SET, "large", large, 0), STORE_OK);
	EXPECT(has("small", bytes_of(50)));
	EXPECT(has("large", bytes_of(200000)));
	close_store();
}

/* Pins. Who pins small values is wrong: they are for copying. */

struct held {
	struct store_item	item;
	struct slice		bytes;
	const void		*part;
};

/* Hold the value of a key that has such a value, by its part `n`. */
static struct held
hold(const char *name, size_t length, unsigned n)
{
	struct held held = { .bytes = bytes_of(length) };
	struct iovec part = { NULL, 0 };

	EXPECT_EQUAL(get(name), STORE_OK);
	held.item = item;
	EXPECT(store_pin(store, &item));
	EXPECT_EQUAL(store_parts(store, &item, n, &part, 1), 1);
	held.part = part.iov_base;
	return held;
}

static void
expect_held(const struct held *held)
{
	EXPECT(value_equals(store, &held->item, held->bytes.bytes,
	    held->bytes.length));
}

static void
let_go(const struct held *held)
{
	expect_held(held);
	store_unpin(store, held->part);
}

static const size_t pinned_lengths[] = { 1100, 5000, 8192, 16384, 100000 };
#define PINNED_LENGTHS	(sizeof pinned_lengths / sizeof *pinned_lengths)

/* Do something to a key whose value is held; the value must stay. */
static void
while_held(void (*change)(size_t length))
{
	for (size_t i = 0; i < PINNED_LENGTHS; i++) {
		size_t length = pinned_lengths[i];
		unsigned before;
		struct held held;

		open_small(false);
		before = capacity(8000);
		EXPECT_EQUAL(set("k", bytes_of(length)), STORE_OK);
		held = hold("k", length, 0);
		change(length);
		store_verify(store);
		let_go(&held);
		store_verify(store);
		delete("k");
		EXPECT_EQUAL(items(), 0);
		EXPECT_EQUAL(capacity(8000), before);
		close_store();
	}
}

static void
delete_it(size_t length)
{
	(void)length;
	EXPECT_EQUAL(delete("k"), STORE_OK);
	EXPECT_EQUAL(get("k"), STORE_MISS);
}

static void
set_it_twice(size_t length)
{
	EXPECT_EQUAL(set("k", text("short")), STORE_OK);
	EXPECT(has("k", text("short")));
	EXPECT_EQUAL(set("k", (struct slice){ source + 7, length }),
	    STORE_OK);
	EXPECT(has("k", (struct slice){ source + 7, length }));
}

static void
replace_it_by_a_draft(size_t length)
{
	EXPECT_EQUAL(put_draft(STORE_SET, "k", draft_of("k", length / 2, 0,
	    NEVER), 0), STORE_OK);
	EXPECT(has("k", bytes_of(length / 2)));
}

static void
join_to_it(size_t length)
{
	EXPECT_EQUAL(put(STORE_APPEND, "k", text("more")), STORE_OK);
	EXPECT_EQUAL(put(STORE_PREPEND, "k", text("more")), STORE_OK);
	EXPECT_EQUAL(get("k"), STORE_OK);
	EXPECT_EQUAL(item.length, length + 8);
}

static void
touch_and_ask_it(size_t length)
{
	EXPECT(cas_of("k") != 0);
	EXPECT_EQUAL(touch("k", START + 5), STORE_OK);
	EXPECT(has("k", bytes_of(length)));
	EXPECT_EQUAL(touch("k", NEVER), STORE_OK);
}

static void
flush_it(size_t length)
{
	set("other", bytes_of(length));
	set("small", text("small"));
	store_flush(store);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	EXPECT_EQUAL(get("other"), STORE_MISS);
	EXPECT_EQUAL(get("small"), STORE_MISS);
	EXPECT_EQUAL(items(), 0);
}

static void
let_it_expire(size_t length)
{
	(void)length;
	touch("k", START + 5);
	store_set_time(store, START + 5);
	tick_until_done(10);
	EXPECT_EQUAL(get("k"), STORE_MISS);
}

static void
a_pinned_value_survives_its_deletion(void)
{
	while_held(delete_it);
}

static void
a_pinned_value_survives_being_overwritten(void)
{
	while_held(set_it_twice);
	while_held(replace_it_by_a_draft);
}

static void
a_pinned_value_survives_append_and_prepend(void)
{
	while_held(join_to_it);
}

static void
a_pinned_value_survives_touch_and_gets(void)
{
	while_held(touch_and_ask_it);
}

static void
a_pinned_value_survives_a_flush(void)
{
	while_held(flush_it);
}

static void
a_pinned_value_survives_its_expiry(void)
{
	while_held(let_it_expire);
}

static void
pinned_values_survive_eviction(void)
{
	struct random random = { 9 };
	struct held held[PINNED_LENGTHS];

	open_small(true);
	for (size_t i = 0; i < PINNED_LENGTHS; i++) {
		const char *name = numbered("held", (unsigned)i);

		set(name, bytes_of(pinned_lengths[i]));
		held[i] = hold(name, pinned_lengths[i], 0);
	}
	for (unsigned n = 0; n < 8000; n++)
		EXPECT_EQUAL(set(numbered("k", n), bytes_of(random_below(
		    &random, n % 50 == 0 ? 100000 : 3000))), STORE_OK);
	store_verify(store);
	for (size_t i = 0; i < PINNED_LENGTHS; i++) {
		EXPECT(has(numbered("held", (unsigned)i), held[i].bytes));
		let_go(&held[i]);
	}
	close_store();
}

static void
a_value_is_unpinned_by_any_of_its_parts(void)
{
	unsigned before, pieces;

	open_small(false);
	before = capacity(8000);
	set("k", bytes_of(90000));
	get("k");
	pieces = item.pieces;
	EXPECT(pieces > 4);
	for (unsigned n = 0; n < pieces; n++) {
		struct held held = hold("k", 90000, n);

		let_go(&held);
	}
	delete("k");
	EXPECT_EQUAL(capacity(8000), before);
	close_store();
}

static void
the_last_pin_to_go_frees_the_value(void)
{
	unsigned before;
	struct held held[3];

	open_small(false);
	before = capacity(8000);
	set("k", bytes_of(90000));
	for (unsigned n = 0; n < 3; n++)
		held[n] = hold("k", 90000, n);
	delete("k");
	let_go(&held[1]);
	let_go(&held[0]);
	EXPECT(capacity(8000) < before);
	let_go(&held[2]);
	EXPECT_EQUAL(capacity(8000), before);
	close_store();
}

static void
there_is_an_end_to_the_pins_of_one_value(void)
{
	struct held held;
	unsigned pins = 1;

	open_usual();
	set("k", bytes_of(2000));
	held = hold("k", 2000, 0);
	while (pins < 1000 && store_pin(store, &held.item))
		pins++;
	EXPECT(pins < 1000);
	EXPECT_EQUAL(set("k", text("new")), STORE_OK);
	while (pins-- > 0)
		let_go(&held);
	EXPECT(has("k", text("new")));
	close_store();
}

/* Eviction */

static size_t
mixed_length(struct random *random)
{
	return random_below(random, (uint64_t)20 << random_below(random,
	    15));
}

static void
under_pressure_every_set_of_any_size_is_stored(void)
{
	struct random random = { 10 };
	bool stored = true;

	open_small(true);
	for (unsigned n = 0; n < 30000; n++) {
		const char *name = numbered("k", n);
		struct slice bytes = bytes_of(mixed_length(&random));

		stored = stored && set(name, bytes) == STORE_OK &&
		    has(name, bytes);
		if (n % 3000 == 0)
			store_verify(store);
	}
	EXPECT(stored);
	EXPECT(store_counts(store)->evictions > 0);
	EXPECT(store_counts(store)->bytes < MB);
	close_store();
}

static void
under_pressure_every_other_write_succeeds_too(void)
{
	struct random random = { 11 };

	open_small(true);
	for (unsigned n = 0; n < 20000; n++) {
		const char *name = numbered("k", n);
		uint64_t number;

		EXPECT_EQUAL(put(STORE_ADD, name, text("9")), STORE_OK);
		EXPECT_EQUAL(count(name, false, 1000000000, &number),
		    STORE_OK);
		EXPECT(cas_of(name) != 0);
		EXPECT_EQUAL(touch(name, START + 1000), STORE_OK);
		EXPECT_EQUAL(put(STORE_APPEND, name, bytes_of(mixed_length(
		    &random) / 2)), STORE_OK);
		EXPECT_EQUAL(put(STORE_PREPEND, name, bytes_of(mixed_length(
		    &random) / 8)), STORE_OK);
	}
	EXPECT(store_counts(store)->evictions > 0);
	close_store();
}

/* The head may be on the very page that has to make room for its pieces. */
static void
a_large_value_finds_room_in_a_store_full_of_small_ones(void)
{
	open_small(true);
	for (size_t length = 9000; length < 700000; length = length * 5 / 4) {
		for (unsigned n = 0; n < 20000; n++)
			set(numbered("k", n), bytes_of(length / 4096));
		EXPECT_EQUAL(set("large", bytes_of(length)), STORE_OK);
		EXPECT(has("large", bytes_of(length)));
		delete("large");
	}
	EXPECT(store_counts(store)->pages_moved > 0);
	close_store();
}

static void
small_values_find_room_in_a_store_full_of_large_ones(void)
{
	open_small(true);
	for (unsigned n = 0; n < 30; n++)
		EXPECT_EQUAL(set(numbered("large", n), bytes_of(100000)),
		    STORE_OK);
	for (unsigned n = 0; n < 5000; n++)
		EXPECT_EQUAL(set(numbered("k", n), bytes_of(n % 300)),
		    STORE_OK);
	close_store();
}

static void
what_is_read_again_and_again_outlives_what_is_not(void)
{
	unsigned left = 0;

	open_small(true);
	for (unsigned n = 0; n < 1000; n++)
		set(numbered("hot", n), bytes_of(60));
	for (unsigned n = 0; n < 40000; n++) {
		set(numbered("cold", n), bytes_of(60));
		get(numbered("hot", n % 1000));
	}
	for (unsigned n = 0; n < 1000; n++)
		left += get(numbered("hot", n)) == STORE_OK;
	/* A page may go as a whole, when the index grows. */
	EXPECT(left > 900);
	close_store();
}

static void
evictions_are_counted(void)
{
	const struct store_counts *counts;

	open_small(true);
	counts = store_counts(store);
	for (unsigned n = 0; n < 20000; n++) {
		set(numbered("k", n), bytes_of(100));
		if (n % 2 == 0)
			get(numbered("k", n));
	}
	EXPECT_EQUAL(counts->items + counts->evictions, 20000);
	EXPECT(counts->evicted_unfetched > counts->evictions / 3);
	EXPECT(counts->evicted_unfetched < counts->evictions);
	EXPECT_EQUAL(counts->reclaimed, 0);
	close_store();
}

static unsigned
count_present(const char *name, unsigned end)
{
	unsigned present = 0;

	for (unsigned n = 0; n < end; n++)
		present += get(numbered(name, n)) == STORE_OK;
	return present;
}

static void
a_store_that_may_not_evict_refuses_and_loses_nothing(void)
{
	static const size_t lengths[] = { 10, 100, 1000, 8000, 40000 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		unsigned filled;

		open_small(false);
		filled = fill_up("k", lengths[i]);
		EXPECT(filled > 0);
		EXPECT_EQUAL(put(STORE_ADD, "one more",
		    bytes_of(lengths[i])), STORE_NO_MEMORY);
		EXPECT_EQUAL(put(STORE_APPEND, "k0", bytes_of(100000)),
		    STORE_NO_MEMORY);
		EXPECT_EQUAL(put(STORE_REPLACE, "k0", bytes_of(100000)),
		    STORE_NO_MEMORY);
		tick_until_done(100);
		EXPECT_EQUAL(count_present("k", filled), filled);
		EXPECT_EQUAL(store_counts(store)->evictions, 0);
		EXPECT(has("k0", bytes_of(lengths[i])));
		delete("k1");
		EXPECT_EQUAL(set("k1", bytes_of(lengths[i])), STORE_OK);
		close_store();
	}
}

static void
a_set_without_memory_loses_the_old_value(void)
{
	open_small(false);
	set("k", text("old"));
	fill_up("filling", 8000);
	fill_up("more", 4000);
	EXPECT_EQUAL(set("k", bytes_of(50000)), STORE_NO_MEMORY);
	EXPECT_EQUAL(get("k"), STORE_MISS);
	close_store();
}

static void
a_cas_unique_may_be_refused_for_want_of_memory(void)
{
	struct store_key where = key("k");

	open_small(false);
	EXPECT_EQUAL(set("k", bytes_of(47)), STORE_OK);
	fill_up("filling", 8000);
	EXPECT_EQUAL(store_get(store, &where, true, &item), STORE_NO_MEMORY);
	EXPECT_EQUAL(touch("k", START + 1), STORE_NO_MEMORY);
	EXPECT(has("k", bytes_of(47)));
	EXPECT_EQUAL(item.expiry, NEVER);
	close_store();
}

/*
 * Pages full of holes let a full store take many small items, whose index
 * then wants a page.
 */
static void
a_store_that_may_not_evict_keeps_all_when_its_index_grows(void)
{
	unsigned large, small;

	open_small(false);
	for (unsigned n = 0; n < 3410; n++)
		set(numbered("hole", n), bytes_of(10));
	for (unsigned n = 0; n < 3410; n++)
		if (n % 341 != 0)
			delete(numbered("hole", n));
	for (int i = 0; i < 100; i++)
		store_tick(store, 10000);
	large = fill_up("large", 8000);
	small = fill_up("small", 10);
	for (int i = 0; i < 100; i++)
		store_tick(store, 10000);
	EXPECT(small > 2000);
	EXPECT_EQUAL(count_present("large", large), large);
	EXPECT_EQUAL(count_present("small", small), small);
	EXPECT_EQUAL(store_counts(store)->evictions, 0);
	close_store();
}

/* Limit and flush */

static size_t
memory_held(void)
{
	return ((size_t)store->slab.pages_held << store->slab.page_shift) +
	    store_index_size(store);
}

static void
a_lower_limit_gives_memory_back_tick_by_tick(void)
{
	open_usual();
	for (unsigned n = 0; n < 30000; n++)
		set(numbered("k", n), bytes_of(n % 600));
	EXPECT(memory_held() > 7 * MB);
	EXPECT(store_set_limit(store, 3 * MB));
	EXPECT(tick_until_done(100) < 5 * MB / PAGE * 8);
	EXPECT(memory_held() <= 3 * MB);
	store_verify(store);
	EXPECT(items() > 5000);
	for (unsigned n = 0; n < 30000; n++)
		EXPECT(get(numbered("k", n)) == STORE_MISS ||
		    has(numbered("k", n), bytes_of(n % 600)));
	for (unsigned n = 0; n < 3000; n++)
		EXPECT_EQUAL(set(numbered("new", n), bytes_of(n % 9000)),
		    STORE_OK);
	EXPECT(memory_held() <= 3 * MB);
	close_store();
}

static void
a_higher_limit_holds_more_at_once(void)
{
	unsigned before;

	open_small(false);
	before = capacity(4000);
	EXPECT(store_set_limit(store, 3 * MB));
	EXPECT(capacity(4000) > before * 5 / 2);
	EXPECT(store_set_limit(store, MB));
	tick_until_done(100);
	EXPECT_EQUAL(capacity(4000), before);
	close_store();
}

static void
a_limit_beyond_the_address_range_is_refused(void)
{
	open_small(false);
	EXPECT(!store_set_limit(store, (size_t)64 << 30));
	EXPECT(store_set_limit(store, 2 * MB));
	close_store();
}

static void
an_empty_store_gives_all_but_nothing_up(void)
{
	open_usual();
	for (unsigned n = 0; n < 3000; n++)
		set(numbered("k", n), bytes_of(2000));
	store_flush(store);
	EXPECT(store_free_pages(store) > 100);
	store_set_limit(store, MB);
	EXPECT(memory_held() <= MB);
	close_store();
}

static void
after_a_flush_nothing_is_there(void)
{
	unsigned before;

	open_small(false);
	before = capacity(8000);
	for (int round = 0; round < 3; round++) {
		unsigned small = 0, large = fill_up("large", 60000);

		small = fill_up("small", 30);
		EXPECT_EQUAL(items(), small + large);
		store_flush(store);
		store_verify(store);
		EXPECT_EQUAL(items(), 0);
		EXPECT_EQUAL(store_counts(store)->bytes, 0);
		EXPECT_EQUAL(count_present("small", small), 0);
		EXPECT_EQUAL(count_present("large", large), 0);
		EXPECT_EQUAL(put(STORE_ADD, "small0", text("new")),
		    STORE_OK);
		EXPECT(has("small0", text("new")));
		delete("small0");
	}
	for (int i = 0; i < 100; i++)
		store_tick(store, 1000);
	EXPECT_EQUAL(capacity(8000), before);
	close_store();
}

static void
a_flush_among_pins_and_drafts_spares_only_these(void)
{
	struct held held[20];
	uint32_t drafts[20];

	open_usual();
	for (unsigned n = 0; n < 2000; n++)
		set(numbered("k", n), bytes_of(n * 37 % 40000));
	for (unsigned n = 0; n < 20; n++) {
		const char *name = numbered("held", n);

		set(name, bytes_of(1100 + n * 1700));
		held[n] = hold(name, 1100 + n * 1700, 0);
		drafts[n] = draft_of("draft", n * 2100, 0, NEVER);
	}
	store_flush(store);
	store_verify(store);
	for (unsigned n = 0; n < 2000; n++)
		set(numbered("k", n), bytes_of(n * 41 % 40000));
	for (unsigned n = 0; n < 20; n++) {
		EXPECT_EQUAL(get(numbered("held", n)), STORE_MISS);
		let_go(&held[n]);
		put_draft(STORE_SET, "draft", drafts[n], 0);
		EXPECT(has("draft", bytes_of(n * 2100)));
	}
	close_store();
}

static void
store_and_find(void)
{
	RUN(what_was_never_stored_is_a_miss);
	RUN(a_value_is_given_back_with_its_flags_and_expiry);
	RUN(an_expiry_may_be_far_off);
	RUN(a_key_is_any_bytes_from_1_to_250);
	RUN(a_set_takes_the_place_of_any_value);
	RUN(add_stores_only_a_new_key);
	RUN(replace_stores_only_an_existing_key);
	RUN(a_deleted_key_is_gone);
	RUN(what_is_stored_is_counted);
	RUN(prefetching_changes_nothing);
	RUN(the_index_grows_with_the_items);
	RUN(two_stores_do_not_know_each_other);
	RUN(no_store_to_close_is_fine);
}

static void
cas_and_expiry(void)
{
	RUN(a_cas_unique_is_given_only_when_it_is_asked_for);
	RUN(asking_for_cas_keeps_flags_and_expiry);
	RUN(items_have_different_cas_uniques);
	RUN(every_write_changes_the_cas_unique);
	RUN(a_touch_leaves_the_cas_unique_as_it_was);
	RUN(cas_stores_only_what_has_not_changed);
	RUN(nobody_knows_the_cas_of_an_item_that_was_never_asked);
	RUN(without_cas_no_item_has_one);
	RUN(an_item_is_there_until_its_time_has_come);
	RUN(an_expiry_in_the_past_is_a_miss_at_once);
	RUN(an_expired_item_is_as_if_deleted);
	RUN(expired_items_are_counted_by_how_they_went);
	RUN(a_touch_moves_the_expiry);
	RUN(a_touch_keeps_flags_and_value);
	RUN(ticks_reclaim_what_is_due_and_nothing_else);
	RUN(a_tick_reclaims_no_more_than_its_budget);
	RUN(ticks_go_by_the_last_expiry_that_was_set);
	RUN(items_that_come_due_while_a_round_is_under_way_go_in_the_next);
}

static void
values_that_change(void)
{
	RUN(incr_adds_and_wraps);
	RUN(decr_subtracts_and_stops_at_zero);
	RUN(a_number_may_have_spaces_around_it_and_a_plus);
	RUN(what_is_no_number_is_left_alone);
	RUN(counting_keeps_flags_and_expiry);
	RUN(a_counter_grows_from_one_digit_to_twenty);
	RUN(nothing_is_appended_to_what_is_not_there);
	RUN(append_and_prepend_keep_flags_and_expiry);
	RUN(a_value_grows_by_small_bits_through_the_classes);
	RUN(a_value_grows_into_pieces_and_on);
	RUN(growing_over_the_item_limit_changes_nothing);
}

static void
large_values_and_drafts(void)
{
	RUN(values_around_half_a_page_are_stored_whole);
	RUN(values_around_every_piece_boundary_are_stored_whole);
	RUN(values_up_to_the_item_limit_are_stored_whole);
	RUN(a_deleted_large_value_leaves_no_memory_behind);
	RUN(what_is_above_the_item_limit_is_too_large);
	RUN(a_set_that_is_too_large_loses_the_old_value_and_others_keep_it);
	RUN(too_large_is_the_same_for_a_new_key_and_an_old_one);
	RUN(a_draft_is_nobodys_to_see_until_it_is_put);
	RUN(a_draft_obeys_the_modes);
	RUN(a_draft_is_joined_to_a_value);
	RUN(the_memory_of_a_draft_comes_back_whatever_happens);
	RUN(a_draft_may_be_refused);
	RUN(a_draft_survives_flush_and_pressure);
}

static void
pins(void)
{
	RUN(a_pinned_value_survives_its_deletion);
	RUN(a_pinned_value_survives_being_overwritten);
	RUN(a_pinned_value_survives_append_and_prepend);
	RUN(a_pinned_value_survives_touch_and_gets);
	RUN(a_pinned_value_survives_a_flush);
	RUN(a_pinned_value_survives_its_expiry);
	RUN(pinned_values_survive_eviction);
	RUN(a_value_is_unpinned_by_any_of_its_parts);
	RUN(the_last_pin_to_go_frees_the_value);
	RUN(there_is_an_end_to_the_pins_of_one_value);
}

static void
limits(void)
{
	RUN(under_pressure_every_set_of_any_size_is_stored);
	RUN(under_pressure_every_other_write_succeeds_too);
	RUN(a_large_value_finds_room_in_a_store_full_of_small_ones);
	RUN(small_values_find_room_in_a_store_full_of_large_ones);
	RUN(what_is_read_again_and_again_outlives_what_is_not);
	RUN(evictions_are_counted);
	RUN(a_store_that_may_not_evict_refuses_and_loses_nothing);
	RUN(a_set_without_memory_loses_the_old_value);
	RUN(a_cas_unique_may_be_refused_for_want_of_memory);
	RUN(a_store_that_may_not_evict_keeps_all_when_its_index_grows);
	RUN(a_lower_limit_gives_memory_back_tick_by_tick);
	RUN(a_higher_limit_holds_more_at_once);
	RUN(a_limit_beyond_the_address_range_is_refused);
	RUN(an_empty_store_gives_all_but_nothing_up);
	RUN(after_a_flush_nothing_is_there);
	RUN(a_flush_among_pins_and_drafts_spares_only_these);
}

int
main(void)
{
	struct random random = { 12 };

	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (char)random_next(&random);
	store_and_find();
	cas_and_expiry();
	values_that_change();
	large_values_and_drafts();
	pins();
	limits();
	return tap_done();
}
