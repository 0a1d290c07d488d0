/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - tests of base/table.h. */
#include "base/table.h"

#include "tap.h"

#define COUNT	1000

struct thing {
	struct table_node	node;
	unsigned		number, met;
};

static struct thing things[COUNT];

/* Each hash is that of two things, so that some share it. */
static uint64_t
hash_of(unsigned number)
{
	return (uint64_t)(number / 2) * 0x9e3779b97f4a7c15;
}

static bool
finds(const struct table *table, unsigned number)
{
	for (struct table_node *node = table_first(table, hash_of(number));
	    node != NULL; node = table_next(node))
		if (node == &things[number].node)
			return true;
	return false;
}

static unsigned
count_found(const struct table *table)
{
	unsigned found = 0;

	for (unsigned i = 0; i < COUNT; i++)
		found += finds(table, i);
	return found;
}

static unsigned
count_met_once(const struct table *table)
{
	unsigned once = 0;

	for (unsigned i = 0; i < COUNT; i++)
		things[i].met = 0;
	for (struct table_node *node = table_begin(table); node != NULL;
	    node = table_behind(table, node))
		((struct thing *)node)->met++;
	for (unsigned i = 0; i < COUNT; i++)
		once += things[i].met == 1;
	return once;
}

static void
an_empty_table_has_nothing(void)
{
	struct table table = { .size = 0 };

	EXPECT(table_first(&table, 0) == NULL);
	EXPECT(table_begin(&table) == NULL);
	table_close(&table);
}

static void
what_was_added_is_found_until_it_is_removed(void)
{
	struct table table = { .size = 0 };
	bool added = true;

	for (unsigned i = 0; i < COUNT; i++)
		added &= table_add(&table, &things[i].node, hash_of(i));
	EXPECT(added);
	EXPECT_EQUAL(table.count, COUNT);
	EXPECT_EQUAL(count_found(&table), COUNT);
	EXPECT_EQUAL(count_met_once(&table), COUNT);
	for (unsigned i = 0; i < COUNT; i += 2)
		table_remove(&table, &things[i].node);
	EXPECT_EQUAL(count_found(&table), COUNT / 2);
	EXPECT(finds(&table, 1));
	EXPECT_EQUAL(count_met_once(&table), COUNT / 2);
	for (unsigned i = 1; i < COUNT; i += 2)
		table_remove(&table, &things[i].node);
	EXPECT(table.count == 0 && table_begin(&table) == NULL);
	table_close(&table);
}

int
main(void)
{
	RUN(an_empty_table_has_nothing);
	RUN(what_was_added_is_found_until_it_is_removed);
	return tap_done();
}
