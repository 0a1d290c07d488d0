/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * siphash.h - SipHash-2-4 with 128 bits: a digest that nobody can foresee
 * who does not know the key. For secrets; hash.h is faster.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY	16
#define SIPHASH_DIGEST	16

void	siphash(const uint8_t key[SIPHASH_KEY], const void *bytes,
	    size_t length, uint8_t digest[SIPHASH_DIGEST]);

#endif
