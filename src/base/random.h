/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * random.h - a seeded generator (splitmix64, Steele et al. 2014).
 *
 * Not for secrets. The same seed gives the same numbers everywhere.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

#define RANDOM_STEP	0x9e3779b97f4a7c15

struct random {
	uint64_t	state;	/* the seed, at first */
};

static inline uint64_t
random_next(struct random *random)
{
	uint64_t z = random->state += RANDOM_STEP;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* A number below `limit`, which is not 0. */
static inline uint64_t
random_below(struct random *random, uint64_t limit)
{
	return random_next(random) % limit;
}

#endif
