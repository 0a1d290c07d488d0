/* SPDX-License-Identifier: BSD-3-Clause */
/* histogram.c - percentiles against those of sorted values. */
#include "base/histogram.h"

#include <stdlib.h>

#include "base/random.h"
#include "tap.h"

#define VALUES	20000

static struct histogram histogram, other;
static uint64_t values[VALUES];

static const double shares[] = {
	0, 0.001, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1,
};

#define SHARES	(sizeof shares / sizeof *shares)

static void
empty(void)
{
	memset(&histogram, 0, sizeof histogram);
	memset(&other, 0, sizeof other);
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t
exact_quantile(double share)
{
	double exact = share * VALUES;
	size_t rank = (size_t)exact;

	rank += exact - (double)rank > 1e-6;
	return values[rank > 0 ? rank - 1 : 0];
}

/* Within half a per cent. */
static bool
is_near(uint64_t value, uint64_t wanted)
{
	uint64_t off = value > wanted ? value - wanted : wanted - value;

	return off <= wanted / 200;
}

static void
nothing_has_percentiles_of_zero(void)
{
	empty();
	EXPECT_EQUAL(histogram_quantile(&histogram, 0.5), 0);
	EXPECT_EQUAL(histogram_quantile(&histogram, 1), 0);
	EXPECT(histogram_mean(&histogram) == 0);
}

static void
small_values_are_exact(void)
{
	empty();
	for (uint64_t value = 1; value <= 200; value++)
		histogram_add(&histogram, value);
	for (unsigned percent = 1; percent <= 100; percent++)
		EXPECT_EQUAL(histogram_quantile(&histogram, percent / 100.0),
		    2 * percent);
	EXPECT_EQUAL(histogram.least, 1);
	EXPECT_EQUAL(histogram.most, 200);
	EXPECT(histogram_mean(&histogram) == 100.5);
}

static void
one_value_is_all_percentiles(void)
{
	empty();
	histogram_add(&histogram, 1234567);
	for (size_t n = 0; n < SHARES; n++)
		EXPECT_EQUAL(histogram_quantile(&histogram, shares[n]),
		    1234567);
}

static void
buckets_follow_upon_each_other(void)
{
	size_t before = 0;

	for (uint64_t value = 0; value < 100000; value++) {
		size_t bucket = histogram_bucket(value);

		EXPECT(bucket == before || bucket == before + 1);
		before = bucket;
	}
	for (int bit = 8; bit < HISTOGRAM_LIMIT_BITS; bit++) {
		uint64_t power = (uint64_t)1 << bit;

		EXPECT_EQUAL(histogram_bucket(power),
		    histogram_bucket(power - 1) + 1);
	}
	EXPECT_EQUAL(histogram_bucket(HISTOGRAM_LIMIT - 1),
	    HISTOGRAM_BUCKETS - 1);
}

static void
percentiles_are_within_half_a_per_cent(void)
{
	struct random random = { 3 };

	empty();
	for (size_t n = 0; n < VALUES; n++) {
		values[n] = random_next(&random) >>
		    (64 - HISTOGRAM_LIMIT_BITS +
		    random_below(&random, HISTOGRAM_LIMIT_BITS));
		histogram_add(&histogram, values[n]);
	}
	qsort(values, VALUES, sizeof *values, by_size);
	for (size_t n = 0; n < SHARES; n++)
		EXPECT(is_near(histogram_quantile(&histogram, shares[n]),
		    exact_quantile(shares[n])));
	EXPECT_EQUAL(histogram_quantile(&histogram, 1), values[VALUES - 1]);
}

static void
what_is_joined_is_as_if_added_to_one(void)
{
	static struct histogram both;
	struct random random = { 4 };

	empty();
	memset(&both, 0, sizeof both);
	for (size_t n = 0; n < VALUES; n++) {
		uint64_t value = 5 + random_below(&random, 1000000);

		histogram_add(&both, value);
		histogram_add(n % 3 == 0 ? &histogram : &other, value);
	}
	histogram_join(&histogram, &other);
	EXPECT_EQUAL(memcmp(&histogram, &both, sizeof both), 0);
	memset(&other, 0, sizeof other);
	histogram_join(&histogram, &other);
	EXPECT_EQUAL(memcmp(&histogram, &both, sizeof both), 0);
	histogram_join(&other, &histogram);
	EXPECT_EQUAL(memcmp(&other, &both, sizeof both), 0);
}

static void
what_is_too_large_is_still_counted(void)
{
	empty();
	histogram_add(&histogram, 1000);
	histogram_add(&histogram, HISTOGRAM_LIMIT);
	histogram_add(&histogram, UINT64_MAX / 4);
	EXPECT_EQUAL(histogram.count, 3);
	EXPECT_EQUAL(histogram.most, UINT64_MAX / 4);
	EXPECT_EQUAL(histogram_quantile(&histogram, 1), UINT64_MAX / 4);
	EXPECT(is_near(histogram_quantile(&histogram, 0.2), 1000));
}

int
main(void)
{
	RUN(nothing_has_percentiles_of_zero);
	RUN(small_values_are_exact);
	RUN(one_value_is_all_percentiles);
	RUN(buckets_follow_upon_each_other);
	RUN(percentiles_are_within_half_a_per_cent);
	RUN(what_is_joined_is_as_if_added_to_one);
	RUN(what_is_too_large_is_still_counted);
	return tap_done();
}
