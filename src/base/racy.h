/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * racy.h - reading what another thread may be writing.
 *
 * What was read means nothing until the reader has made sure that nobody
 * wrote meanwhile (store_peek()). A function that does so is marked RACY, so
 * that the thread sanitizer, which cannot know that, leaves it alone. The
 * loads are volatile: each happens once, where it stands.
 */
#ifndef BASE_RACY_H
#define BASE_RACY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RACY	__attribute__((no_sanitize("thread")))

/* Of any alignment and type. */
struct racy_word {
	uint64_t	word;
} __attribute__((packed, may_alias));

struct racy_half {
	uint32_t	half;
} __attribute__((packed, may_alias));

RACY static inline uint64_t
racy_word(const void *from)
{
	return ((const volatile struct racy_word *)from)->word;
}

RACY static inline uint32_t
racy_half(const void *from)
{
	return ((const volatile struct racy_half *)from)->half;
}

RACY static inline void
racy_copy(char *to, const char *from, size_t length)
{
	size_t at = 0;

	if (length < sizeof(uint64_t)) {
		for (; at < length; at++)
			to[at] = *(const volatile char *)(from + at);
		return;
	}
	for (; at + sizeof(uint64_t) < length; at += sizeof(uint64_t))
		((struct racy_word *)(void *)(to + at))->word =
		    racy_word(from + at);
	/* The last eight bytes, which may overlap. */
	at = length - sizeof(uint64_t);
	((struct racy_word *)(void *)(to + at))->word = racy_word(from + at);
}

RACY static inline bool
racy_equal(const char *a, const char *b, size_t length)
{
	size_t at = 0;

	if (length < sizeof(uint64_t)) {
		for (; at < length; at++)
			if (*(const volatile char *)(a + at) != b[at])
				return false;
		return true;
	}
	for (; at + sizeof(uint64_t) < length; at += sizeof(uint64_t))
		if (racy_word(a + at) != racy_word(b + at))
			return false;
	at = length - sizeof(uint64_t);
	return racy_word(a + at) == racy_word(b + at);
}

#endif
