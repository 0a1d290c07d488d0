/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keys.h - keys are numbers; this spells them, and says whose turn it is.
 *
 *	key-000000001234	prefix and digits, as long as its size says
 *	key-n00000001234	the same number as a counter, for incr
 *
 * All that belongs to a key, its length, its value and its expiry, comes from
 * its number, so that whoever reads an item knows what it has to be.
 */
#ifndef LOAD_KEYS_H
#define LOAD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "load/sizes.h"

#define KEY_MAX		250

/* In a key's number: it is a counter's. */
#define KEY_COUNTER	((uint64_t)1 << 63)

struct keys {
	const char		*prefix;
	size_t			 prefix_length;
	const struct sizes	*sizes;
	uint64_t		 count;
};

/* Bits that belong to a number (the last steps of splitmix64). */
static inline uint64_t
key_bits(uint64_t number)
{
	struct random random = { number };

	return random_next(&random);
}

/* Write a key at `out`, no NUL; returns the end. */
char	*key_spell(const struct keys *, uint64_t number, char *out);

/* Are all keys of different spelling and none too long? */
int	keys_check(const struct keys *, bool counters, struct error *);

/*
 * Which keys are asked for:
 *
 *	uniform
 *	zipf[:exponent]		key n as often as 1 / n^exponent, 0.99 if not
 *				given: key 0 most
 *	hot:keys:requests	so many per cent of the keys get so many per
 *				cent of the requests
 *	sequential		one after the other; each thread begins at
 *				a place of its own
 */
struct distribution {
	enum {
		KEYS_UNIFORM,
		KEYS_ZIPF,
		KEYS_HOT,
		KEYS_SEQUENTIAL,
	}	kind;
	double	exponent;
	double	hot_keys, hot_requests;		/* shares */
};

int	distribution_parse(struct distribution *, const char *, struct error *);

struct picker {
	struct distribution	 distribution;
	uint64_t		 keys;
	uint64_t		 next;		/* sequential */
	uint64_t		 hot_keys;
	double			 top, bottom;	/* of Zipf's integral */
	double			 accept;
};

void	picker_init(struct picker *, const struct distribution *,
	    uint64_t keys, uint64_t first);
uint64_t picker_next(struct picker *, struct random *);

/* A number below `limit`, by a multiplication. */
static inline uint64_t
pick_below(struct random *random, uint64_t limit)
{
	return (uint64_t)((unsigned __int128)random_next(random) * limit >> 64);
}

/* From 0 to below 1. */
static inline double
pick_share(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

#endif
