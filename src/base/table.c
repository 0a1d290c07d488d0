/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - see table.h. */
#include "base/table.h"

#include <stdlib.h>

#include "base/check.h"

#define SIZE_FIRST	16

static struct table_node **
bucket_of(const struct table *table, uint64_t hash)
{
	return &table->buckets[hash & (table->size - 1)];
}

static void
put(struct table *table, struct table_node *node)
{
	struct table_node **bucket = bucket_of(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static void
grow(struct table *table)
{
	struct table before = *table;
	size_t size = before.size == 0 ? SIZE_FIRST : 2 * before.size;
	struct table_node **buckets = calloc(size, sizeof(*buckets));

	if (buckets == NULL)
		return;
	table->buckets = buckets;
	table->size = size;
	for (size_t i = 0; i < before.size; i++)
		while (before.buckets[i] != NULL) {
			struct table_node *node = before.buckets[i];

			before.buckets[i] = node->next;
			put(table, node);
		}
	free(before.buckets);
}

bool
table_add(struct table *table, struct table_node *node, uint64_t hash)
{
	if (table->count >= table->size)
		grow(table);
	if (table->size == 0)
		return false;
	node->hash = hash;
	put(table, node);
	table->count++;
	return true;
}

void
table_remove(struct table *table, struct table_node *node)
{
	struct table_node **at = bucket_of(table, node->hash);

	while (*at != node) {
		CHECK(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	table->count--;
}

static struct table_node *
with_hash(struct table_node *node, uint64_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *
table_first(const struct table *table, uint64_t hash)
{
	return table->size == 0 ? NULL :
	    with_hash(*bucket_of(table, hash), hash);
}

struct table_node *
table_next(const struct table_node *node)
{
	return with_hash(node->next, node->hash);
}

static struct table_node *
first_from(const struct table *table, size_t bucket)
{
	while (bucket < table->size && table->buckets[bucket] == NULL)
		bucket++;
	return bucket < table->size ? table->buckets[bucket] : NULL;
}

struct table_node *
table_begin(const struct table *table)
{
	return first_from(table, 0);
}

struct table_node *
table_behind(const struct table *table, const struct table_node *node)
{
	return node->next != NULL ? node->next : first_from(table,
	    (size_t)(node->hash & (table->size - 1)) + 1);
}

void
table_close(struct table *table)
{
	CHECK(table->count == 0);
	free(table->buckets);
	*table = (struct table){ .size = 0 };
}
