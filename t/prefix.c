/* SPDX-License-Identifier: BSD-3-Clause */
/* prefix.c - requests counted by prefix: names for ever, counts by shard. */
#include "shard/prefix.h"

#include <pthread.h>
#include <stdio.h>

#include "tap.h"

#define THREADS	4

static struct prefix_names *names;
static struct prefix_table tables[THREADS];

static void
open_all(void)
{
	names = prefix_names_create(':', 7);
	for (unsigned i = 0; i < THREADS; i++)
		prefix_table_open(&tables[i], names);
}

static void
close_all(void)
{
	for (unsigned i = 0; i < THREADS; i++)
		prefix_table_close(&tables[i]);
	prefix_names_destroy(names);
}

static void
count(struct prefix_table *table, enum op op, const char *key,
    enum status status)
{
	struct request request = {
		.op = op, .key = { key, strlen(key) },
	};

	prefix_count(table, &request, status);
}

/* What all tables have counted for a prefix; false: it is not known. */
static bool
sums(const char *prefix, struct prefix_count *sum)
{
	struct slice name;
	uint32_t slot = 0;

	while (slot < PREFIX_SLOTS && !(prefix_names_get(names, slot, &name) &&
	    name.length == strlen(prefix) &&
	    memcmp(name.bytes, prefix, name.length) == 0))
		slot++;
	*sum = (struct prefix_count){ { 0 } };
	if (slot == PREFIX_SLOTS)
		return false;
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned kind = 0; kind < PREFIX_KINDS; kind++)
			sum->of[kind] += tables[i].counts[slot].of[kind];
	return true;
}

static void
gets_hits_sets_and_deletes_are_counted(void)
{
	struct prefix_count sum;

	open_all();
	count(&tables[0], OP_GET, "a:1", STATUS_VALUE);
	count(&tables[1], OP_GETS, "a:1", STATUS_MISS);
	count(&tables[0], OP_GAT, "a:", STATUS_VALUE);
	count(&tables[0], OP_SET, "a:1", STATUS_STORED);
	count(&tables[0], OP_ADD, "a:1", STATUS_NOT_STORED);
	count(&tables[0], OP_DELETE, "a:1", STATUS_NOT_FOUND);
	count(&tables[0], OP_META_GET, "a:1", STATUS_FOUND);
	count(&tables[0], OP_META_TOUCH, "a:1", STATUS_MISS);
	count(&tables[0], OP_META_SET, "a:1", STATUS_STORED);
	count(&tables[0], OP_META_DELETE, "a:1", STATUS_DELETED);
	count(&tables[0], OP_INCR, "a:1", STATUS_NUMBER);
	count(&tables[0], OP_TOUCH, "a:1", STATUS_TOUCHED);
	EXPECT(sums("a", &sum));
	EXPECT_EQUAL(sum.of[PREFIX_GETS], 5);
	EXPECT_EQUAL(sum.of[PREFIX_HITS], 3);
	EXPECT_EQUAL(sum.of[PREFIX_SETS], 3);
	EXPECT_EQUAL(sum.of[PREFIX_DELETES], 2);
	EXPECT_EQUAL(prefix_names_count(names), 1);
	close_all();
}

static void
only_what_is_before_the_first_delimiter_is_a_prefix(void)
{
	struct prefix_count sum;

	open_all();
	count(&tables[0], OP_GET, ":x", STATUS_MISS);
	count(&tables[0], OP_GET, "a:b:c", STATUS_MISS);
	count(&tables[0], OP_GET, "none", STATUS_MISS);
	EXPECT_EQUAL(prefix_names_count(names), 2);
	EXPECT(sums("", &sum));
	EXPECT(sums("a", &sum));
	EXPECT(!sums("a:b", &sum));
	EXPECT(!sums("none", &sum));
	close_all();
}

/* Keys "PREFIX:" for all numbers up to PREFIX_MAX and a few more. */
static void
too_many_prefixes_are_refused_and_counted(void)
{
	struct prefix_count sum;
	char key[16];

	open_all();
	for (unsigned i = 0; i < PREFIX_MAX + 10; i++) {
		snprintf(key, sizeof key, "%u:", i);
		count(&tables[0], OP_GET, key, STATUS_MISS);
	}
	EXPECT_EQUAL(prefix_names_count(names), PREFIX_MAX);
	EXPECT_EQUAL(tables[0].refused, 10);
	count(&tables[1], OP_SET, "5:x", STATUS_STORED);
	EXPECT_EQUAL(tables[1].refused, 0);
	EXPECT(sums("5", &sum));
	EXPECT_EQUAL(sum.of[PREFIX_GETS], 1);
	EXPECT_EQUAL(sum.of[PREFIX_SETS], 1);
	close_all();
}

static void
a_prefix_that_is_too_long_is_refused(void)
{
	char key[PREFIX_LENGTH_MAX + 3];

	open_all();
	memset(key, 'x', sizeof key);
	key[PREFIX_LENGTH_MAX] = ':';
	key[sizeof key - 1] = '\0';
	count(&tables[0], OP_GET, key, STATUS_MISS);
	EXPECT_EQUAL(prefix_names_count(names), 1);
	EXPECT_EQUAL(tables[0].refused, 0);
	key[PREFIX_LENGTH_MAX] = 'x';
	key[PREFIX_LENGTH_MAX + 1] = ':';
	count(&tables[0], OP_GET, key, STATUS_MISS);
	EXPECT_EQUAL(prefix_names_count(names), 1);
	EXPECT_EQUAL(tables[0].refused, 1);
	close_all();
}

static void
cleared_tables_count_from_zero(void)
{
	struct prefix_count sum;

	open_all();
	count(&tables[0], OP_GET, "a:1", STATUS_MISS);
	for (unsigned i = 0; i < THREADS; i++)
		prefix_table_clear(&tables[i]);
	prefix_names_clear(names);
	EXPECT_EQUAL(prefix_names_count(names), 0);
	EXPECT(!sums("a", &sum));
	count(&tables[0], OP_GET, "a:1", STATUS_MISS);
	EXPECT(sums("a", &sum));
	EXPECT_EQUAL(sum.of[PREFIX_GETS], 1);
	close_all();
}

/* Each its own table, all of them the same names, in another order. */
static void *
hammer(void *context)
{
	struct prefix_table *table = context;
	unsigned self = (unsigned)(table - tables), step = 2 * self + 1;
	char key[16];

	for (unsigned i = 0; i < 4096; i++) {
		snprintf(key, sizeof key, "%u:", i * step % 4096);
		count(table, OP_GET, key, STATUS_MISS);
	}
	return NULL;
}

static void
threads_that_meet_a_new_prefix_agree_on_it(void)
{
	pthread_t threads[THREADS];
	struct prefix_count sum;
	unsigned wrong = 0;
	char prefix[16];

	open_all();
	for (unsigned i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, hammer, &tables[i]);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQUAL(prefix_names_count(names), 4096);
	for (unsigned i = 0; i < 4096; i += 64) {
		snprintf(prefix, sizeof prefix, "%u", i);
		wrong += !sums(prefix, &sum) ||
		    sum.of[PREFIX_GETS] != THREADS;
	}
	EXPECT_EQUAL(wrong, 0);
	close_all();
}

int
main(void)
{
	RUN(gets_hits_sets_and_deletes_are_counted);
	RUN(only_what_is_before_the_first_delimiter_is_a_prefix);
	RUN(too_many_prefixes_are_refused_and_counted);
	RUN(a_prefix_that_is_too_long_is_refused);
	RUN(cleared_tables_count_from_zero);
	RUN(threads_that_meet_a_new_prefix_agree_on_it);
	return tap_done();
}
