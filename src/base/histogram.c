/* SPDX-License-Identifier: BSD-3-Clause */
/* histogram.c - see histogram.h. */
#include "base/histogram.h"

void
histogram_join(struct histogram *to, const struct histogram *from)
{
	if (from->count == 0)
		return;
	if (from->least < to->least || to->count == 0)
		to->least = from->least;
	if (from->most > to->most)
		to->most = from->most;
	to->count += from->count;
	to->sum += from->sum;
	for (size_t n = 0; n < HISTOGRAM_BUCKETS; n++)
		to->buckets[n] += from->buckets[n];
}

/* The inverse of histogram_bucket(). */
static uint64_t
middle_of(size_t bucket)
{
	size_t shift;

	if (bucket < 2 * HISTOGRAM_PARTS)
		return bucket;
	shift = bucket / HISTOGRAM_PARTS - 1;
	return ((uint64_t)(bucket - shift * HISTOGRAM_PARTS) << shift) +
	    ((uint64_t)1 << shift) / 2;
}

/*
 * Which one of the values in their order, 1 and up. The product of a decimal
 * fraction may be a hair above the whole number that it stands for.
 */
static uint64_t
rank_of(const struct histogram *histogram, double share)
{
	double exact = share * (double)histogram->count;
	uint64_t rank = (uint64_t)exact;

	if (exact - (double)rank > 1e-6)
		rank++;
	if (rank > histogram->count)
		rank = histogram->count;
	return rank > 0 ? rank : 1;
}

uint64_t
histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t rank = rank_of(histogram, share);
	uint64_t value, seen = 0;
	size_t bucket = 0;

	if (histogram->count == 0)
		return 0;
	while (bucket < HISTOGRAM_BUCKETS - 1 &&
	    (seen += histogram->buckets[bucket]) < rank)
		bucket++;
	if (bucket == HISTOGRAM_BUCKETS - 1)
		return histogram->most;
	value = middle_of(bucket);
	if (value < histogram->least)
		return histogram->least;
	return value > histogram->most ? histogram->most : value;
}

double
histogram_mean(const struct histogram *histogram)
{
	return histogram->count == 0 ? 0 :
	    (double)histogram->sum / (double)histogram->count;
}
