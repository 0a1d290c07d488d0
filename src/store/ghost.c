/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ghost.c - see ghost.h.
 *
 * Buckets of one cache line, 16 entries of 4 bytes:
 *
 *   offset  size    field
 *   0       16 x 2  print    16 bits of the hash; 0 = empty
 *   32      16 x 1  class    bits 6..0 slab class, bit 7 from probation
 *   48      16 x 1  stamp    the class's clock, modulo 256
 */
#include "store/ghost.h"

#include <string.h>

#include "os/os.h"

#define SLOTS		16
#define PROBATION	0x80

struct ghost_bucket {
	_Alignas(64) uint16_t	print[SLOTS];
	uint8_t			class[SLOTS];
	uint8_t			stamp[SLOTS];
};

_Static_assert(sizeof(struct ghost_bucket) == 64, "one cache line");

size_t
ghost_size(size_t bytes)
{
	size_t size = os_page_size();

	while (size * 2 <= bytes)
		size *= 2;
	return size;
}

int
ghost_open(struct ghost_table *table, size_t bytes, struct error *error)
{
	size_t size = ghost_size(bytes);

	table->bytes = size;
	table->mask = size / sizeof *table->buckets - 1;
	table->buckets = os_reserve(size);
	if (table->buckets != NULL && os_commit(table->buckets, size) == 0)
		return 0;
	ghost_close(table);
	return error_set(error, "cannot get %zu KB for the ghost table",
	    size >> 10);
}

void
ghost_close(struct ghost_table *table)
{
	if (table->buckets != NULL)
		os_release(table->buckets, table->bytes);
}

/* The hash bits below the index's tag and above most of its bucket bits. */
static uint16_t
print_of(uint64_t hash)
{
	uint16_t print = (uint16_t)(hash >> 40);

	return print == 0 ? 1 : print;
}

static struct ghost_bucket *
bucket_of(const struct ghost_table *table, uint64_t hash)
{
	return &table->buckets[hash >> 8 & table->mask];
}

void
ghost_add(struct ghost_table *table, uint64_t hash, struct ghost ghost,
    const uint8_t *clocks)
{
	struct ghost_bucket *bucket = bucket_of(table, hash);
	unsigned slot = 0, oldest = 0;

	for (unsigned i = 0; i < SLOTS; i++) {
		uint8_t class = bucket->class[i] & ~PROBATION;
		uint8_t age = (uint8_t)(clocks[class] - bucket->stamp[i]);

		if (bucket->print[i] == 0) {
			slot = i;
			break;
		}
		if (age >= oldest) {
			oldest = age;
			slot = i;
		}
	}
	bucket->print[slot] = print_of(hash);
	bucket->class[slot] = ghost.class | (ghost.probation ? PROBATION : 0);
	bucket->stamp[slot] = ghost.stamp;
}

bool
ghost_take(struct ghost_table *table, uint64_t hash, struct ghost *ghost)
{
	struct ghost_bucket *bucket = bucket_of(table, hash);
	uint16_t print = print_of(hash);

	for (unsigned i = 0; i < SLOTS; i++) {
		if (bucket->print[i] != print)
			continue;
		ghost->class = bucket->class[i] & ~PROBATION;
		ghost->probation = bucket->class[i] & PROBATION;
		ghost->stamp = bucket->stamp[i];
		bucket->print[i] = 0;
		return true;
	}
	return false;
}
