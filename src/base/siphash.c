/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * siphash.c - see siphash.h.
 *
 * Source: Jean-Philippe Aumasson and Daniel J. Bernstein, "SipHash: a fast
 * short-input PRF" (2012), with the authors' later 128-bit output.
 */
#include "base/siphash.h"

#define ROUNDS_WORD	2
#define ROUNDS_END	4

static uint64_t
rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

/* Little-endian, of `length` bytes at most 8. */
static uint64_t
read_word(const uint8_t *at, size_t length)
{
	uint64_t word = 0;

	for (size_t i = 0; i < length; i++)
		word |= (uint64_t)at[i] << 8 * i;
	return word;
}

static void
write_word(uint8_t *at, uint64_t word)
{
	for (size_t i = 0; i < 8; i++)
		at[i] = (uint8_t)(word >> 8 * i);
}

static void
mix(uint64_t v[4], unsigned rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void
add_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v, ROUNDS_WORD);
	v[0] ^= word;
}

void
siphash(const uint8_t key[SIPHASH_KEY], const void *bytes, size_t length,
    uint8_t digest[SIPHASH_DIGEST])
{
	const uint8_t *at = bytes;
	uint64_t k0 = read_word(key, 8), k1 = read_word(key + 8, 8);
	/* "somepseudorandomlygeneratedbytes"; 0xee asks for 128 bits. */
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};
	size_t left;

	for (left = length; left >= 8; left -= 8, at += 8)
		add_word(v, read_word(at, 8));
	add_word(v, read_word(at, left) | (uint64_t)length << 56);
	v[2] ^= 0xee;
	mix(v, ROUNDS_END);
	write_word(digest, v[0] ^ v[1] ^ v[2] ^ v[3]);
	v[1] ^= 0xdd;
	mix(v, ROUNDS_END);
	write_word(digest + 8, v[0] ^ v[1] ^ v[2] ^ v[3]);
}
