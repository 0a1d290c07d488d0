/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.c - numbers to decimal digits and back; slices compared. */
#include "base/bytes.h"

#include <inttypes.h>

#include "base/random.h"
#include "os/match.h"
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

static void
short_runs_are_compared_to_the_last_byte(void)
{
	char a[40], b[40];

	for (size_t length = 0; length < sizeof a; length++) {
		memset(a, 'x', sizeof a);
		memset(b, 'x', sizeof b);
		b[length] = 'y';		/* behind the end */
		EXPECT(bytes_equal(a, b, length));
		for (size_t at = 0; at < length; at++) {
			b[at] = 'y';
			EXPECT(!bytes_equal(a, b, length));
			b[at] = 'x';
		}
	}
}

static void
short_runs_are_copied_and_not_a_byte_more(void)
{
	const char *from = "abcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t length = 0; length < 36; length++) {
		char to[40];

		memset(to, '.', sizeof to);
		bytes_copy(to + 2, from, length);
		EXPECT_EQUAL(memcmp(to + 2, from, length), 0);
		EXPECT_EQUAL(to[1], '.');
		EXPECT_EQUAL(to[2 + length], '.');
	}
}

/* Digits with something before them, read as a short number. */
static bool
parses_short(const char *text, size_t digits, uint64_t *value)
{
	return decimal_parse_short(text + strlen(text), digits, value);
}

static void
short_numbers_are_read_whatever_is_before_them(void)
{
	static const char before[] = "/:9a\xff ";
	struct random random = { 5 };

	for (unsigned n = 0; n < 20000; n++) {
		size_t digits = 1 + n % 8;
		char text[] = "????????????????";
		uint64_t value = 0, wanted = 0;

		for (size_t at = 0; at < 16; at++)
			text[at] = before[random_below(&random, 6)];
		for (size_t at = 16 - digits; at < 16; at++) {
			text[at] = (char)('0' + random_below(&random, 10));
			wanted = wanted * 10 + (uint64_t)(text[at] - '0');
		}
		EXPECT(parses_short(text, digits, &value));
		EXPECT_EQUAL(value, wanted);
	}
}

static void
a_short_number_has_nothing_but_digits(void)
{
	uint64_t value = 77;

	for (unsigned c = 1; c < 256; c++)
		for (size_t digits = 1; digits <= 8; digits++)
			for (size_t at = 0; at < digits; at++) {
				char text[] = "123456780000000";

				if (c >= '0' && c <= '9')
					continue;
				text[14 - at] = (char)c;
				EXPECT(!parses_short(text, digits, &value));
			}
	EXPECT_EQUAL(value, 77);
}

static void
a_short_number_is_known_to_have_its_length(void)
{
	uint64_t power = 1;

	for (size_t digits = 1; digits <= 8; digits++, power *= 10) {
		EXPECT(decimal_has_length(digits == 1 ? 0 : power, digits));
		EXPECT(decimal_has_length(power * 10 - 1, digits));
		EXPECT(!decimal_has_length(power * 10, digits));
		EXPECT(!decimal_has_length(UINT64_MAX, digits));
		if (digits > 1)
			EXPECT(!decimal_has_length(power - 1, digits));
	}
}

static void
a_number_is_rewritten_as_another_of_its_length(void)
{
	struct random random = { 6 };

	for (unsigned n = 0; n < 20000; n++) {
		uint64_t from = 10000 + random_below(&random, 90000);
		uint64_t to = n % 3 == 0 ? 10000 + random_below(&random,
		    90000) : from + n % 5;
		char text[DECIMAL_MAX + 1] = "";

		if (to > 99999)
			continue;
		decimal_format(text, from);
		decimal_change(text + 5, from, to);
		EXPECT(parses(text, to));
		decimal_change(text + 5, to, from);
		EXPECT(parses(text, from));
	}
}

static unsigned
match_plainly(const uint8_t *bytes, uint8_t byte)
{
	unsigned found = 0;

	for (unsigned n = 0; n < 16; n++)
		found |= (unsigned)(bytes[n] == byte) << n;
	return found;
}

/* What looks for equal bytes may name others, but misses none. */
static void
equal_bytes_are_found(void)
{
	struct random random = { 7 };

	for (unsigned n = 0; n < 20000; n++) {
		uint8_t bytes[16];
		uint64_t word[2];
		unsigned wanted, fast, slow;

		for (unsigned at = 0; at < 16; at++)
			bytes[at] = (uint8_t)(random_below(&random, 4) * 85);
		memcpy(word, bytes, sizeof word);
		wanted = match_plainly(bytes, bytes[n % 16]);
		fast = os_match(word[0], word[1], bytes[n % 16]);
		slow = os_match_word(word[0], bytes[n % 16]) |
		    os_match_word(word[1], bytes[n % 16]) << 8;
		EXPECT_EQUAL(fast & wanted, wanted);
		EXPECT_EQUAL(slow & wanted, wanted);
		EXPECT_EQUAL(slow & -slow, wanted & -wanted);
	}
}

static void
equal_numbers_are_found(void)
{
	struct random random = { 8 };

	for (unsigned n = 0; n < 20000; n++) {
		uint16_t numbers[16];
		unsigned wanted = 0;

		for (unsigned at = 0; at < 16; at++)
			numbers[at] = (uint16_t)(random_below(&random, 4) *
			    21845);
		for (unsigned at = 0; at < 16; at++)
			wanted |= (unsigned)(numbers[at] == numbers[n % 16])
			    << at;
		EXPECT_EQUAL(os_match_pairs(numbers, numbers[n % 16]),
		    wanted);
	}
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
	RUN(short_runs_are_compared_to_the_last_byte);
	RUN(short_runs_are_copied_and_not_a_byte_more);
	RUN(short_numbers_are_read_whatever_is_before_them);
	RUN(a_short_number_has_nothing_but_digits);
	RUN(a_short_number_is_known_to_have_its_length);
	RUN(a_number_is_rewritten_as_another_of_its_length);
	RUN(equal_bytes_are_found);
	RUN(equal_numbers_are_found);
	return tap_done();
}
