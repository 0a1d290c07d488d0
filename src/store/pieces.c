/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pieces.c - see pieces.h.
 *
 *   piece      | header: owner = item | number of segment | bytes | ... |
 *   reference  | length | handle handle |
 *
 * A value that lies apart fills whole pages, then what fits its rest, so it
 * wastes less than a class step, as large values do.
 */
#include "store/pieces.h"

#include "base/check.h"
#include "store/counts.h"
#include "store/items.h"
#include "store/packed.h"

void
pieces_count(struct store *store, uint32_t hash, uint32_t piece,
    int32_t more)
{
	/* What is detached is counted when it is linked. */
	if (item_kind(slab_item(&store->slab, hash)) == ITEM_LINKED)
		counts_of(store, piece)->bytes += (uint64_t)(int64_t)more;
}

uint32_t
pieces_new(struct store *store, uint32_t hash, uint32_t number,
    enum piece_kind kind, size_t length)
{
	uint32_t handle;

	items_hold(store, hash);
	handle = items_alloc(store, sizeof(struct piece) + length, true);
	items_release(store, hash);
	if (handle == 0)
		return 0;
	*piece_at(store, handle) = (struct piece){
		.item = {
			.length = hash, .state = ITEM_PIECE,
			.fields = (uint8_t)kind,
			.key_length = kind == PIECE_SEGMENT && number == 0,
		},
		.number = number,
	};
	return handle;
}

void
pieces_free(struct store *store, uint32_t hash, uint32_t piece)
{
	pieces_count(store, hash, piece,
	    -(int32_t)piece_at(store, piece)->bytes);
	slab_free(&store->slab, piece);
}

uint32_t
pieces_apart_length(struct slice reference)
{
	uint32_t length;

	memcpy(&length, reference.bytes, sizeof length);
	return length;
}

/* Handle number `n`, or 0 behind the last. */
static uint32_t
get_handle(struct slice reference, uint32_t n)
{
	size_t at = (1 + (size_t)n) * sizeof(uint32_t);
	uint32_t handle;

	if (at + sizeof handle > reference.length)
		return 0;
	memcpy(&handle, reference.bytes + at, sizeof handle);
	return handle;
}

/* Where that is, to be written to. */
static char *
handle_at(struct slice reference, uint32_t n)
{
	return (char *)(uintptr_t)reference.bytes +
	    (1 + (size_t)n) * sizeof(uint32_t);
}

static void
set_handle(struct slice reference, uint32_t n, uint32_t handle)
{
	memcpy(handle_at(reference, n), &handle, sizeof handle);
}

struct slice
pieces_apart_part(const struct store *store, struct slice reference,
    uint32_t n)
{
	uint32_t handle = get_handle(reference, n);

	return handle != 0 ? piece_slice(store, handle) :
	    (struct slice){ "", 0 };
}

void
pieces_free_apart(struct store *store, uint32_t hash, struct slice reference)
{
	uint32_t handle;

	for (uint32_t n = 0; (handle = get_handle(reference, n)) != 0; n++) {
		slab_item(&store->slab, hash)->length -=
		    piece_at(store, handle)->bytes;
		pieces_free(store, hash, handle);
	}
}

/* How much of a value its next piece takes: whole pages, then what fits. */
static size_t
part_length(const struct store *store, size_t left)
{
	size_t single = pieces_single_max(store);
	size_t whole = slab_chunk_max(&store->slab) - sizeof(struct piece);

	if (left >= whole)
		return whole;
	return left < single ? left : single;
}

/* A piece with these bytes of a value. 0: no memory. */
static uint32_t
new_part(struct store *store, uint32_t hash, uint32_t number,
    struct slice part)
{
	uint32_t handle = pieces_new(store, hash, number, PIECE_APART,
	    part.length);

	if (handle == 0)
		return 0;
	memcpy(piece_bytes(store, handle), part.bytes, part.length);
	piece_at(store, handle)->bytes = (uint32_t)part.length;
	slab_item(&store->slab, hash)->length += (uint32_t)part.length;
	pieces_count(store, hash, handle, (int32_t)part.length);
	return handle;
}

size_t
pieces_put_apart(struct store *store, uint32_t hash, uint32_t number,
    struct slice value, char bytes[PIECES_REFERENCE_MAX])
{
	struct slice reference = { bytes, sizeof(uint32_t) };
	uint32_t length = (uint32_t)value.length, handle;

	memcpy(bytes, &length, sizeof length);
	for (uint32_t n = 0; value.length > 0; n++) {
		struct slice part = {
			value.bytes, part_length(store, value.length),
		};

		handle = reference.length + sizeof handle >
		    PIECES_REFERENCE_MAX ? 0 :
		    new_part(store, hash, number, part);
		if (handle == 0) {
			pieces_free_apart(store, hash, reference);
			return 0;
		}
		set_handle(reference, n, handle);
		reference.length += sizeof handle;
		value.bytes += part.length;
		value.length -= part.length;
	}
	return reference.length;
}

void
pieces_each_apart(struct store *store, uint32_t hash, struct slice entries,
    pieces_visit *visit, void *context)
{
	struct packed_entry entry;
	uint32_t at = 0, handle;

	while (packed_next(entries, &at, &entry))
		for (uint32_t n = 0; entry.outside &&
		    (handle = get_handle(entry.value, n)) != 0; n++)
			visit(store, hash, handle, context);
}

static void
set_number(struct store *store, uint32_t hash, uint32_t piece, void *number)
{
	(void)hash;
	piece_at(store, piece)->number = *(const uint32_t *)number;
}

void
pieces_renumber(struct store *store, struct slice entries, uint32_t number)
{
	pieces_each_apart(store, 0, entries, set_number, &number);
}

char *
pieces_find(struct slice entries, uint32_t piece)
{
	struct packed_entry entry;
	uint32_t at = 0, handle;

	while (packed_next(entries, &at, &entry))
		for (uint32_t n = 0; entry.outside &&
		    (handle = get_handle(entry.value, n)) != 0; n++)
			if (handle == piece)
				return handle_at(entry.value, n);
	return NULL;
}

void
pieces_refer(struct slice entries, uint32_t piece, uint32_t to)
{
	char *place = pieces_find(entries, piece);

	CHECK(place != NULL);
	memcpy(place, &to, sizeof to);
}

/* The handles are those of the hash that was copied. */
static void
forget_handles(struct slice entries)
{
	struct packed_entry entry;
	uint32_t at = 0;

	while (packed_next(entries, &at, &entry))
		for (uint32_t n = 0; entry.outside &&
		    get_handle(entry.value, n) != 0; n++)
			set_handle(entry.value, n, 0);
}

/* Copy one value. False: no memory. */
static bool
copy_value(const struct store *from, struct slice value, struct store *store,
    uint32_t hash, uint32_t number, struct slice reference)
{
	struct slice part;

	for (uint32_t n = 0; (part = pieces_apart_part(from, value,
	    n)).length > 0; n++) {
		uint32_t handle = new_part(store, hash, number, part);

		set_handle(reference, n, handle);
		if (handle == 0)
			return false;
	}
	return true;
}

bool
pieces_copy_apart(const struct store *from, struct slice entries,
    struct store *store, uint32_t hash, uint32_t number)
{
	uint32_t segment = item_piece(slab_item(&store->slab, hash), number);
	struct slice copies = piece_slice(store, segment);
	struct packed_entry entry, copy;
	uint32_t at = 0, copy_at = 0;

	forget_handles(copies);
	while (packed_next(entries, &at, &entry) &&
	    packed_next(copies, &copy_at, &copy))
		if (entry.outside && !copy_value(from, entry.value, store,
		    hash, number, copy.value))
			return false;
	return true;
}

/* The bytes in a piece that is part of a value. 0: it is not. */
static size_t
sound_part(const struct store *store, uint32_t hash, uint32_t number,
    uint32_t handle)
{
	const struct piece *piece = piece_at(store, handle);

	if (!slab_is_chunk(&store->slab, handle) ||
	    item_kind(&piece->item) != ITEM_PIECE ||
	    piece->item.fields != PIECE_APART ||
	    piece->item.length != hash || piece->number != number ||
	    !piece_has_room(store, handle, piece->bytes))
		return 0;
	return piece->bytes;
}

static bool
is_sound_value(const struct store *store, uint32_t hash, uint32_t number,
    struct slice reference)
{
	size_t sum = 0, part;

	if (reference.length <= sizeof(uint32_t) ||
	    reference.length % sizeof(uint32_t) != 0)
		return false;
	for (uint32_t n = 0; n + 1 < reference.length / sizeof(uint32_t);
	    n++) {
		part = sound_part(store, hash, number,
		    get_handle(reference, n));
		if (part == 0)
			return false;
		sum += part;
	}
	return sum == pieces_apart_length(reference);
}

bool
pieces_are_sound(const struct store *store, uint32_t hash, uint32_t number,
    struct slice entries, size_t *bytes)
{
	struct packed_entry entry;
	uint32_t at = 0;

	*bytes = 0;
	while (packed_next(entries, &at, &entry)) {
		if (!entry.outside)
			continue;
		if (!is_sound_value(store, hash, number, entry.value))
			return false;
		*bytes += pieces_apart_length(entry.value);
	}
	return true;
}
