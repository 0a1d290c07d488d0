/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * index.c - the index against a slow twin: an array that says for each of a
 * fixed set of keys which item it should lead to.
 */
#include "store/index.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/random.h"
#include "tap.h"

#define SEED		20230607
#define KEYS_MAX	200000
#define KEY_LENGTH	sizeof(uint64_t)
#define RESERVE		((size_t)64 << 20)

static struct slab slab;
static struct index table;
static struct error problem;

/* The twin: each key's number, hash and item; 0 = not in the index. */
static uint64_t key_number[KEYS_MAX];
static uint64_t key_hash[KEYS_MAX];
static uint32_t key_item[KEYS_MAX];
static uint64_t present;

static uint64_t
hash_of_number(uint64_t number)
{
	return hash_bytes(SEED, &number, KEY_LENGTH);
}

static void
open_with_reserve(size_t reserve)
{
	struct slab_config config = {
		.limit = (size_t)16 << 20, .reserve = (size_t)64 << 20,
		.growth_factor = 1.25, .chunk_min = 16,
	};

	if (slab_open(&slab, &config, &problem) == -1 ||
	    index_open(&table, &slab, SEED, reserve, &problem) == -1)
		printf("Bail out! %s\n", problem.text);
	slab_allow(&slab, UINT32_MAX);
	memset(key_item, 0, sizeof key_item);
	present = 0;
	for (unsigned i = 0; i < KEYS_MAX; i++) {
		key_number[i] = i;
		key_hash[i] = hash_of_number(i);
	}
}

static void
open_index(void)
{
	open_with_reserve(RESERVE);
}

static void
close_index(void)
{
	index_close(&table);
	slab_close(&slab);
}

/* An item with the key and no value. */
static uint32_t
make_item(unsigned key)
{
	unsigned class = slab_class_for(&slab, ITEM_HEADER + KEY_LENGTH);
	uint32_t handle = slab_alloc(&slab, class, SLAB_MAIN);
	struct item *item;

	if (handle == 0 && slab_grow(&slab, class, SLAB_MAIN))
		handle = slab_alloc(&slab, class, SLAB_MAIN);
	item = slab_item(&slab, handle);
	*item = (struct item){
		.key_length = KEY_LENGTH, .state = ITEM_LINKED,
	};
	memcpy(item_key(item), &key_number[key], KEY_LENGTH);
	return handle;
}

static bool
add(unsigned key)
{
	uint32_t handle = make_item(key);

	if (!index_add(&table, key_hash[key], handle)) {
		slab_free(&slab, handle);
		return false;
	}
	key_item[key] = handle;
	present++;
	return true;
}

static void
take_out(unsigned key)
{
	if (!EXPECT(key_item[key] != 0))
		return;
	index_remove(&table, key_hash[key], key_item[key]);
	slab_free(&slab, key_item[key]);
	key_item[key] = 0;
	present--;
}

/* Those of a range of keys that are in. */
static void
take_out_all(unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		if (key_item[i] != 0)
			take_out(i);
}

static void
exchange(unsigned key)
{
	uint32_t old = key_item[key];

	key_item[key] = make_item(key);
	index_replace(&table, key_hash[key], old, key_item[key]);
	slab_free(&slab, old);
}

/* By the hash of `key`, and these bytes. */
static uint32_t
found_as(unsigned key, const void *bytes, size_t length, uint8_t space)
{
	struct store_key as = { bytes, length, key_hash[key], space };

	return index_find(&table, &as);
}

static uint32_t
found(unsigned key)
{
	return found_as(key, &key_number[key], KEY_LENGTH, 0);
}

static void
expect_equal_to_twin(unsigned keys)
{
	bool equal = true;

	for (unsigned i = 0; i < keys; i++)
		equal = equal && found(i) == key_item[i];
	EXPECT(equal);
	EXPECT_EQUAL(table.count, present);
}

/* Nothing, no overflow count either, is left behind in any bucket. */
static void
expect_blank(void)
{
	const char *end = (const char *)table.buckets +
	    table.peak * 64;
	bool blank = true;

	EXPECT_EQUAL(table.count, 0);
	for (const char *at = table.range; at < end; at++)
		blank = blank && *at == 0;
	EXPECT(blank);
}

/*
 * Make the first `count` keys ones that are at home in bucket `home` of any
 * array of up to 2^bits buckets.
 */
static void
choose_keys(unsigned first, unsigned count, unsigned bits, uint64_t home)
{
	uint64_t number = (uint64_t)(first + 1) << 32;

	for (unsigned i = first; i < first + count; number++) {
		uint64_t hash = hash_of_number(number);

		if (hash >> (64 - bits) != home)
			continue;
		key_number[i] = number;
		key_hash[i++] = hash;
	}
}

/* Of the first `keys`, a random one that is in the index, or is not. */
static unsigned
random_key(struct random *random, unsigned keys, bool in)
{
	unsigned key = (unsigned)random_below(random, keys);

	while ((key_item[key] != 0) != in)
		key = (key + 1) % keys;
	return key;
}

static unsigned
random_change(struct random *random, unsigned keys, bool grow)
{
	unsigned key;

	if (random_below(random, 8) == 0)
		grow = !grow;
	if (present == 0)
		grow = true;
	key = random_key(random, keys, !grow);
	if (!grow)
		take_out(key);
	else
		EXPECT(add(key));
	if (present > 0 && random_below(random, 4) == 0)
		exchange(random_key(random, keys, true));
	return key;
}

/*
 * Add and remove keys below `keys` at random until `wanted` of all are in;
 * those that are not below `keys` stay.
 */
static void
walk_to(struct random *random, unsigned keys, uint64_t wanted)
{
	while (present != wanted && !tap_test_failed) {
		unsigned key = random_change(random, keys, present < wanted);

		EXPECT(found(key) == key_item[key]);
	}
}

static void
an_empty_index_finds_nothing(void)
{
	open_index();
	EXPECT_EQUAL(found(1), 0);
	EXPECT_EQUAL(table.count, 0);
	EXPECT(index_size(&table) > 0);
	expect_blank();
	close_index();
}

static void
a_key_is_found_until_it_is_removed(void)
{
	open_index();
	EXPECT(add(1));
	EXPECT(add(2));
	expect_equal_to_twin(3);
	take_out(1);
	expect_equal_to_twin(3);
	take_out(2);
	expect_equal_to_twin(3);
	expect_blank();
	close_index();
}

static void
a_key_is_its_bytes_and_its_length(void)
{
	open_index();
	add(7);
	EXPECT_EQUAL(found_as(7, &key_number[7], KEY_LENGTH - 1, 0), 0);
	EXPECT_EQUAL(found_as(7, &key_number[8], KEY_LENGTH, 0), 0);
	EXPECT_EQUAL(found_as(7, &key_number[7], KEY_LENGTH, 1), 0);
	EXPECT_EQUAL(found_as(7, &key_number[7], KEY_LENGTH + 256, 0), 0);
	EXPECT_EQUAL(found(7), key_item[7]);
	close_index();
}

static void
a_key_that_was_replaced_leads_to_the_new_item(void)
{
	open_index();
	for (unsigned i = 0; i < 1000; i++)
		add(i);
	for (unsigned i = 0; i < 1000; i += 3)
		exchange(i);
	expect_equal_to_twin(1100);
	close_index();
}

static void
prefetching_changes_nothing(void)
{
	open_index();
	index_prefetch(&table, key_hash[0]);
	index_prefetch_item(&table, key_hash[0]);
	for (unsigned i = 0; i < 1000; i++)
		add(i);
	for (unsigned i = 0; i < 2000; i++) {
		index_prefetch(&table, key_hash[i]);
		index_prefetch_item(&table, key_hash[i]);
	}
	expect_equal_to_twin(2000);
	close_index();
}

static void
the_index_grows_with_its_entries_and_shrinks_again(void)
{
	uint64_t least, most;
	bool added = true;

	open_index();
	least = table.large;
	/* It never falls behind: the entries always fit their buckets. */
	for (unsigned i = 0; i < KEYS_MAX; i++)
		added = added && add(i) &&
		    table.count <= table.large * 12;
	EXPECT(added);
	most = table.large;
	EXPECT(most >= KEYS_MAX / 12 && most <= KEYS_MAX);
	expect_equal_to_twin(KEYS_MAX);
	take_out_all(0, KEYS_MAX);
	while (index_slice(&table, 10))
		;
	EXPECT_EQUAL(table.large, least);
	expect_blank();
	close_index();
}

static void
a_half_grown_index_finds_every_key(void)
{
	open_index();
	for (unsigned i = 0; i < 3000; i++) {
		add(i);
		if (i % 7 == 0)
			expect_equal_to_twin(i + 10);
	}
	for (unsigned i = 0; i < 3000; i++) {
		take_out(i);
		if (i % 7 == 0)
			expect_equal_to_twin(3000);
	}
	expect_blank();
	close_index();
}

static void
random_changes_leave_it_equal_to_the_twin(void)
{
	static const unsigned sizes[] = {
		100, 3000, 2000, 50000, 49000, 180000, 60000, 100000, 9000,
		10, 5000, 0,
	};
	struct random random = { 3 };

	open_index();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		walk_to(&random, KEYS_MAX, sizes[i]);
		expect_equal_to_twin(KEYS_MAX);
	}
	expect_blank();
	close_index();
}

static void
keys_that_share_a_bucket_overflow_and_are_found(void)
{
	open_index();
	choose_keys(0, 300, 10, 500);
	for (unsigned i = 0; i < 300; i++)
		EXPECT(add(i));
	expect_equal_to_twin(1000);
	for (unsigned i = 0; i < 300; i += 2)
		take_out(i);
	expect_equal_to_twin(1000);
	for (unsigned i = 1; i < 300; i += 2)
		take_out(i);
	expect_blank();
	close_index();
}

static void
keys_that_share_a_bucket_leave_others_alone(void)
{
	struct random random = { 5 };

	open_index();
	choose_keys(0, 100, 12, 77);
	choose_keys(100, 100, 12, 76);
	for (int round = 0; round < 6; round++) {
		walk_to(&random, 20000, 15000);
		expect_equal_to_twin(20000);
		walk_to(&random, 200, present - 50);
		walk_to(&random, 200, present + 50);
		expect_equal_to_twin(20000);
		walk_to(&random, 20000, 500);
		expect_equal_to_twin(20000);
	}
	walk_to(&random, 20000, 0);
	expect_blank();
	close_index();
}

/* The lowest bucket has nothing of its own below it, only the margin. */
static void
keys_that_share_the_lowest_bucket_overflow_and_are_removed(void)
{
	struct random random = { 6 };

	open_index();
	choose_keys(0, 300, 10, 0);
	for (int round = 0; round < 20; round++) {
		walk_to(&random, 300, random_below(&random, 300));
		expect_equal_to_twin(300);
	}
	walk_to(&random, 300, 0);
	expect_blank();
	close_index();
}

static void
too_many_keys_of_the_lowest_bucket_are_refused_and_nothing_is_lost(void)
{
	unsigned keys = 2000, refused = 0;

	open_index();
	choose_keys(0, keys, 12, 0);
	for (unsigned i = 0; i < keys; i++)
		refused += !add(i);
	EXPECT(refused > 0);
	EXPECT_EQUAL(table.count, keys - refused);
	expect_equal_to_twin(keys);
	take_out_all(0, keys);
	expect_blank();
	close_index();
}

/*
 * Long overflow chains survive while the array shrinks beneath them: the
 * chain of a bucket that goes may reach past the one that takes its place.
 */
static void
chains_longer_than_the_array_survive_growth_and_shrinking(void)
{
	struct random random = { 7 };

	open_index();
	choose_keys(0, 250, 6, 16);
	choose_keys(250, 60, 6, 0);
	for (int round = 0; round < 30; round++) {
		walk_to(&random, 310, 200 + random_below(&random, 100));
		expect_equal_to_twin(310);
		walk_to(&random, 310, random_below(&random, 60));
		expect_equal_to_twin(310);
	}
	walk_to(&random, 310, 0);
	expect_blank();
	close_index();
}

/* Two buckets, each with many keys, should be one, which cannot move them. */
static void
a_merge_that_does_not_fit_is_left_undone(void)
{
	open_index();
	choose_keys(0, 150, 8, 128);
	choose_keys(150, 150, 8, 129);
	for (unsigned i = 2500; i > 0; i--)
		add(i - 1);
	EXPECT(table.large > 128);
	take_out_all(300, 2500);
	expect_equal_to_twin(2500);
	EXPECT(table.large > 64);
	EXPECT_EQUAL(index_slice(&table, 1000), false);
	EXPECT(table.large > 64);
	take_out_all(0, 300);
	EXPECT_EQUAL(index_slice(&table, 1000), false);
	EXPECT_EQUAL(table.large, 64);
	expect_blank();
	close_index();
}

static void
a_short_memory_makes_it_small_and_keeps_it_so(void)
{
	struct random random = { 8 };

	open_index();
	walk_to(&random, KEYS_MAX, 45000);
	EXPECT(table.count * 100 < table.large * 12 * 60);
	table.pressed = true;
	for (int i = 0; i < 20000; i++) {
		random_change(&random, KEYS_MAX, true);
		random_change(&random, KEYS_MAX, false);
	}
	EXPECT_EQUAL(table.small, table.large);
	EXPECT(table.count * 100 > table.large * 12 * 85);
	expect_equal_to_twin(KEYS_MAX);
	walk_to(&random, KEYS_MAX, 90000);
	EXPECT(table.count * 100 > table.small * 12 * 75);
	EXPECT(table.count * 100 < table.large * 12 * 96);
	expect_equal_to_twin(KEYS_MAX);
	close_index();
}

/* Growing turns to shrinking in its middle, and the other way round. */
static void
a_change_of_size_can_turn_back(void)
{
	struct random random = { 9 };
	unsigned turns = 0;

	open_index();
	for (int round = 0; round < 60; round++) {
		bool before = table.growing;
		bool moving = table.small != table.large;

		table.pressed = random_below(&random, 2);
		walk_to(&random, 20000, 1000 + random_below(&random, 9000));
		turns += moving && before != table.growing;
		expect_equal_to_twin(20000);
	}
	EXPECT(turns > 0);
	walk_to(&random, 20000, 0);
	expect_blank();
	close_index();
}

static void
a_cleared_index_is_empty_and_can_be_used_again(void)
{
	uint64_t least;

	open_index();
	least = table.large;
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 20000; i++)
			add(i);
		index_clear(&table);
		EXPECT_EQUAL(table.large, least);
		for (unsigned i = 0; i < 20000; i++) {
			slab_free(&slab, key_item[i]);
			key_item[i] = 0;
		}
		present = 0;
		expect_equal_to_twin(20000);
		expect_blank();
	}
	for (unsigned i = 0; i < 30000; i++)
		add(i);
	expect_equal_to_twin(KEYS_MAX);
	close_index();
}

static void
trimming_gives_back_memory_bit_by_bit_and_nothing_in_use(void)
{
	size_t step = 64 << 10, large, small, before;

	open_index();
	small = index_size(&table);
	for (unsigned i = 0; i < 100000; i++)
		add(i);
	large = index_size(&table);
	EXPECT(large >= 100000 / 12 * 64);
	for (int i = 0; i < 3; i++)
		index_trim(&table, step);
	expect_equal_to_twin(KEYS_MAX);
	EXPECT_EQUAL(index_size(&table), large);
	for (unsigned i = 1000; i < 100000; i++)
		take_out(i);
	EXPECT_EQUAL(index_size(&table), large);
	before = large;
	for (int i = 0; i < 1000; i++) {
		index_slice(&table, 100);
		index_trim(&table, step);
		EXPECT(before - index_size(&table) <= step);
		before = index_size(&table);
	}
	EXPECT(index_size(&table) < small + 64 * 1000);
	expect_equal_to_twin(KEYS_MAX);
	for (unsigned i = 1000; i < 60000; i++)
		add(i);
	expect_equal_to_twin(KEYS_MAX);
	close_index();
}

static void
trimming_after_a_clear_gives_back_nearly_all(void)
{
	size_t small;

	open_index();
	small = index_size(&table);
	for (unsigned i = 0; i < 100000; i++)
		add(i);
	index_clear(&table);
	for (int i = 0; i < 1000; i++)
		index_trim(&table, 256 << 10);
	EXPECT(index_size(&table) < small + (16 << 10));
	memset(key_item, 0, sizeof key_item);
	present = 0;
	for (unsigned i = 0; i < 50000; i++)
		add(i);
	expect_equal_to_twin(KEYS_MAX);
	close_index();
}

static void
an_index_that_cannot_grow_goes_on_with_what_it_has(void)
{
	uint64_t added = 0;

	open_with_reserve(64 << 10);
	for (unsigned i = 0; i < 20000; i++)
		added += add(i);
	EXPECT(added > 8000);
	EXPECT(added < 20000);
	EXPECT_EQUAL(table.count, added);
	expect_equal_to_twin(20000);
	take_out_all(0, 20000);
	expect_blank();
	close_index();
}

int
main(void)
{
	RUN(an_empty_index_finds_nothing);
	RUN(a_key_is_found_until_it_is_removed);
	RUN(a_key_is_its_bytes_and_its_length);
	RUN(a_key_that_was_replaced_leads_to_the_new_item);
	RUN(prefetching_changes_nothing);
	RUN(the_index_grows_with_its_entries_and_shrinks_again);
	RUN(a_half_grown_index_finds_every_key);
	RUN(random_changes_leave_it_equal_to_the_twin);
	RUN(keys_that_share_a_bucket_overflow_and_are_found);
	RUN(keys_that_share_a_bucket_leave_others_alone);
	RUN(keys_that_share_the_lowest_bucket_overflow_and_are_removed);
	RUN(too_many_keys_of_the_lowest_bucket_are_refused_and_nothing_is_lost);
	RUN(chains_longer_than_the_array_survive_growth_and_shrinking);
	RUN(a_merge_that_does_not_fit_is_left_undone);
	RUN(a_short_memory_makes_it_small_and_keeps_it_so);
	RUN(a_change_of_size_can_turn_back);
	RUN(a_cleared_index_is_empty_and_can_be_used_again);
	RUN(trimming_gives_back_memory_bit_by_bit_and_nothing_in_use);
	RUN(trimming_after_a_clear_gives_back_nearly_all);
	RUN(an_index_that_cannot_grow_goes_on_with_what_it_has);
	return tap_done();
}
