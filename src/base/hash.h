/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hash.h - the one hash of a key, taken once per request.
 *
 * XXH3 (libxxhash), inlined: keys are short, a call would cost as much as
 * the hash. Seeded per process, so that nobody can prepare keys that collide.
 * The low byte chooses the shard, the bits above it the index bucket, the top
 * byte is the tag (route.c and index.c).
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t
hash_bytes(uint64_t seed, const void *bytes, size_t length)
{
	return XXH3_64bits_withSeed(bytes, length, seed);
}

#endif
