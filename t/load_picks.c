/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load_picks.c - which keys, sizes and times cairn-load chooses: their shares
 * against the formulas that define them.
 */
#include <math.h>
#include <stdlib.h>

#include "load/keys.h"
#include "load/schedule.h"
#include "load/sizes.h"
#include "tap.h"

#define PICKS	400000
#define KEYS	1000

static struct sizes sizes;
static unsigned counts[KEYS];

/* Count how often each key comes. */
static void
pick(const char *name)
{
	struct distribution distribution = { .kind = KEYS_UNIFORM };
	struct picker picker;
	struct random random = { 11 };
	struct error error;

	memset(counts, 0, sizeof counts);
	EXPECT_EQUAL(distribution_parse(&distribution, name, &error), 0);
	picker_init(&picker, &distribution, KEYS, 0);
	for (unsigned n = 0; n < PICKS; n++) {
		uint64_t key = picker_next(&picker, &random);

		if (!EXPECT(key < KEYS))
			return;
		counts[key]++;
	}
}

/* Within six standard deviations. */
static void
expect_share(double count, double share)
{
	double wanted = share * PICKS;

	EXPECT(fabs(count - wanted) <= 6 * sqrt(wanted) + 1);
}

static void
uniform_keys_come_equally_often(void)
{
	pick("uniform");
	for (unsigned n = 0; n < KEYS; n++)
		expect_share(counts[n], 1.0 / KEYS);
}

static void
expect_zipf(const char *name, double exponent)
{
	double sum = 0;

	pick(name);
	for (unsigned n = 1; n <= KEYS; n++)
		sum += pow(n, -exponent);
	for (unsigned n = 1; n <= KEYS; n++)
		expect_share(counts[n - 1], pow(n, -exponent) / sum);
}

static void
zipf_keys_come_as_often_as_their_rank_says(void)
{
	expect_zipf("zipf", 0.99);
	expect_zipf("zipf:1", 1);
	expect_zipf("zipf:0.5", 0.5);
	expect_zipf("zipf:1.7", 1.7);
}

static void
hot_keys_get_their_share(void)
{
	double hot = 0;

	pick("hot:10:90");
	for (unsigned n = 0; n < KEYS / 10; n++) {
		expect_share(counts[n], 0.9 / (KEYS * 0.1));
		hot += counts[n];
	}
	for (unsigned n = KEYS / 10; n < KEYS; n++)
		expect_share(counts[n], 0.1 / (KEYS * 0.9));
	expect_share(hot, 0.9);
}

static void
sequential_keys_come_in_turn(void)
{
	pick("sequential");
	for (unsigned n = 0; n < KEYS; n++)
		EXPECT_EQUAL(counts[n], PICKS / KEYS);
}

static void
other_distributions_are_refused(void)
{
	static const char *const names[] = { "", "zip", "zipf:", "zipf:0",
		"zipf:x", "zipf:1:2", "hot", "hot:10", "hot:10:101", "hot:a:b",
		"uniform:1" };
	struct distribution distribution;
	struct error error;

	for (size_t n = 0; n < sizeof names / sizeof *names; n++)
		EXPECT_EQUAL(distribution_parse(&distribution, names[n],
		    &error), -1);
}

static double
share_of(uint32_t low, uint32_t high)
{
	unsigned count = 0;

	for (unsigned n = 0; n < SIZES_PLACES; n++)
		count += sizes.places[n] >= low && sizes.places[n] <= high;
	return (double)count / SIZES_PLACES;
}

static void
sizes_come_in_their_shares(void)
{
	struct error error;

	EXPECT_EQUAL(sizes_parse(&sizes, "100", 0, 1000, &error), 0);
	EXPECT(share_of(100, 100) == 1);
	EXPECT_EQUAL(sizes_parse(&sizes, "10-19", 0, 1000, &error), 0);
	for (uint32_t size = 10; size < 20; size++)
		EXPECT(fabs(share_of(size, size) - 0.1) < 0.001);
	EXPECT_EQUAL(sizes.least, 10);
	EXPECT_EQUAL(sizes.most, 19);
	EXPECT_EQUAL(sizes_parse(&sizes, "32:30,100:50,1k-64k:20", 0, 1 << 20,
	    &error), 0);
	EXPECT(fabs(share_of(32, 32) - 0.3) < 0.001);
	EXPECT(fabs(share_of(100, 100) - 0.5) < 0.001);
	EXPECT(fabs(share_of(1024, 65536) - 0.2) < 0.001);
	EXPECT_EQUAL(sizes.least, 32);
	EXPECT_EQUAL(sizes.most, 65536);
}

/* The median and the 99th percentile of the fitted distribution. */
static void
measured_sizes_have_the_percentiles_of_the_measurement(void)
{
	struct error error;
	double median = 214.476 / 0.348238 * (pow(0.5, -0.348238) - 1);
	double tail = 214.476 / 0.348238 * (pow(0.01, -0.348238) - 1);

	EXPECT_EQUAL(sizes_parse(&sizes, "etc", 1, 1 << 20, &error), 0);
	EXPECT(fabs(share_of(0, (uint32_t)median) - 0.5) < 0.01);
	EXPECT(fabs(share_of(0, (uint32_t)tail) - 0.99) < 0.001);
}

static void
other_sizes_are_refused(void)
{
	static const char *const texts[] = { "", ",", "x", "10-", "-10",
		"20-10", "10:", "10:0", "10:x", "10,,20", "1001",
		"10-1001", "2k", "10 " };
	struct error error;

	for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
		EXPECT_EQUAL(sizes_parse(&sizes, texts[n], 1, 1000, &error),
		    -1);
}

static const char *
spelled(uint64_t number)
{
	static char text[KEY_MAX + 1];
	struct keys keys = { "k:", 2, &sizes, 1000 };

	*key_spell(&keys, number, text) = '\0';
	return text;
}

static void
keys_are_padded_to_their_size(void)
{
	struct error error;

	EXPECT_EQUAL(sizes_parse(&sizes, "10", 1, 250, &error), 0);
	EXPECT_TEXT(spelled(0), "k:00000000");
	EXPECT_TEXT(spelled(907), "k:00000907");
	EXPECT_TEXT(spelled(907 | KEY_COUNTER), "k:n0000907");
}

static void
keys_that_do_not_fit_are_refused(void)
{
	struct keys keys = { "k:", 2, &sizes, 1000 };
	struct error error;

	sizes_parse(&sizes, "5", 1, 250, &error);
	EXPECT_EQUAL(keys_check(&keys, false, &error), 0);
	EXPECT_EQUAL(keys_check(&keys, true, &error), -1);
	keys.count = 1001;
	EXPECT_EQUAL(keys_check(&keys, false, &error), -1);
	keys = (struct keys){ "a b", 3, &sizes, 10 };
	EXPECT_EQUAL(keys_check(&keys, false, &error), -1);
}

/* How many are due within its length. */
static unsigned
due_in(struct schedule schedule)
{
	struct random random = { 12 };
	unsigned count = 0;

	schedule.next = schedule.begin;
	while (schedule_take(&schedule, &random) < schedule.begin +
	    schedule.length)
		count++;
	return count;
}

static void
requests_are_due_at_the_rate(void)
{
	struct schedule even = { .rate = { 1000, 1000 }, .begin = 1e12,
		.length = 10e9 };
	struct schedule poisson = even, ramp = even;

	poisson.poisson = true;
	ramp.rate.to = 5000;
	EXPECT(abs((int)due_in(even) - 10000) <= 1);
	EXPECT(abs((int)due_in(poisson) - 10000) < 600);
	EXPECT(abs((int)due_in(ramp) - 30000) < 30);
}

int
main(void)
{
	RUN(uniform_keys_come_equally_often);
	RUN(zipf_keys_come_as_often_as_their_rank_says);
	RUN(hot_keys_get_their_share);
	RUN(sequential_keys_come_in_turn);
	RUN(other_distributions_are_refused);
	RUN(sizes_come_in_their_shares);
	RUN(measured_sizes_have_the_percentiles_of_the_measurement);
	RUN(other_sizes_are_refused);
	RUN(keys_are_padded_to_their_size);
	RUN(keys_that_do_not_fit_are_refused);
	RUN(requests_are_due_at_the_rate);
	return tap_done();
}
