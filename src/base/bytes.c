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
decimal_format(char *out, uint64_t value)
{
	char digits[DECIMAL_MAX];
	char *at = digits + sizeof digits;
	size_t length;

	while (value >= 100) {
		at -= 2;
		memcpy(at, digit_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		at -= 2;
		memcpy(at, digit_pairs + value * 2, 2);
	} else {
		*--at = (char)('0' + value);
	}
	length = (size_t)(digits + sizeof digits - at);
	memcpy(out, at, length);
	return length;
}

bool
decimal_parse(struct slice text, uint64_t *value)
{
	uint64_t sum = 0;

	if (text.length == 0 || text.length > DECIMAL_MAX)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		unsigned digit = (unsigned char)text.bytes[i] - '0';

		if (digit > 9)
			return false;
		if (sum > UINT64_MAX / 10 ||
		    (sum == UINT64_MAX / 10 && digit > UINT64_MAX % 10))
			return false;
		sum = sum * 10 + digit;
	}
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
