/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.c - see bytes.h. */
#include "base/bytes.h"

static const char digit_pairs[] =
    "00010203040506070809" "10111213141516171819"
    "20212223242526272829" "30313233343536373839"
    "40414243444546474849" "50515253545556575859"
    "60616263646566676869" "70717273747576777879"
    "80818283848586878889" "90919293949596979899";

size_t
decimal_length(uint64_t value)
{
	static const uint64_t least[DECIMAL_MAX] = {
		0, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000, 100000000000,
		1000000000000, 10000000000000, 100000000000000,
		1000000000000000, 10000000000000000, 100000000000000000,
		1000000000000000000, 10000000000000000000U,
	};
	unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
	size_t count = bits * 1233 >> 12;	/* log10(2) = 1233 / 4096 */

	return count + (count < DECIMAL_MAX && value >= least[count]);
}

size_t
decimal_format(char *out, uint64_t value)
{
	size_t length = decimal_length(value);
	char *at = out + length;

	while (value >= 100) {
		at -= 2;
		memcpy(at, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10)
		memcpy(at - 2, digit_pairs + value * 2, 2);
	else
		at[-1] = (char)('0' + value);
	return length;
}

/* One digit more. False: it is none, or `*sum` would be out of range. */
static bool
add_digit(uint64_t *sum, char c)
{
	unsigned digit = (unsigned char)c - '0';

	return digit <= 9 && !__builtin_mul_overflow(*sum, 10, sum) &&
	    !__builtin_add_overflow(*sum, digit, sum);
}

bool
decimal_parse(struct slice text, uint64_t *value)
{
	uint64_t sum = 0;
	size_t i = 0;

	if (text.length == 0 || text.length > DECIMAL_MAX)
		return false;
	/* None but the last of 20 digits can be too much. */
	for (; i < text.length && i < DECIMAL_MAX - 1; i++) {
		unsigned digit = (unsigned char)text.bytes[i] - '0';

		if (digit > 9)
			return false;
		sum = sum * 10 + digit;
	}
	if (i < text.length && !add_digit(&sum, text.bytes[i]))
		return false;
	*value = sum;
	return true;
}

bool
decimal_parse_signed(struct slice text, int64_t *value)
{
	bool negative = text.length > 0 && text.bytes[0] == '-';
	uint64_t magnitude;

	if (negative) {
		text.bytes++;
		text.length--;
	}
	if (!decimal_parse(text, &magnitude))
		return false;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*value = (int64_t)(negative ? 0 - magnitude : magnitude);
	return true;
}
