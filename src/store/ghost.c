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

#include "os/match.h"
#include "os/os.h"

#define SLOTS		16
#define PROBATION	0x80

struct ghost_bucket {
	_Alignas(64) uint16_t	print[SLOTS];
	uint8_t			class[SLOTS];
	uint8_t			stamp[SLOTS];
};

_Static_assert(sizeof(struct ghost_bucket) == 64, "one cache line");
_Static_assert(SLOTS == 16, "as os_match_pairs() looks at");

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

/* The slot whose ghost is oldest; it is rare that one is empty. */
static unsigned
oldest_slot(const struct ghost_bucket *bucket, const uint8_t *clocks)
{
	unsigned oldest = 0;

	/* Age and slot in one number, of which the largest is kept. */
	for (unsigned i = 0; i < SLOTS; i++) {
		uint8_t class = bucket->class[i] & ~PROBATION;
		uint8_t age = (uint8_t)(clocks[class] - bucket->stamp[i]);
		unsigned ranked = (unsigned)age * SLOTS + i;

		oldest = ranked > oldest ? ranked : oldest;
	}
	return oldest % SLOTS;
}

void
ghost_prefetch(const struct ghost_table *table, uint64_t hash)
{
	__builtin_prefetch(bucket_of(table, hash));
}

void
ghost_add(struct ghost_table *table, uint64_t hash, struct ghost ghost,
    const uint8_t *clocks)
{
	struct ghost_bucket *bucket = bucket_of(table, hash);
	unsigned empty = os_match_pairs(bucket->print, 0);
	unsigned slot = empty != 0 ? (unsigned)__builtin_ctz(empty) :
	    oldest_slot(bucket, clocks);

	bucket->print[slot] = print_of(hash);
	bucket->class[slot] = ghost.class | (ghost.probation ? PROBATION : 0);
	bucket->stamp[slot] = ghost.stamp;
}

bool
ghost_take(struct ghost_table *table, uint64_t hash, struct ghost *ghost)
{
	struct ghost_bucket *bucket = bucket_of(table, hash);
	unsigned found = os_match_pairs(bucket->print, print_of(hash)), slot;

	if (found == 0)
		return false;
	slot = (unsigned)__builtin_ctz(found);
	ghost->class = bucket->class[slot] & ~PROBATION;
	ghost->probation = bucket->class[slot] & PROBATION;
	ghost->stamp = bucket->stamp[slot];
	bucket->print[slot] = 0;
	return true;
}
