/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ghost.h - which keys were evicted lately. Private to src/store/.
 *
 * A table of fingerprints in a fixed piece of memory. It forgets the oldest;
 * and takes, one time in four thousand, a key for another.
 */
#ifndef STORE_GHOST_H
#define STORE_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ghost_bucket;

struct ghost_table {
	struct ghost_bucket	*buckets;
	size_t			 bytes;		/* of address range */
	uint64_t		 mask;		/* number of buckets - 1 */
};

/* What is remembered of an evicted item. */
struct ghost {
	uint8_t	class;		/* its slab class */
	uint8_t	stamp;		/* its class's clock when it went */
	bool	probation;	/* it went from the small queue */
};

/* What a table of so many bytes takes: a power of two, rounded down. */
size_t	ghost_size(size_t bytes);

int	ghost_open(struct ghost_table *, size_t bytes, struct error *);
void	ghost_close(struct ghost_table *);

/* Bring what ghost_add() will change into the cache. */
void	ghost_prefetch(const struct ghost_table *, uint64_t hash);

/* Remember an item; `clocks` are the classes' clocks now. */
void	ghost_add(struct ghost_table *, uint64_t hash, struct ghost,
	    const uint8_t *clocks);

/* Look a key up and forget it. False: not known. */
bool	ghost_take(struct ghost_table *, uint64_t hash, struct ghost *);

#endif
