/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bytes.h - borrowed byte ranges, and numbers in decimal and big-endian.
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

/*
 * Two short runs of bytes of one length: compared and copied by words, which
 * may overlap, without a call.
 */

static inline bool
bytes_equal(const char *a, const char *b, size_t length)
{
	uint64_t x, y;
	size_t at = 0;

	if (length < sizeof x) {
		for (; at < length; at++)
			if (a[at] != b[at])
				return false;
		return true;
	}
	for (; at + sizeof x < length; at += sizeof x) {
		memcpy(&x, a + at, sizeof x);
		memcpy(&y, b + at, sizeof y);
		if (x != y)
			return false;
	}
	memcpy(&x, a + length - sizeof x, sizeof x);
	memcpy(&y, b + length - sizeof y, sizeof y);
	return x == y;
}

/* Up to 16 bytes of them; what is longer is copied by memcpy(3). */
static inline void
bytes_copy(char *to, const char *from, size_t length)
{
	uint64_t head, tail;

	if (length < sizeof head || length > 2 * sizeof head) {
		memcpy(to, from, length);
		return;
	}
	memcpy(&head, from, sizeof head);
	memcpy(&tail, from + length - sizeof tail, sizeof tail);
	memcpy(to, &head, sizeof head);
	memcpy(to + length - sizeof tail, &tail, sizeof tail);
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
 * Read the decimal number that ends at `end` and has 1 to 8 digits; the eight
 * bytes before `end` are read. False: there is another byte among them.
 */
static inline bool
decimal_parse_short(const char *end, size_t digits, uint64_t *value)
{
	const uint64_t ones = 0x0101010101010101;
	const uint64_t quarters = 0x000000ff000000ff;
	uint64_t word;

	memcpy(&word, end - sizeof word, sizeof word);
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		word = __builtin_bswap64(word);
	/* Each digit's value in its byte, the last one on top. */
	word = (word ^ ones * '0') & UINT64_MAX << 8 * (sizeof word - digits);
	if (((word + ones * (0x80 - 10)) | word) & ones * 0x80)
		return false;
	/* Pairs, then fours, then all eight. */
	word = word * 10 + (word >> 8);
	*value = ((word & quarters) * (1000000 * 0x100000000 + 100) +
	    (word >> 16 & quarters) * (10000 * 0x100000000 + 1)) >> 32;
	return true;
}

/* Does a number have just so many digits, 1 to 8? */
static inline bool
decimal_has_length(uint64_t value, size_t digits)
{
	static const uint32_t least[] = {
		0, 0, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000,
	};

	return value >= least[digits] && value < least[digits + 1];
}

/* Rewrite a number that ends at `end` as one with as many digits. */
static inline void
decimal_change(char *end, uint64_t from, uint64_t to)
{
	uint64_t last = (uint64_t)(end[-1] - '0') + (to - from);

	if (last < 10)
		end[-1] = (char)('0' + last);
	else for (; from != to; from /= 10, to /= 10)
		*--end = (char)('0' + to % 10);
}

/*
 * Read a whole slice as a decimal number: digits only, for the signed form
 * with an optional '-' in front. False: empty, another byte, or out of range;
 * `*value` is untouched then.
 */
bool	decimal_parse(struct slice, uint64_t *value);
bool	decimal_parse_signed(struct slice, int64_t *value);

/* The bits of a number in the other order. */
static inline uint64_t
bits_reverse(uint64_t x)
{
	x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
	x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
	x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
	return __builtin_bswap64(x);
}

/* Numbers in network byte order, at any address. */
static inline uint16_t
big_read16(const char *at)
{
	const unsigned char *byte = (const unsigned char *)at;

	return (uint16_t)(byte[0] << 8 | byte[1]);
}

static inline uint32_t
big_read32(const char *at)
{
	return (uint32_t)big_read16(at) << 16 | big_read16(at + 2);
}

static inline uint64_t
big_read64(const char *at)
{
	return (uint64_t)big_read32(at) << 32 | big_read32(at + 4);
}

/* These return the address behind the number. */
static inline char *
big_write16(char *at, uint16_t number)
{
	at[0] = (char)(number >> 8);
	at[1] = (char)number;
	return at + 2;
}

static inline char *
big_write32(char *at, uint32_t number)
{
	return big_write16(big_write16(at, (uint16_t)(number >> 16)),
	    (uint16_t)number);
}

static inline char *
big_write64(char *at, uint64_t number)
{
	return big_write32(big_write32(at, (uint32_t)(number >> 32)),
	    (uint32_t)number);
}

#endif
