/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store.c - what store.h promises about keys, values, cas uniques, expiry,
 * numbers and append; t/memory.c goes on with what takes room, and
 * t/store_twin.c does everything at random.
 */
#include "stored.h"

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

/* All short lengths, and some of the long ones. */
static size_t
next_length(size_t length)
{
	if (length < 600)
		return length + 1;
	return length == STORE_KEY_MAX || length * 2 < STORE_KEY_MAX ?
	    length * 2 : STORE_KEY_MAX;
}

static void
a_key_is_any_bytes_from_1_to_65535(void)
{
	struct store_config config = usual;
	unsigned count = 0;

	config.limit = 256 * MB;	/* a long key wants a large page */
	open_as(&config);
	for (size_t length = 1; length <= STORE_KEY_MAX;
	    length = next_length(length), count++) {
		struct store_key where = key_of(source, length);
		struct store_value value = { .bytes = bytes_of(length) };

		EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value),
		    STORE_OK);
	}
	for (size_t length = 1; length <= STORE_KEY_MAX;
	    length = next_length(length)) {
		struct store_key where = key_of(source, length);

		EXPECT_EQUAL(store_get(store, &where, true, &item),
		    STORE_OK);
		EXPECT(value_equals(store, &item, bytes_of(length).bytes, length));
		EXPECT_EQUAL(store_touch(store, &where, START + 9, false,
		    &item), STORE_OK);
		EXPECT(value_equals(store, &item, bytes_of(length).bytes, length));
	}
	EXPECT_EQUAL(items(), count);
	store_verify(store);
	close_store();
}

static void
a_key_that_fits_no_page_is_refused(void)
{
	struct store_key where = key_of(source, 60000);
	struct store_value value = { .bytes = text("v") };

	open_small(true);
	EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value),
	    STORE_TOO_LARGE);
	EXPECT_EQUAL(items(), 0);
	store_verify(store);
	close_store();
}

static struct store_key
key_in(const char *name, uint8_t space)
{
	struct store_key where = key(name);

	where.space = space;
	where.hash = store_hash(VALUES_SEED, where.bytes, where.length);
	return where;
}

static void
a_key_is_another_one_in_each_space(void)
{
	open_usual();
	for (unsigned space = 0; space < 16; space++) {
		struct store_key where = key_in("k", (uint8_t)space);
		struct store_value value = {
			.bytes = bytes_of(space * 700), .flags = space % 2,
			.expiry = space % 3 == 0 ? NEVER : START + 5,
		};

		EXPECT_EQUAL(store_put(store, &where, STORE_ADD, &value),
		    STORE_OK);
		store_verify(store);
	}
	EXPECT_EQUAL(items(), 16);
	for (unsigned space = 0; space < 16; space++) {
		struct store_key where = key_in("k", (uint8_t)space);

		EXPECT_EQUAL(store_get(store, &where, true, &item),
		    STORE_OK);
		EXPECT_EQUAL(item.space, space);
		EXPECT_EQUAL(item.flags, space % 2);
		EXPECT(value_equals(store, &item, bytes_of(space * 700).bytes,
		    space * 700));
		EXPECT_EQUAL(store_delete(store, &where), STORE_OK);
		EXPECT_EQUAL(items(), 15 - space);
	}
	close_store();
}

static void
put_in_space(unsigned space, const char *bytes)
{
	struct store_key where = key_in("k", (uint8_t)space);
	struct store_value value = { .bytes = slice_of(bytes) };

	EXPECT_EQUAL(store_put(store, &where, STORE_SET, &value), STORE_OK);
}

static void
expect_in_space(unsigned space, const char *bytes)
{
	struct store_key where = key_in("k", (uint8_t)space);

	if (!EXPECT_EQUAL(store_get(store, &where, false, &item), STORE_OK))
		return;
	EXPECT_EQUAL(item.space, space);
	EXPECT(value_equals(store, &item, bytes, strlen(bytes)));
}

static void
spaces_change_places(void)
{
	open_usual();
	put_in_space(0, "zero");
	put_in_space(1, "one");
	put_in_space(2, "two");
	store_swap_spaces(store, 0, 1);
	store_verify(store);
	expect_in_space(0, "one");
	expect_in_space(1, "zero");
	store_swap_spaces(store, 1, 2);
	store_swap_spaces(store, 3, 3);
	expect_in_space(0, "one");
	expect_in_space(1, "two");
	expect_in_space(2, "zero");
	put_in_space(2, "new");
	put_in_space(3, "three");
	store_swap_spaces(store, 2, 9);
	store_verify(store);
	expect_in_space(9, "new");
	expect_in_space(3, "three");
	EXPECT_EQUAL(store_space_items(store, 2), 0);
	EXPECT_EQUAL(store_space_items(store, 0), 1);
	EXPECT_EQUAL(store_space_items(store, 9), 1);
	EXPECT_EQUAL(items(), 4);
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
	set("a", text("12345"));
	set("b", text("12345"));
	counts = store_counts(store);
	EXPECT_EQUAL(counts->items, 2);
	EXPECT_EQUAL(counts->total_items, 2);
	EXPECT_EQUAL(counts->bytes, 2 * (8 + 1 + 5));
	set("a", text("123"));
	put(STORE_ADD, "b", text("refused"));
	counts = store_counts(store);
	EXPECT_EQUAL(counts->items, 2);
	EXPECT_EQUAL(counts->total_items, 3);
	EXPECT_EQUAL(counts->bytes, 2 * (8 + 1) + 5 + 3);
	delete("b");
	counts = store_counts(store);
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

static enum store_result
put_wanting_cas(enum store_mode mode, struct slice bytes, uint64_t cas)
{
	struct store_key where = key("k");
	struct store_value value = {
		.bytes = bytes, .cas = cas, .want_cas = true,
	};

	return store_put(store, &where, mode, &value);
}

/* The unique that was given is the item's, and it is a new one. */
static void
expect_given_cas(enum store_result result, uint64_t *cas)
{
	struct store_key where = key("k");

	EXPECT_EQUAL(result, STORE_OK);
	EXPECT(store_last_cas(store) != *cas);
	*cas = store_last_cas(store);
	EXPECT_EQUAL(store_look(store, &where, &item), STORE_OK);
	EXPECT_EQUAL(item.cas, *cas);
}

static void
a_write_gives_a_cas_unique_of(size_t length)
{
	static const enum store_mode modes[] = {
		STORE_SET, STORE_REPLACE, STORE_APPEND, STORE_PREPEND,
		STORE_CAS,
	};
	struct slice bytes = bytes_of(length);

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		uint64_t cas = 0;

		open_usual();
		set("k", bytes);
		if (modes[i] == STORE_CAS)
			cas = cas_of("k");
		expect_given_cas(put_wanting_cas(modes[i], bytes, cas), &cas);
		expect_given_cas(put_wanting_cas(modes[i], bytes, cas), &cas);
		delete("k");
		expect_given_cas(put_wanting_cas(STORE_ADD, bytes, 0), &cas);
		close_store();
	}
}

static void
a_write_gives_a_cas_unique_when_it_is_asked_for(void)
{
	static const size_t lengths[] = { 0, 5, 300, 1010, 2000, 9000, 50000 };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		a_write_gives_a_cas_unique_of(lengths[i]);
}

static void
counting_gives_a_cas_unique_when_it_is_asked_for(void)
{
	struct store_key where = key("k");
	uint64_t number, cas = 0;

	open_usual();
	set("k", text("98"));
	for (unsigned n = 99; n < 102; n++) {
		expect_given_cas(store_add_number(store, &where, false, 1,
		    true, &number), &cas);
		EXPECT_EQUAL(number, n);
	}
	EXPECT(has("k", text("101")));
	close_store();
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
an_append_may_be_only_to_what_has_not_changed(void)
{
	uint64_t cas;

	open_usual();
	EXPECT_EQUAL(put_all(STORE_APPEND, "k", text("x"), 0, NEVER, 1),
	    STORE_NOT_STORED);
	set("k", text("one"));
	EXPECT_EQUAL(put_all(STORE_APPEND, "k", text("x"), 0, NEVER, 1),
	    STORE_EXISTS);
	cas = cas_of("k");
	EXPECT_EQUAL(put_all(STORE_PREPEND, "k", text("x"), 0, NEVER,
	    cas + 1), STORE_EXISTS);
	EXPECT_EQUAL(put_all(STORE_PREPEND, "k", text("x"), 0, NEVER, cas),
	    STORE_OK);
	EXPECT_EQUAL(put_all(STORE_APPEND, "k", text("x"), 0, NEVER, cas),
	    STORE_EXISTS);
	EXPECT(has("k", text("xone")));
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
		EXPECT_EQUAL(put_wanting_cas(STORE_SET, bytes_of(length), 0),
		    STORE_OK);
		EXPECT_EQUAL(store_last_cas(store), 0);
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
	put_all(STORE_SET, "a", text("v"), 0, START + 1, 0);
	put_all(STORE_SET, "b", text("v"), 0, START + 1, 0);
	put_all(STORE_SET, "c", text("v"), 0, START + 1, 0);
	get("a");
	store_set_time(store, START + 1);
	get("a");
	get("b");
	get("never there");
	counts = store_counts(store);
	EXPECT_EQUAL(counts->get_expired, 2);
	EXPECT_EQUAL(counts->reclaimed, 2);
	EXPECT_EQUAL(counts->expired_unfetched, 1);
	tick_until_done(100);
	counts = store_counts(store);
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
		chunks += (uint64_t)slab_class_pages(
		    &store->slab.classes[i]) * store->slab.classes[i].chunks;
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
		    n % 3 == 0 ? NEVER : START + 1 + n % 3 * 5000, 0);
	EXPECT_EQUAL(tick_until_done(100000), 1);
	EXPECT_EQUAL(items(), 9000);
	store_set_time(store, START + 5001 + LATE);
	enough = ticks_enough(300);
	EXPECT(tick_until_done(300) <= enough);
	EXPECT_EQUAL(items(), 6000);
	store_verify(store);
	store_set_time(store, START + 10001 + LATE);
	EXPECT(tick_until_done(300) <= enough);
	EXPECT_EQUAL(items(), 3000);
	for (unsigned n = 0; n < 9000; n += 3)
		EXPECT_EQUAL(get(numbered("k", n)), STORE_OK);
	close_store();
}

static void
a_tick_reclaims_hardly_more_than_its_budget(void)
{
	uint64_t before;

	open_usual();
	for (unsigned n = 0; n < 5000; n++)
		put_all(STORE_SET, numbered("k", n), text("v"), 0, START + 1,
		    0);
	store_set_time(store, START + 1 + LATE);
	for (int n = 0; n < 5000 && items() > 0; n++) {
		before = items();
		EXPECT(store_tick(store, 50) || items() == 0);
		EXPECT(before - items() <= 50 + 16);
	}
	EXPECT_EQUAL(items(), 0);
	close_store();
}

static void
ticks_go_by_the_last_expiry_that_was_set(void)
{
	open_usual();
	for (unsigned n = 0; n < 2000; n++)
		put_all(STORE_SET, numbered("k", n), bytes_of(n % 2 * 20000 %
		    2003), 0, START + 5000, 0);
	for (unsigned n = 0; n < 2000; n++) {
		if (n % 4 == 1)
			touch(numbered("k", n), START + 10);
		if (n % 4 == 2)
			touch(numbered("k", n), NEVER);
		if (n % 4 == 3)
			set(numbered("k", n), text("for ever"));
	}
	store_set_time(store, START + 10 + LATE);
	tick_until_done(100);
	EXPECT_EQUAL(items(), 1500);
	store_set_time(store, START + 5000 + LATE);
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

static void
store_and_find(void)
{
	RUN(what_was_never_stored_is_a_miss);
	RUN(a_value_is_given_back_with_its_flags_and_expiry);
	RUN(an_expiry_may_be_far_off);
	RUN(a_key_is_any_bytes_from_1_to_65535);
	RUN(a_key_that_fits_no_page_is_refused);
	RUN(a_key_is_another_one_in_each_space);
	RUN(spaces_change_places);
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
	RUN(a_write_gives_a_cas_unique_when_it_is_asked_for);
	RUN(counting_gives_a_cas_unique_when_it_is_asked_for);
	RUN(a_touch_leaves_the_cas_unique_as_it_was);
	RUN(cas_stores_only_what_has_not_changed);
	RUN(an_append_may_be_only_to_what_has_not_changed);
	RUN(nobody_knows_the_cas_of_an_item_that_was_never_asked);
	RUN(without_cas_no_item_has_one);
	RUN(an_item_is_there_until_its_time_has_come);
	RUN(an_expiry_in_the_past_is_a_miss_at_once);
	RUN(an_expired_item_is_as_if_deleted);
	RUN(expired_items_are_counted_by_how_they_went);
	RUN(a_touch_moves_the_expiry);
	RUN(a_touch_keeps_flags_and_value);
	RUN(ticks_reclaim_what_is_due_and_nothing_else);
	RUN(a_tick_reclaims_hardly_more_than_its_budget);
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

int
main(void)
{
	fill_source();
	store_and_find();
	cas_and_expiry();
	values_that_change();
	return tap_done();
}
