/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * t/sha1.c - SHA-1, by the examples of FIPS 180 and by lengths around the ends
 * of blocks.
 */
#include <stdlib.h>

#include "base/sha1.h"
#include "tap.h"

static char digits[SHA1_DIGITS + 1];

static const char *
of(const char *text)
{
	sha1_digits(text, strlen(text), digits);
	return digits;
}

static const char *
of_many(size_t count)
{
	char *bytes = malloc(count);

	memset(bytes, 'a', count);
	sha1_digits(bytes, count, digits);
	free(bytes);
	return digits;
}

static void
examples_have_their_digests(void)
{
	EXPECT_TEXT(of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	EXPECT_TEXT(of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
	EXPECT_TEXT(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnop"
	    "nopq"), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	EXPECT_TEXT(of_many(1000000),
	    "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void
lengths_around_the_ends_of_blocks_are_right(void)
{
	EXPECT_TEXT(of_many(55),
	    "c1c8bbdc22796e28c0e15163d20899b65621d65a");
	EXPECT_TEXT(of_many(56),
	    "c2db330f6083854c99d4b5bfb6e8f29f201be699");
	EXPECT_TEXT(of_many(63),
	    "03f09f5b158a7a8cdad920bddc29b81c18a551f5");
	EXPECT_TEXT(of_many(64),
	    "0098ba824b5c16427bd7a1122a5a442a25ec644d");
	EXPECT_TEXT(of_many(65),
	    "11655326c708d70319be2610e8a57d9a5b959d3b");
	EXPECT_TEXT(of_many(119),
	    "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56");
	EXPECT_TEXT(of_many(120),
	    "f34c1488385346a55709ba056ddd08280dd4c6d6");
}

int
main(void)
{
	RUN(examples_have_their_digests);
	RUN(lengths_around_the_ends_of_blocks_are_right);
	return tap_done();
}
