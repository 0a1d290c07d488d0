/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pieces.h - the chunks that a large hash has beside its item. Private to
 * src/store/.
 *
 * A piece is a segment, with entries, or a part of a value that lies apart.
 * Each names its owner, as the pieces of large values do, and a segment.
 */
#ifndef STORE_PIECES_H
#define STORE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/slab.h"
#include "store/state.h"

/* Which kind it is, in `fields` of its header. */
enum piece_kind {
	PIECE_SEGMENT = ITEM_HASH,
	PIECE_APART = ITEM_HASH | ITEM_LARGE,
};

struct piece {
	struct item	item;
	uint32_t	number;		/* its segment's, or that which has
					   its entry */
	uint32_t	bytes;		/* that follow */
};

static inline struct piece *
piece_at(const struct store *store, uint32_t handle)
{
	return (struct piece *)(void *)slab_item(&store->slab, handle);
}

static inline char *
piece_bytes(const struct store *store, uint32_t handle)
{
	return (char *)(piece_at(store, handle) + 1);
}

static inline struct slice
piece_slice(const struct store *store, uint32_t handle)
{
	return (struct slice){
		piece_bytes(store, handle), piece_at(store, handle)->bytes,
	};
}

/* Has it room for `length` bytes? */
static inline bool
piece_has_room(const struct store *store, uint32_t handle, size_t length)
{
	return sizeof(struct piece) + length <=
	    slab_class_of(&store->slab, handle)->chunk_size;
}

/* The most bytes of a piece that shares a page with others. */
static inline size_t
pieces_single_max(const struct store *store)
{
	return slab_single_max(&store->slab) - sizeof(struct piece);
}

/* An empty piece with room for `length` bytes. 0: no memory. */
uint32_t pieces_new(struct store *, uint32_t hash, uint32_t number,
	    enum piece_kind, size_t length);

void	pieces_free(struct store *, uint32_t hash, uint32_t piece);

/* So many bytes more, or less, are in a piece now. */
void	pieces_count(struct store *, uint32_t hash, uint32_t piece,
	    int32_t more);

/*
 * A long value: `reference` is what stands in its entry instead. Returns the
 * length of that; 0: no memory.
 */
#define PIECES_REFERENCE_MAX	4096

size_t	pieces_put_apart(struct store *, uint32_t hash, uint32_t number,
	    struct slice value, char reference[PIECES_REFERENCE_MAX]);

/* Nobody refers to it any more. */
void	pieces_free_apart(struct store *, uint32_t hash,
	    struct slice reference);

/* Its length, and its part number `n`; that is empty behind the last. */
uint32_t pieces_apart_length(struct slice reference);
struct slice pieces_apart_part(const struct store *, struct slice reference,
	    uint32_t n);

/* Are there such values at all? */
static inline bool
pieces_are_apart(const struct item *item)
{
	return item->length > item_trunk(item).inside;
}

/* Call `visit` for each piece that entries refer to. */
typedef void pieces_visit(struct store *, uint32_t hash, uint32_t piece,
	    void *context);

void	pieces_each_apart(struct store *, uint32_t hash,
	    struct slice entries, pieces_visit *, void *context);

/* These entries are in segment `number` now. */
void	pieces_renumber(struct store *, struct slice entries,
	    uint32_t number);

/* Where entries have the handle of a piece. NULL: nowhere. */
char	*pieces_find(struct slice entries, uint32_t piece);

/* Entries that refer to a piece are to refer to another one. */
void	pieces_refer(struct slice entries, uint32_t piece, uint32_t to);

/*
 * Entries of another hash were copied to a segment: copy what they refer to.
 * False: no memory; then all that they refer to is their own.
 */
bool	pieces_copy_apart(const struct store *from, struct slice entries,
	    struct store *, uint32_t hash, uint32_t number);

/* Do entries refer to whole values, which are this hash's own? */
bool	pieces_are_sound(const struct store *, uint32_t hash,
	    uint32_t number, struct slice entries, size_t *bytes);

#endif
