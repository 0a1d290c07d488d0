/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory.c - what store.h promises about room: large values, drafts, pins,
 * eviction, the limit and flush.
 */
#include "stored.h"

/* Of a store of up to 16 MB. */
#define PAGE		(16 * KB)
#define FULL_PIECE	(PAGE - 16)		/* marks, header */
#define HALF_PIECE	(PAGE / 2 - 16)

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

/* Where the second part of the key's value is. */
static const void *
second_part(const char *name)
{
	struct iovec part = { NULL, 0 };

	EXPECT_EQUAL(get(name), STORE_OK);
	EXPECT_EQUAL(store_parts(store, &item, 1, &part, 1), 1);
	return part.iov_base;
}

static void
a_large_value_is_written_over_one_of_its_length(void)
{
	const size_t length = 90000;
	struct slice other = { source + 7, length };
	const void *place;
	uint64_t bytes, cas;

	open_usual();
	EXPECT_EQUAL(set("k", bytes_of(length)), STORE_OK);
	place = second_part("k");
	cas = cas_of("k");
	bytes = store_counts(store)->bytes;
	EXPECT_EQUAL(put_all(STORE_SET, "k", other, 0, START + 9, 0),
	    STORE_OK);
	EXPECT(has("k", other));
	EXPECT_EQUAL(item.expiry, START + 9);
	EXPECT(cas_of("k") != cas);
	EXPECT(second_part("k") == place);
	EXPECT_EQUAL(store_counts(store)->bytes, bytes);
	/* With flags, or another length, or held, it is another item. */
	EXPECT_EQUAL(put_all(STORE_SET, "k", other, 5, NEVER, 0), STORE_OK);
	EXPECT(has("k", other));
	EXPECT_EQUAL(item.flags, 5);
	EXPECT_EQUAL(set("k", bytes_of(length - 1)), STORE_OK);
	EXPECT(has("k", bytes_of(length - 1)));
	store_verify(store);
	EXPECT(store_pin(store, &item));
	place = second_part("k");
	EXPECT_EQUAL(set("k", (struct slice){ source + 7, length - 1 }),
	    STORE_OK);
	EXPECT(second_part("k") != place);
	store_unpin(store, place);
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

/* Pins */

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

static const size_t pinned_lengths[] = {
	1, 40, 47, 1100, 5000, 8192, 16384, 100000,
};
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
count_it(size_t length)
{
	uint64_t number;

	(void)length;
	EXPECT_EQUAL(set("n", text("99  ")), STORE_OK);
	EXPECT_EQUAL(get("n"), STORE_OK);
	EXPECT(store_pin(store, &item));
	EXPECT_EQUAL(count("n", false, 1, &number), STORE_OK);
	EXPECT_EQUAL(memcmp(item.value, "99  ", 4), 0);
	store_unpin_item(store, &item);
	EXPECT(has("n", text("100 ")));
	/* And one that gets longer. */
	EXPECT_EQUAL(set("n", text("99")), STORE_OK);
	EXPECT_EQUAL(get("n"), STORE_OK);
	EXPECT(store_pin(store, &item));
	EXPECT_EQUAL(count("n", false, 1, &number), STORE_OK);
	EXPECT_EQUAL(memcmp(item.value, "99", 2), 0);
	store_unpin_item(store, &item);
	EXPECT(has("n", text("100")));
	delete("n");
}

static void
a_number_that_is_held_is_counted_as_any_other(void)
{
	while_held(count_it);
}

/* The end of an item without a value may be the next chunk. */
static void
a_value_of_no_bytes_is_held_by_its_item(void)
{
	struct store_item held[100];

	open_small(false);
	for (unsigned length = 1; length < 100; length++) {
		char name[101] = "";

		memset(name, 'k', length);
		EXPECT_EQUAL(set(name, text("")), STORE_OK);
		EXPECT_EQUAL(get(name), STORE_OK);
		held[length] = item;
		EXPECT(store_pin(store, &item));
	}
	store_flush(store);
	store_verify(store);
	for (unsigned length = 1; length < 100; length++)
		store_unpin_item(store, &held[length]);
	EXPECT_EQUAL(store_free_pages(store), store->slab.pages_held);
	close_store();
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

/*
 * A write to a key that was stored just before. A page that moves may have
 * taken the key along, but there is no other reason to fail.
 */
static void
expect_written(const char *name, enum store_result result, unsigned *gone)
{
	if (result == STORE_OK)
		return;
	EXPECT_EQUAL(get(name), STORE_MISS);
	++*gone;
}

static void
under_pressure_every_other_write_succeeds_too(void)
{
	struct random random = { 11 };
	unsigned gone = 0;

	open_small(true);
	for (unsigned n = 0; n < 20000; n++) {
		const char *name = numbered("k", n);
		uint64_t number;

		EXPECT_EQUAL(put(STORE_ADD, name, text("9")), STORE_OK);
		EXPECT_EQUAL(count(name, false, 1000000000, &number),
		    STORE_OK);
		EXPECT(cas_of(name) != 0);
		EXPECT_EQUAL(touch(name, START + 1000), STORE_OK);
		expect_written(name, put(STORE_APPEND, name, bytes_of(
		    mixed_length(&random) / 2)), &gone);
		expect_written(name, put(STORE_PREPEND, name, bytes_of(
		    mixed_length(&random) / 8)), &gone);
	}
	EXPECT(gone < 20);
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
	for (unsigned n = 0; n < 20000; n++) {
		set(numbered("k", n), bytes_of(100));
		if (n % 2 == 0)
			get(numbered("k", n));
	}
	counts = store_counts(store);
	EXPECT_EQUAL(counts->items + counts->evictions, 20000);
	EXPECT(counts->evicted_unfetched > counts->evictions / 3);
	EXPECT(counts->evicted_unfetched < counts->evictions);
	EXPECT_EQUAL(counts->reclaimed, 0);
	close_store();
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
large_values_and_drafts(void)
{
	RUN(values_around_half_a_page_are_stored_whole);
	RUN(values_around_every_piece_boundary_are_stored_whole);
	RUN(values_up_to_the_item_limit_are_stored_whole);
	RUN(a_large_value_is_written_over_one_of_its_length);
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
	RUN(a_number_that_is_held_is_counted_as_any_other);
	RUN(a_value_of_no_bytes_is_held_by_its_item);
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
	fill_source();
	large_values_and_drafts();
	pins();
	limits();
	return tap_done();
}
