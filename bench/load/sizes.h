/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sizes.h - how long keys and values are, and how long they live: numbers
 * that come in given shares.
 *
 *	100			always
 *	64-1024			evenly from the range
 *	32:30,100:50,1k-64k:20	each with its weight
 *	etc			values as Facebook's ETC pool had them: the
 *				generalized Pareto distribution fitted by
 *				Atikoglu et al., "Workload Analysis of a
 *				Large-Scale Key-Value Store" (SIGMETRICS 2012)
 *
 * What was written becomes a table with as many places as its share for each
 * number, so that taking one costs a load.
 */
#ifndef LOAD_SIZES_H
#define LOAD_SIZES_H

#include <stdint.h>

#include "base/error.h"

#define SIZES_PLACES	4096

struct sizes {
	uint32_t	places[SIZES_PLACES];
	uint32_t	least, most;
};

/* All numbers have to be from `low` to `high`. */
int	sizes_parse(struct sizes *, const char *text, int64_t low,
	    int64_t high, struct error *);

/* One of them, chosen by any 12 bits. */
static inline uint32_t
sizes_take(const struct sizes *sizes, uint64_t bits)
{
	return sizes->places[bits % SIZES_PLACES];
}

#endif
