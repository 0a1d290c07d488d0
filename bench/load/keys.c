/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keys.c - see keys.h.
 *
 * Zipf's distribution is sampled by rejection from its inverted integral
 * (Hoermann and Derflinger 1996), which needs no table whatever the number of
 * keys; hardly a sample is rejected.
 */
#include "load/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* How a key's length is taken from its bits; values take others. */
#define LENGTH_SHIFT	28

char *
key_spell(const struct keys *keys, uint64_t number, char *out)
{
	uint64_t digits = number & ~KEY_COUNTER;
	size_t length = sizes_take(keys->sizes,
	    key_bits(number) >> LENGTH_SHIFT);
	char *end = out + length;
	char *at = end;

	bytes_copy(out, keys->prefix, keys->prefix_length);
	out += keys->prefix_length;
	if (number & KEY_COUNTER)
		*out++ = 'n';
	while (digits > 0 && at > out) {
		*--at = (char)('0' + digits % 10);
		digits /= 10;
	}
	while (at > out)
		*--at = '0';
	return end;
}

int
keys_check(const struct keys *keys, bool counters, struct error *err)
{
	size_t needed = keys->prefix_length + counters +
	    decimal_length(keys->count - 1);

	for (size_t n = 0; n < keys->prefix_length; n++)
		if ((unsigned char)keys->prefix[n] <= ' ' ||
		    keys->prefix[n] == 0x7f)
			return error_set(err, "--key-prefix: spaces and "
			    "control characters cannot be in a key");
	if (needed > keys->sizes->least)
		return error_set(err, "--key-size: %u bytes are too few for "
		    "the prefix and the digits of %llu keys, which need %zu",
		    keys->sizes->least, (unsigned long long)keys->count,
		    needed);
	return 0;
}

/* Numbers after a colon each. */
static int
parse_numbers(const char *text, double *numbers, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		char *end;

		if (*text++ != ':')
			return -1;
		numbers[n] = strtod(text, &end);
		if (end == text || !(numbers[n] >= 0))
			return -1;
		text = end;
	}
	return *text == '\0' ? 0 : -1;
}

static int
parse_zipf(struct distribution *distribution, const char *text,
    struct error *err)
{
	distribution->kind = KEYS_ZIPF;
	distribution->exponent = 0.99;
	if (*text != '\0' && (parse_numbers(text, &distribution->exponent,
	    1) == -1 || distribution->exponent < 0.1 ||
	    distribution->exponent > 5))
		return error_set(err, "\"zipf%.80s\": the exponent is a "
		    "number from 0.1 to 5, as zipf:0.99", text);
	return 0;
}

static int
parse_hot(struct distribution *distribution, const char *text,
    struct error *err)
{
	double percent[2];

	if (parse_numbers(text, percent, 2) == -1 || percent[0] > 100 ||
	    percent[1] > 100)
		return error_set(err, "\"hot%.80s\" does not give keys and "
		    "requests in per cent, as hot:10:90", text);
	distribution->kind = KEYS_HOT;
	distribution->hot_keys = percent[0] / 100;
	distribution->hot_requests = percent[1] / 100;
	return 0;
}

int
distribution_parse(struct distribution *distribution, const char *text,
    struct error *err)
{
	if (strncmp(text, "zipf", 4) == 0 && (text[4] == ':' || !text[4]))
		return parse_zipf(distribution, text + 4, err);
	if (strncmp(text, "hot", 3) == 0 && (text[3] == ':' || !text[3]))
		return parse_hot(distribution, text + 3, err);
	if (strcmp(text, "uniform") == 0)
		distribution->kind = KEYS_UNIFORM;
	else if (strcmp(text, "sequential") == 0)
		distribution->kind = KEYS_SEQUENTIAL;
	else
		return error_set(err, "\"%.80s\" is not uniform, "
		    "zipf[:exponent], hot:keys:requests or sequential", text);
	return 0;
}

/* The integral of 1 / x^s from 1 on, and its inverse. */

static double
integral(double x, double s)
{
	return fabs(1 - s) < 1e-9 ? log(x) :
	    expm1((1 - s) * log(x)) / (1 - s);
}

static double
inverse(double y, double s)
{
	return fabs(1 - s) < 1e-9 ? exp(y) :
	    exp(log1p((1 - s) * y) / (1 - s));
}

void
picker_init(struct picker *picker, const struct distribution *distribution,
    uint64_t keys, uint64_t first)
{
	double s = distribution->exponent;

	picker->distribution = *distribution;
	picker->keys = keys;
	picker->next = first;
	picker->hot_keys = (uint64_t)(distribution->hot_keys * (double)keys);
	if (picker->hot_keys == 0)
		picker->hot_keys = 1;
	picker->top = integral(1.5, s) - 1;
	picker->bottom = integral((double)keys + 0.5, s);
	picker->accept = 2 - inverse(integral(2.5, s) - pow(2, -s), s);
}

static uint64_t
pick_zipf(struct picker *picker, struct random *random)
{
	double s = picker->distribution.exponent;

	for (;;) {
		double y = picker->bottom + pick_share(random) *
		    (picker->top - picker->bottom);
		double x = inverse(y, s);
		double rank = floor(x + 0.5);

		if (rank < 1)
			rank = 1;
		if (rank > (double)picker->keys)
			rank = (double)picker->keys;
		if (rank - x <= picker->accept ||
		    y >= integral(rank + 0.5, s) - pow(rank, -s))
			return (uint64_t)rank - 1;
	}
}

static uint64_t
pick_hot(struct picker *picker, struct random *random)
{
	uint64_t cold = picker->keys - picker->hot_keys;

	if (cold == 0 ||
	    pick_share(random) < picker->distribution.hot_requests)
		return pick_below(random, picker->hot_keys);
	return picker->hot_keys + pick_below(random, cold);
}

uint64_t
picker_next(struct picker *picker, struct random *random)
{
	switch (picker->distribution.kind) {
	case KEYS_ZIPF:
		return pick_zipf(picker, random);
	case KEYS_HOT:
		return pick_hot(picker, random);
	case KEYS_SEQUENTIAL:
		if (picker->next >= picker->keys)
			picker->next = 0;
		return picker->next++;
	default:
		return pick_below(random, picker->keys);
	}
}
