/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * segments.h - the pieces of a large hash. Private to src/store/.
 *
 * See segments.c for how the fields are spread over them. A hash is named by
 * the handle of its item, which moves when the list of its segments has to
 * grow: then `*hash` is set. What is said to change nothing when memory is
 * short leaves the hash as it was.
 */
#ifndef STORE_SEGMENTS_H
#define STORE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/pieces.h"

/* The hash of a field's name. */
uint64_t segments_hash(const struct store *, struct slice field);

/* Which of `count` segments has the fields of a hash. */
uint32_t segments_number(uint64_t hash, uint32_t count);

/* How many low bits of that the fields of a segment have in common. */
unsigned segments_bits(uint32_t number, uint32_t count);

/* The entries of segment `number`. */
struct slice segments_entries(const struct store *, uint32_t hash,
	    uint32_t number);

/* The number of the segment that a chunk is, of a hash. */
uint32_t segments_number_of(const struct store *, uint32_t chunk);

/* What another item for a hash takes over. */
struct segments_like {
	struct store_key	key;	/* without its hash */
	int64_t			expiry;
	unsigned		fields;	/* ITEM_CAS, ITEM_FADING */
	unsigned		state;	/* heat and marks */
};

struct segments_like segments_like(const struct store *, uint32_t handle);

/*
 * A large hash of one segment with these entries, detached. What they, and
 * `like`, are borrowed from is held. 0: no memory.
 */
uint32_t segments_open(struct store *, const struct segments_like *like,
	    struct slice entries);

/*
 * Let segment `number` have room for `length` bytes. False: no memory, nothing
 * has changed.
 */
bool	segments_reserve(struct store *, uint32_t hash, uint32_t number,
	    size_t length);

/* Its entries have been written; there are as many bytes of them now. */
void	segments_resized(struct store *, uint32_t hash, uint32_t number,
	    uint32_t length);

/* Entries were taken out of a segment: a smaller chunk may do. */
void	segments_tighten(struct store *, uint32_t hash, uint32_t number);

/*
 * The hash has grown or shrunk: have more or fewer segments, if need be. When
 * there is no memory it stays as it is.
 */
void	segments_adapt(struct store *, uint32_t *hash);

/* Have fewer, as far as that takes no memory. */
void	segments_shrink(struct store *, uint32_t hash);

/* Call `visit` for each piece; a segment comes after what it refers to. */
void	segments_each(struct store *, uint32_t hash, pieces_visit *,
	    void *context);

/* Move a piece, or the item, to another chunk of its class. */
void	segments_move(struct store *, uint32_t chunk, uint32_t to);

/* Does the hash, which is sound, have this piece of its own? */
bool	segments_know(const struct store *, uint32_t hash, uint32_t piece);

/* Are all pieces there, and nothing else in them? */
bool	segments_are_sound(const struct store *, uint32_t hash);

/*
 * A detached copy, even in another store. The hash, and what `like` is
 * borrowed from, are held. 0: no memory.
 */
uint32_t segments_copy(struct store *, uint32_t hash, struct store *to,
	    const struct segments_like *like);

#endif
