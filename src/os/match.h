/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * match.h - which of sixteen bytes equal a given one, by the CPU's means.
 *
 * The bytes are those of two words as they lie in memory. Bit n set: byte n
 * may equal `byte`. It never misses one.
 */
#ifndef OS_MATCH_H
#define OS_MATCH_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Of one word. A byte after an equal one may be named falsely (a borrow). */
static inline unsigned
os_match_word(uint64_t word, uint8_t byte)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t zero, marks;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		word = __builtin_bswap64(word);
	zero = word ^ ones * byte;
	marks = ((zero - ones) & ~zero) >> 7 & ones;
	return (unsigned)(marks * 0x0102040810204080 >> 56);
}

static inline unsigned
os_match(uint64_t first, uint64_t second, uint8_t byte)
{
#ifdef __SSE2__
	__m128i bytes = _mm_set_epi64x((long long)second, (long long)first);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes,
	    _mm_set1_epi8((char)byte)));
#else
	return os_match_word(first, byte) | os_match_word(second, byte) << 8;
#endif
}

/* The same for sixteen numbers of two bytes; it names no other. */
static inline unsigned
os_match_pairs(const uint16_t *numbers, uint16_t number)
{
#ifdef __SSE2__
	const __m128i *at = (const __m128i *)(const void *)numbers;
	__m128i wanted = _mm_set1_epi16((short)number);
	__m128i first = _mm_cmpeq_epi16(_mm_loadu_si128(at), wanted);
	__m128i second = _mm_cmpeq_epi16(_mm_loadu_si128(at + 1), wanted);

	return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(first, second));
#else
	unsigned found = 0;

	for (unsigned n = 0; n < 16; n++)
		found |= (unsigned)(numbers[n] == number) << n;
	return found;
#endif
}

#endif
