/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * counters.h - how many requests ended how.
 *
 * Counters belong to one shard or one worker and are written by whoever
 * holds that; readers take a copy. counters.def names what they add up to.
 */
#ifndef SHARD_COUNTERS_H
#define SHARD_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/call.h"
#include "proto/request.h"
#include "store/store.h"

/* What is counted by slab class, too. */
enum class_counter {
#define CLASS_COUNTER(name)	CLASS_COUNTER_##name,
#include "shard/counters.def"
	CLASS_COUNTERS
};

struct counters {
	uint64_t	cell[OP_COUNT][STATUS_COUNT];
	uint64_t	by_class[STORE_CLASSES_MAX][CLASS_COUNTERS];
	/* Calls with one key that ended in an error. */
	uint64_t	failed_calls[CALL_COUNT];
};

/* One bit for each class counter that a request of this end counts in. */
struct counters_plan {
	uint8_t		bits[OP_COUNT][STATUS_COUNT];
};

void	counters_plan(struct counters_plan *);

static inline void
counters_count(struct counters *counters, enum op op, enum status status)
{
	counters->cell[op][status]++;
}

/* Count in the class counters of `bits`. */
static inline void
counters_count_class(struct counters *counters, unsigned bits, unsigned class)
{
	for (; bits != 0; bits &= bits - 1)
		counters->by_class[class][__builtin_ctz(bits)]++;
}

void	counters_add(struct counters *sum, const struct counters *);

/* The value of a counter by its name in counters.def. False: no such. */
bool	counters_value(const struct counters *, const char *name,
	    uint64_t *value);

/* For tests: every request ended as replies.def says that it may. */
void	counters_verify(const struct counters *);

#endif
