/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.c - see base64.h. */
#include "base/base64.h"

#include <stdint.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(struct slice bytes, char *out)
{
	const unsigned char *in = (const unsigned char *)bytes.bytes;
	char *at = out;

	for (size_t i = 0; i < bytes.length; i += 3) {
		size_t left = bytes.length - i;
		uint32_t three = (uint32_t)in[i] << 16 |
		    (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
		    (left > 2 ? in[i + 2] : 0);

		*at++ = digits[three >> 18];
		*at++ = digits[three >> 12 & 63];
		*at++ = left > 1 ? digits[three >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[three & 63] : '=';
	}
	return (size_t)(at - out);
}

static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
base64_decode(struct slice text, char *out, size_t *length)
{
	size_t padding = 0, digits_count;
	uint32_t bits = 0;
	char *at = out;

	if (text.length % 4 != 0)
		return false;
	while (padding < 2 && padding < text.length &&
	    text.bytes[text.length - 1 - padding] == '=')
		padding++;
	digits_count = text.length - padding;
	for (size_t i = 0; i < digits_count; i++) {
		int value = digit_value(text.bytes[i]);

		if (value == -1)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 > 0)
			*at++ = (char)(bits >> (6 - 2 * (i % 4)));
	}
	*length = (size_t)(at - out);
	/* What the last character has too much is 0: one text per key. */
	return padding == 0 || (bits & (padding == 1 ? 3 : 15)) == 0;
}
