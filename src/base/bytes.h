/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bytes.h - borrowed byte ranges, and numbers in decimal.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes owned by somebody else; not NUL-terminated. */
struct slice {
	const char	*bytes;
	size_t		 length;
};

#define SLICE(literal)	((struct slice){ (literal), sizeof(literal) - 1 })

/* A text without its NUL. */
static inline struct slice
slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	return a.length == b.length &&
	    (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

/* The longest decimal uint64_t and int64_t, sign included, no NUL. */
#define DECIMAL_MAX	20

/* Digits of `value` in decimal. */
size_t	decimal_length(uint64_t value);

/*
 * Write `value` in decimal at `out`, which has DECIMAL_MAX bytes of room.
 * Returns the number of digits; writes no NUL.
 */
size_t	decimal_format(char *out, uint64_t value);

/*
 * Read a whole slice as a decimal number: digits only, for the signed form
 * with an optional '-' in front. False: empty, another byte, or out of range;
 * `*value` is untouched then.
 */
bool	decimal_parse(struct slice, uint64_t *value);
bool	decimal_parse_signed(struct slice, int64_t *value);

#endif
