/* SPDX-License-Identifier: BSD-3-Clause */
/* sha1.c - see sha1.h. */
#include "base/sha1.h"

#include <stdint.h>
#include <string.h>

#define BLOCK		64
#define STATE		5

static uint32_t
rotated(uint32_t word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

static uint32_t
read_word(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
	    (uint32_t)at[2] << 8 | at[3];
}

/* The function and the constant of round t. */
static uint32_t
mixed(unsigned t, uint32_t b, uint32_t c, uint32_t d)
{
	if (t < 20)
		return ((b & c) | (~b & d)) + 0x5a827999;
	if (t < 40)
		return (b ^ c ^ d) + 0x6ed9eba1;
	if (t < 60)
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	return (b ^ c ^ d) + 0xca62c1d6;
}

static void
take_block(uint32_t state[STATE], const unsigned char *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], next, words[80];

	for (unsigned t = 0; t < 16; t++)
		words[t] = read_word(block + 4 * t);
	for (unsigned t = 16; t < 80; t++)
		words[t] = rotated(words[t - 3] ^ words[t - 8] ^
		    words[t - 14] ^ words[t - 16], 1);
	for (unsigned t = 0; t < 80; t++) {
		next = rotated(a, 5) + mixed(t, b, c, d) + e + words[t];
		e = d;
		d = c;
		c = rotated(b, 30);
		b = a;
		a = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

/* What is left of the bytes, a bit, zeros, and how many bits there were. */
static void
take_end(uint32_t state[STATE], const unsigned char *rest, size_t left,
    uint64_t bits)
{
	unsigned char blocks[2 * BLOCK] = { 0 };
	size_t length = left + 9 > BLOCK ? 2 * BLOCK : BLOCK;

	if (left > 0)
		memcpy(blocks, rest, left);
	blocks[left] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		blocks[length - 1 - i] = (unsigned char)(bits >> 8 * i);
	for (size_t at = 0; at < length; at += BLOCK)
		take_block(state, blocks + at);
}

void
sha1_digits(const void *bytes, size_t length, char digits[SHA1_DIGITS + 1])
{
	uint32_t state[STATE] = {
		0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0,
	};
	const unsigned char *at = bytes;
	size_t left = length;

	for (; left >= BLOCK; left -= BLOCK, at += BLOCK)
		take_block(state, at);
	take_end(state, at, left, (uint64_t)length * 8);
	for (unsigned i = 0; i < SHA1_DIGITS; i++)
		digits[i] = "0123456789abcdef"[state[i / 8] >>
		    (28 - i % 8 * 4) & 15];
	digits[SHA1_DIGITS] = '\0';
}
