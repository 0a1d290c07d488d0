/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * classes.h - the slab classes of all shards together.
 *
 * All shards cut their pages in the same way, so a class has one number.
 * These visit the shards one after the other; any thread that has entered
 * none may call them.
 */
#ifndef SHARD_CLASSES_H
#define SHARD_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/route.h"

/* What the shards have of one class, and what was asked of it. */
struct class_sum {
	struct store_class_info	store;
	uint64_t		commands[CLASS_COUNTERS];
};

struct classes {
	unsigned		count;
	uint64_t		pages_size;	/* bytes, free pages too */
	struct class_sum	of[STORE_CLASSES_MAX];	/* by size */
};

/* How many there are. */
unsigned classes_count(struct router *, int64_t now);

void	classes_add_up(struct router *, int64_t now, struct classes *);

/* See store_set_automove(). */
void	classes_automove(struct router *, enum store_automove, double ratio,
	    int64_t now);

/*
 * Begin to move a page in the shard that has the most of them, as
 * store_move_page(). STORE_MOVE_BUSY: one is in work already.
 */
enum store_move classes_move_page(struct router *, int from, int to,
	    int64_t now);

/* Is one in work? */
bool	classes_move_is_on(struct router *, int64_t now);

/*
 * Begin store_crawl() in all shards; `most` items are looked at in a class.
 * False: some shard has not done with the last one.
 */
bool	classes_crawl(struct router *, const bool *classes, uint64_t most,
	    int64_t now);
bool	classes_crawl_is_on(struct router *, int64_t now);

#endif
