/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * values.h - the value of a key, made from its number.
 *
 *	source	|........................................|
 *		     |<- value of one key ->|
 *		             |<- of another ->|
 *
 * A value is a stretch of one random text, at one of 65,536 places. So it
 * costs nothing to make, compares by memcmp, and a byte out of place, or the
 * value of another key, is seen. A counter's value is "0".
 */
#ifndef LOAD_VALUES_H
#define LOAD_VALUES_H

#include "load/keys.h"
#include "base/bytes.h"

#define VALUES_PLACES	65536

struct values {
	const struct sizes	*sizes;
	const struct sizes	*ttls;
	char			*source;
};

/* -1: no memory. Free with values_close(). */
int	values_open(struct values *, const struct sizes *,
	    const struct sizes *ttls, uint64_t seed);
void	values_close(struct values *);

static inline struct slice
values_of(const struct values *values, uint64_t number)
{
	uint64_t bits = key_bits(number);

	if (number & KEY_COUNTER)
		return SLICE("0");
	return (struct slice){ values->source + (bits >> 48),
	    sizes_take(values->sizes, bits) };
}

/* Seconds; 0: it stays. */
static inline uint32_t
values_ttl(const struct values *values, uint64_t number)
{
	return sizes_take(values->ttls, key_bits(number) >> 14);
}

#endif
