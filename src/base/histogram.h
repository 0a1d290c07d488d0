/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * histogram.h - how often which values came, for percentiles of latencies.
 *
 * Log-linear buckets, as in Gil Tene's HdrHistogram (hdrhistogram.org): each
 * power of two is cut into as many parts of equal width, so what a percentile
 * says is off by less than 0.4 %, whatever its size, and adding a value is an
 * increment.
 *
 *	value		buckets		width
 *	0-255		0-255		1
 *	256-511		256-383		2
 *	512-1023	384-511		4
 *	...
 *
 * Values are of any unit, nanoseconds say. Those from HISTOGRAM_LIMIT on are
 * in the last bucket. Zeros are an empty histogram.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Each power of two has 2^7 buckets. */
#define HISTOGRAM_BITS		7
#define HISTOGRAM_PARTS		(1 << HISTOGRAM_BITS)

/* 2^42 ns are 73 minutes. */
#define HISTOGRAM_LIMIT_BITS	42
#define HISTOGRAM_LIMIT		((uint64_t)1 << HISTOGRAM_LIMIT_BITS)

#define HISTOGRAM_BUCKETS						\
	((HISTOGRAM_LIMIT_BITS - HISTOGRAM_BITS + 1) * HISTOGRAM_PARTS)

struct histogram {
	uint64_t	count;
	uint64_t	sum;
	uint64_t	least, most;	/* exact; 0 when there is none */
	uint64_t	buckets[HISTOGRAM_BUCKETS];
};

static inline size_t
histogram_bucket(uint64_t value)
{
	int shift;

	if (value >= HISTOGRAM_LIMIT)
		return HISTOGRAM_BUCKETS - 1;
	if (value < 2 * HISTOGRAM_PARTS)
		return (size_t)value;
	shift = 63 - HISTOGRAM_BITS - __builtin_clzll(value);
	return (size_t)shift * HISTOGRAM_PARTS + (size_t)(value >> shift);
}

static inline void
histogram_add(struct histogram *histogram, uint64_t value)
{
	if (value < histogram->least || histogram->count == 0)
		histogram->least = value;
	if (value > histogram->most)
		histogram->most = value;
	histogram->count++;
	histogram->sum += value;
	histogram->buckets[histogram_bucket(value)]++;
}

/* Add all that another one has. */
void	histogram_join(struct histogram *, const struct histogram *);

/*
 * The value that `share`, 0 to 1, of all values do not exceed: the middle of
 * its bucket, never beyond the least and the greatest. 0 when there is none.
 */
uint64_t histogram_quantile(const struct histogram *, double share);

double	histogram_mean(const struct histogram *);

#endif
