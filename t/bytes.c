/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.c - numbers to decimal digits and back; slices compared. */
#include "base/bytes.h"

#include <inttypes.h>

#include "base/random.h"
#include "tap.h"

/* What decimal_format() writes, as a string. */
static const char *
formatted(uint64_t value)
{
	static char text[DECIMAL_MAX + 1];

	text[decimal_format(text, value)] = '\0';
	return text;
}

static bool
parses(const char *text, uint64_t wanted)
{
	uint64_t value = ~wanted;

	return decimal_parse((struct slice){ text, strlen(text) }, &value) &&
	    value == wanted;
}

static bool
parses_signed(const char *text, int64_t wanted)
{
	int64_t value = ~wanted;

	return decimal_parse_signed((struct slice){ text, strlen(text) },
	    &value) && value == wanted;
}

/* Refused, and the number is left alone. */
static bool
refused(const char *text)
{
	uint64_t value = 77;

	return !decimal_parse((struct slice){ text, strlen(text) }, &value) &&
	    value == 77;
}

static bool
refused_signed(const char *text)
{
	int64_t value = -77;

	return !decimal_parse_signed((struct slice){ text, strlen(text) },
	    &value) && value == -77;
}

static void
expect_round_trip(uint64_t value)
{
	char wanted[DECIMAL_MAX + 2];

	snprintf(wanted, sizeof wanted, "%" PRIu64, value);
	EXPECT_TEXT(formatted(value), wanted);
	EXPECT(parses(wanted, value));
	if (value <= INT64_MAX)
		EXPECT(parses_signed(wanted, (int64_t)value));
}

static void
every_number_of_up_to_four_digits_makes_the_round_trip(void)
{
	for (uint64_t value = 0; value <= 10000; value++)
		expect_round_trip(value);
}

static void
powers_of_ten_and_their_neighbours_make_the_round_trip(void)
{
	uint64_t power = 1;

	for (int digits = 1; digits <= DECIMAL_MAX; digits++, power *= 10) {
		expect_round_trip(power - 1);
		expect_round_trip(power);
		expect_round_trip(power + 1);
	}
}

static void
powers_of_two_and_their_neighbours_make_the_round_trip(void)
{
	for (int bit = 0; bit < 64; bit++) {
		expect_round_trip(((uint64_t)1 << bit) - 1);
		expect_round_trip((uint64_t)1 << bit);
	}
	expect_round_trip(UINT64_MAX);
	expect_round_trip(UINT64_MAX - 1);
}

static void
random_numbers_of_every_length_make_the_round_trip(void)
{
	struct random random = { 1 };

	for (int i = 0; i < 20000; i++) {
		uint64_t value = random_next(&random);

		expect_round_trip(value >> random_below(&random, 64));
	}
}

static void
a_number_is_formatted_without_a_nul_or_a_byte_more(void)
{
	char room[DECIMAL_MAX + 1];

	memset(room, '#', sizeof room);
	EXPECT_EQUAL(decimal_format(room, 907), 3);
	EXPECT(memcmp(room, "907##", 5) == 0);
	EXPECT_EQUAL(decimal_format(room, UINT64_MAX), DECIMAL_MAX);
	EXPECT(memcmp(room, "18446744073709551615#", sizeof room) == 0);
}

static void
what_does_not_fit_64_bits_is_refused(void)
{
	EXPECT(parses("18446744073709551615", UINT64_MAX));
	EXPECT(refused("18446744073709551616"));
	EXPECT(refused("18446744073709551620"));
	EXPECT(refused("18446744073709551700"));
	EXPECT(refused("20000000000000000000"));
	EXPECT(refused("99999999999999999999"));
	EXPECT(refused("100000000000000000000"));
	EXPECT(refused("999999999999999999999999999999"));
}

static void
what_is_not_all_digits_is_refused(void)
{
	static const char *const texts[] = {
		"", "-", "+", "-1", "+1", " 1", "1 ", "1x", "x", "0x1", "1.5",
		"1e3", "1\r", "/", ":", "1/", "1:", "\xb1", "1\xff",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!EXPECT(refused(texts[i])))
			printf("# the text was \"%s\"\n", texts[i]);
}

static void
a_nul_is_a_byte_like_another_and_no_end(void)
{
	uint64_t value;

	EXPECT(!decimal_parse(SLICE("1\0"), &value));
	EXPECT(!decimal_parse(SLICE("\0" "1"), &value));
}

static void
only_the_slice_is_read(void)
{
	uint64_t value;
	int64_t number;

	EXPECT(decimal_parse((struct slice){ "1234", 2 }, &value));
	EXPECT_EQUAL(value, 12);
	EXPECT(decimal_parse_signed((struct slice){ "-1234", 3 }, &number));
	EXPECT_EQUAL(number, -12);
	EXPECT(!decimal_parse_signed((struct slice){ "-1", 1 }, &number));
	EXPECT(!decimal_parse((struct slice){ NULL, 0 }, &value));
	EXPECT(!decimal_parse_signed((struct slice){ NULL, 0 }, &number));
}

static void
leading_zeros_are_fine(void)
{
	EXPECT(parses("00", 0));
	EXPECT(parses("007", 7));
	EXPECT(parses("00000000000000000001", 1));
	EXPECT(parses_signed("-007", -7));
}

static void
signed_numbers_go_from_the_least_to_the_greatest(void)
{
	EXPECT(parses_signed("0", 0));
	EXPECT(parses_signed("-0", 0));
	EXPECT(parses_signed("-1", -1));
	EXPECT(parses_signed("9223372036854775807", INT64_MAX));
	EXPECT(parses_signed("-9223372036854775807", -INT64_MAX));
	EXPECT(parses_signed("-9223372036854775808", INT64_MIN));
}

static void
signed_numbers_beyond_either_end_are_refused(void)
{
	EXPECT(refused_signed("9223372036854775808"));
	EXPECT(refused_signed("-9223372036854775809"));
	EXPECT(refused_signed("18446744073709551615"));
	EXPECT(refused_signed("-18446744073709551615"));
	EXPECT(refused_signed("-18446744073709551616"));
}

static void
a_signed_number_has_one_minus_in_front(void)
{
	EXPECT(refused_signed(""));
	EXPECT(refused_signed("-"));
	EXPECT(refused_signed("--1"));
	EXPECT(refused_signed("+1"));
	EXPECT(refused_signed("-+1"));
	EXPECT(refused_signed("- 1"));
	EXPECT(refused_signed("1-"));
}

static void
slices_are_equal_when_their_bytes_are(void)
{
	char copy[] = "abc";

	EXPECT(slice_equal(SLICE("abc"), (struct slice){ copy, 3 }));
	EXPECT(!slice_equal(SLICE("abc"), SLICE("abd")));
	EXPECT(!slice_equal(SLICE("abc"), SLICE("ab")));
	EXPECT(!slice_equal(SLICE("a\0b"), SLICE("a\0c")));
	EXPECT(slice_equal(SLICE(""), (struct slice){ NULL, 0 }));
}

int
main(void)
{
	RUN(every_number_of_up_to_four_digits_makes_the_round_trip);
	RUN(powers_of_ten_and_their_neighbours_make_the_round_trip);
	RUN(powers_of_two_and_their_neighbours_make_the_round_trip);
	RUN(random_numbers_of_every_length_make_the_round_trip);
	RUN(a_number_is_formatted_without_a_nul_or_a_byte_more);
	RUN(what_does_not_fit_64_bits_is_refused);
	RUN(what_is_not_all_digits_is_refused);
	RUN(a_nul_is_a_byte_like_another_and_no_end);
	RUN(only_the_slice_is_read);
	RUN(leading_zeros_are_fine);
	RUN(signed_numbers_go_from_the_least_to_the_greatest);
	RUN(signed_numbers_beyond_either_end_are_refused);
	RUN(a_signed_number_has_one_minus_in_front);
	RUN(slices_are_equal_when_their_bytes_are);
	return tap_done();
}
