/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ghosts.c - the table of keys that were evicted lately.
 */
#include "store/ghost.h"

#include "base/random.h"
#include "store/slab.h"
#include "tap.h"

#define KB		((size_t)1 << 10)
#define SLOTS		16	/* in a bucket */
#define ENTRY		4	/* bytes */

static struct ghost_table table;
static struct error problem;
static uint8_t clocks[SLAB_CLASSES_MAX];

static void
open_table(size_t bytes)
{
	if (ghost_open(&table, bytes, &problem) == -1)
		printf("Bail out! %s\n", problem.text);
	memset(clocks, 0, sizeof clocks);
}

static void
close_table(void)
{
	ghost_close(&table);
}

static size_t
entries(void)
{
	return table.bytes / ENTRY;
}

/* A hash of the first bucket, by number. */
static uint64_t
neighbour(uint64_t n)
{
	return (n + 1) << 40 | n << 56;
}

static void
add(uint64_t hash, uint8_t class, uint8_t stamp)
{
	ghost_add(&table, hash, (struct ghost){
		.class = class, .stamp = stamp }, clocks);
}

static bool
take(uint64_t hash)
{
	struct ghost ghost;

	return ghost_take(&table, hash, &ghost);
}

static void
an_empty_table_knows_nobody(void)
{
	struct random random = { 1 };
	unsigned known = 0;

	open_table(64 * KB);
	for (int i = 0; i < 100000; i++)
		known += take(random_next(&random));
	EXPECT_EQUAL(known, 0);
	EXPECT(!take(0));
	close_table();
}

static void
a_ghost_is_taken_once(void)
{
	open_table(64 * KB);
	add(12345678, 3, 4);
	EXPECT(!take(87654321));
	EXPECT(take(12345678));
	EXPECT(!take(12345678));
	close_table();
}

static void
all_that_was_remembered_is_given_back(void)
{
	struct random random = { 2 };

	open_table(64 * KB);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t hash = random_next(&random);
		struct ghost in = {
			.class = (uint8_t)(i % SLAB_CLASSES_MAX),
			.stamp = (uint8_t)(i / 3),
			.probation = i % 2 == 0,
		}, out;

		ghost_add(&table, hash, in, clocks);
		EXPECT(ghost_take(&table, hash, &out));
		EXPECT_EQUAL(out.class, in.class);
		EXPECT_EQUAL(out.stamp, in.stamp);
		EXPECT_EQUAL(out.probation, in.probation);
	}
	close_table();
}

static void
a_hash_of_zeros_can_be_remembered(void)
{
	open_table(64 * KB);
	add(0, 0, 0);
	EXPECT(take(0));
	EXPECT(!take(0));
	close_table();
}

static void
ghosts_of_one_bucket_do_not_mix(void)
{
	open_table(64 * KB);
	for (unsigned n = 0; n < SLOTS; n++)
		add(neighbour(n), (uint8_t)n, (uint8_t)(100 + n));
	for (unsigned n = SLOTS; n-- > 0; ) {
		struct ghost ghost;

		EXPECT(ghost_take(&table, neighbour(n), &ghost));
		EXPECT_EQUAL(ghost.class, n);
		EXPECT_EQUAL(ghost.stamp, 100 + n);
	}
	close_table();
}

static void
a_full_bucket_forgets_its_oldest(void)
{
	open_table(64 * KB);
	for (unsigned n = 0; n < SLOTS; n++)
		add(neighbour(n), 5, clocks[5]++);
	for (unsigned n = SLOTS; n < 5 * SLOTS; n++)
		add(neighbour(n), 5, clocks[5]++);
	for (unsigned n = 0; n < 5 * SLOTS; n++)
		EXPECT_EQUAL(take(neighbour(n)), n >= 4 * SLOTS);
	close_table();
}

/* What was taken leaves room; then nobody has to go. */
static void
a_free_slot_is_used_before_any_is_forgotten(void)
{
	open_table(64 * KB);
	for (unsigned n = 0; n < SLOTS; n++)
		add(neighbour(n), 5, clocks[5]++);
	EXPECT(take(neighbour(9)));
	add(neighbour(50), 5, clocks[5]);
	EXPECT(take(neighbour(50)));
	for (unsigned n = 0; n < SLOTS; n++)
		EXPECT_EQUAL(take(neighbour(n)), n != 9);
	close_table();
}

static void
age_goes_by_the_clock_of_the_class(void)
{
	open_table(64 * KB);
	/* Class 1 is slow: its old stamps are young. */
	clocks[1] = 12;
	clocks[2] = 200;
	for (unsigned n = 0; n < SLOTS / 2; n++)
		add(neighbour(n), 1, (uint8_t)(10 + n % 2));
	for (unsigned n = SLOTS / 2; n < SLOTS; n++)
		add(neighbour(n), 2, (uint8_t)(180 + n));
	for (unsigned n = 0; n < SLOTS / 2; n++)
		add(neighbour(100 + n), 3, 0);
	for (unsigned n = 0; n < SLOTS; n++)
		EXPECT_EQUAL(take(neighbour(n)), n < SLOTS / 2);
	for (unsigned n = 0; n < SLOTS / 2; n++)
		EXPECT(take(neighbour(100 + n)));
	close_table();
}

static void
clocks_may_go_round(void)
{
	open_table(64 * KB);
	clocks[4] = 250;
	for (unsigned n = 0; n < 3 * SLOTS; n++)
		add(neighbour(n), 4, clocks[4]++);
	for (unsigned n = 0; n < 3 * SLOTS; n++)
		EXPECT_EQUAL(take(neighbour(n)), n >= 2 * SLOTS);
	close_table();
}

/* Evict as a class would: its clock ticks with each 32nd of `memory`. */
static void
evict(struct random random, size_t memory, size_t count)
{
	for (size_t i = 1; i <= count; i++) {
		add(random_next(&random), 7, clocks[7]);
		if (i % (memory / 32) == 0)
			clocks[7]++;
	}
}

static void
the_latest_are_remembered_and_the_others_forgotten(void)
{
	struct random random = { 3 };
	size_t count, latest, known = 0, known_latest = 0;

	open_table(64 * KB);
	count = 8 * entries();
	latest = entries() / 2;
	evict(random, latest, count);
	for (size_t i = 0; i < count; i++) {
		bool is_known = take(random_next(&random));

		known += is_known;
		known_latest += is_known && i >= count - latest;
	}
	EXPECT(known <= entries() + entries() / 100);
	EXPECT(known_latest >= latest * 99 / 100);
	close_table();
}

static void
hardly_a_stranger_is_taken_for_a_ghost(void)
{
	struct random random = { 4 }, strangers = { 5 };
	unsigned wrong = 0, asked = 1000000;

	open_table(256 * KB);
	evict(random, entries(), 4 * entries());
	for (unsigned i = 0; i < asked; i++) {
		/* Each one taken is put back: the table stays full. */
		uint64_t hash = random_next(&strangers);

		if (take(hash)) {
			add(hash, 7, clocks[7]);
			wrong++;
		}
	}
	EXPECT(wrong < asked / 1000);
	EXPECT(wrong > 0);
	close_table();
}

static void
the_memory_is_a_power_of_two_within_what_is_given(void)
{
	for (size_t bytes = 8 * KB; bytes < 3000 * KB; bytes += bytes / 3) {
		open_table(bytes);
		EXPECT(table.bytes <= bytes && table.bytes > bytes / 2);
		EXPECT((table.bytes & (table.bytes - 1)) == 0);
		EXPECT_EQUAL((table.mask + 1) * SLOTS * ENTRY, table.bytes);
		close_table();
	}
}

static void
the_smallest_table_works_too(void)
{
	open_table(0);
	EXPECT(table.bytes >= KB && table.bytes <= 64 * KB);
	for (uint64_t n = 0; n < 100000; n++)
		add(n << 8 | n << 40, 1, clocks[1]);
	EXPECT(take((uint64_t)99999 << 8 | (uint64_t)99999 << 40));
	close_table();
}

static void
two_tables_do_not_know_each_other(void)
{
	struct ghost_table first;

	open_table(64 * KB);
	add(77, 1, 1);
	first = table;
	open_table(64 * KB);
	EXPECT(!take(77));
	close_table();
	table = first;
	EXPECT(take(77));
	close_table();
}

int
main(void)
{
	RUN(an_empty_table_knows_nobody);
	RUN(a_ghost_is_taken_once);
	RUN(all_that_was_remembered_is_given_back);
	RUN(a_hash_of_zeros_can_be_remembered);
	RUN(ghosts_of_one_bucket_do_not_mix);
	RUN(a_full_bucket_forgets_its_oldest);
	RUN(a_free_slot_is_used_before_any_is_forgotten);
	RUN(age_goes_by_the_clock_of_the_class);
	RUN(clocks_may_go_round);
	RUN(the_latest_are_remembered_and_the_others_forgotten);
	RUN(hardly_a_stranger_is_taken_for_a_ghost);
	RUN(the_memory_is_a_power_of_two_within_what_is_given);
	RUN(the_smallest_table_works_too);
	RUN(two_tables_do_not_know_each_other);
	return tap_done();
}
