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

#include "proto/request.h"

struct counters {
	uint64_t	cell[OP_COUNT][STATUS_COUNT];
};

static inline void
counters_count(struct counters *counters, enum op op, enum status status)
{
	counters->cell[op][status]++;
}

void	counters_add(struct counters *sum, const struct counters *);

/* The value of a counter by its name in counters.def. False: no such. */
bool	counters_value(const struct counters *, const char *name,
	    uint64_t *value);

#endif
