/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * segments.c - see segments.h.
 *
 * Linear hashing (Litwin 1980). The fields are spread over segments by the
 * low bits of their hash; each is a chunk of its own, of the class that fits:
 *
 *   item     | header, expiry, cas | key | trunk | handle handle handle |
 *   segment  | header: owner = item | number | bytes | entries (packed.c) |
 *
 * As the hash grows, segment after segment is split in two, of which the new
 * one is the last; as it shrinks, the last one joins the one that it came
 * from. So there are as many as the bytes of the entries want, each handle
 * is there once, and what a call reads and writes is one segment, however
 * many fields there are. The list of handles gets half as much room again when
 * it is full, and may have SEGMENTS_MAX; beyond that segments become longer.
 *
 * A long value, which would make each of its neighbours slow to change, has
 * pieces of its own, of which its entry has the handles (pieces.c).
 */
#include "store/segments.h"

#include "base/check.h"
#include "base/hash.h"
#include "store/counts.h"
#include "store/expiry.h"
#include "store/items.h"
#include "store/packed.h"
#include "store/pieces.h"
#include "store/state.h"

/*
 * Bytes of entries per segment: when there are more on the average one is
 * split, and a quarter of it brings two together.
 */
#define SEGMENT_BYTES	1024
#define MERGE_PART	4

/* A segment that fills less than this part of such a chunk gets another. */
#define LOOSE_ROOM	256
#define LOOSE_PART	4

/* A list of 256 KB; freeing what it names takes some milliseconds. */
#define SEGMENTS_MAX	65536

/* Handles that a list has room for at first. */
#define LIST_FIRST	4

/* Splits or merges that one call makes up for. */
#define ADAPT_STEPS	4

/* Not the hash that chooses the shard and the bucket. */
#define HASH_STEP	0x6a09e667f3bcc909

static struct item *
item_at(const struct store *store, uint32_t handle)
{
	return slab_item(&store->slab, handle);
}

static size_t
chunk_room(const struct store *store, uint32_t handle)
{
	return slab_class_of(&store->slab, handle)->chunk_size;
}

uint64_t
segments_hash(const struct store *store, struct slice field)
{
	return hash_bytes(store->config.hash_seed ^ HASH_STEP, field.bytes,
	    field.length);
}

/* The highest power of two up to a number that is not 0. */
static uint32_t
power_below(uint32_t number)
{
	return (uint32_t)1 << (31 - __builtin_clz(number));
}

unsigned
segments_bits(uint32_t number, uint32_t count)
{
	uint32_t power = power_below(count);
	unsigned bits = (unsigned)__builtin_ctz(power);

	/* Those that were split in this round, and what came of them. */
	return number >= power || number + power < count ? bits + 1 : bits;
}

uint32_t
segments_number(uint64_t hash, uint32_t count)
{
	uint32_t power = power_below(count);
	uint32_t number = (uint32_t)hash & (2 * power - 1);

	return number < count ? number : number & (power - 1);
}

struct slice
segments_entries(const struct store *store, uint32_t hash, uint32_t number)
{
	return piece_slice(store, item_piece(item_at(store, hash), number));
}

uint32_t
segments_number_of(const struct store *store, uint32_t chunk)
{
	return piece_at(store, chunk)->number;
}

/* A quarter more than is needed now. */
static size_t
generous(const struct store *store, size_t length)
{
	size_t most = pieces_single_max(store);

	length += length / 4;
	return length < most ? length : most;
}

void
segments_each(struct store *store, uint32_t hash, pieces_visit *visit,
    void *context)
{
	const struct item *item = item_at(store, hash);
	uint32_t count = item_trunk(item).count;
	bool apart = pieces_are_apart(item);

	for (uint32_t n = 0; n < count; n++) {
		if (apart)
			pieces_each_apart(store, hash,
			    segments_entries(store, hash, n), visit, context);
		visit(store, hash, item_piece(item, n), context);
	}
}

static void
set_owner(struct store *store, uint32_t hash, uint32_t piece, void *context)
{
	(void)context;
	piece_at(store, piece)->item.length = hash;
}

/* Handles that there is room for in the item's chunk. */
static uint32_t
list_room(const struct store *store, uint32_t hash)
{
	const struct item *item = item_at(store, hash);
	size_t room = chunk_room(store, hash) - (size_t)(item_piece_at(item,
	    0) - (const char *)item);

	return (uint32_t)(room / sizeof(uint32_t));
}

struct segments_like
segments_like(const struct store *store, uint32_t handle)
{
	const struct item *item = item_at(store, handle);

	return (struct segments_like){
		.key = {
			item_key(item), item_key_length(item), 0,
			store->index.spaces.in_key[item_space(item)],
		},
		.expiry = item_expiry(item),
		.fields = item->fields & (ITEM_CAS | ITEM_FADING),
		.state = item->state & (ITEM_HEAT_MASK | ITEM_MARKS),
	};
}

/* A detached item for a hash with a list of `room` handles. 0: no memory. */
static uint32_t
new_item(struct store *store, const struct segments_like *like, uint32_t room)
{
	const struct store_key *key = &like->key;
	unsigned fields = items_fields(store, key, ITEM_FULL_SIZE, 0,
	    like->expiry, like->fields);
	size_t size = item_head_size(fields, key->length) +
	    sizeof(struct item_trunk) + room * sizeof(uint32_t);
	struct item *item;
	uint32_t handle;

	if (size > slab_single_max(&store->slab))
		return 0;
	handle = items_alloc(store, size, true);
	if (handle == 0)
		return 0;
	item = item_at(store, handle);
	item->length = 0;
	item->fields = (uint8_t)(fields | ITEM_HASH | ITEM_LARGE |
	    (like->fields & ITEM_FADING));
	item->state = (uint8_t)(ITEM_DETACHED | like->state);
	item->pins = 0;
	items_write_head(store, item, key, 0, like->expiry);
	item_set_trunk(item, (struct item_trunk){ .count = 0 });
	return handle;
}

/* Add a segment to the end of the list, which has room for it. */
static void
add_segment(struct store *store, uint32_t hash, uint32_t piece)
{
	struct item *item = item_at(store, hash);
	struct item_trunk trunk = item_trunk(item);

	item_set_piece(item, trunk.count++, piece);
	item_set_trunk(item, trunk);
}

uint32_t
segments_open(struct store *store, const struct segments_like *like,
    struct slice entries)
{
	uint32_t hash = new_item(store, like, LIST_FIRST), piece;
	struct item_trunk trunk;

	if (hash == 0)
		return 0;
	piece = pieces_new(store, hash, 0, PIECE_SEGMENT,
	    generous(store, entries.length));
	if (piece == 0) {
		slab_free(&store->slab, hash);
		return 0;
	}
	add_segment(store, hash, piece);
	trunk = item_trunk(item_at(store, hash));
	trunk.fields = packed_count(entries);
	item_set_trunk(item_at(store, hash), trunk);
	memcpy(piece_bytes(store, piece), entries.bytes, entries.length);
	segments_resized(store, hash, 0, (uint32_t)entries.length);
	return hash;
}

/* Note when the first of the entries falls due, if they may. */
static void
note_expiry(struct store *store, uint32_t hash, uint32_t piece)
{
	if (item_at(store, hash)->fields & ITEM_FADING)
		expiry_note(store, piece);
}

/* Move a segment's entries to a chunk of another class. */
static bool
rehouse(struct store *store, uint32_t hash, uint32_t number, size_t length)
{
	uint32_t old = item_piece(item_at(store, hash), number);
	uint32_t piece = pieces_new(store, hash, number, PIECE_SEGMENT, length);

	if (piece == 0)
		return false;
	piece_at(store, piece)->bytes = piece_at(store, old)->bytes;
	memcpy(piece_bytes(store, piece), piece_bytes(store, old),
	    piece_at(store, old)->bytes);
	pieces_count(store, hash, piece,
	    (int32_t)piece_at(store, piece)->bytes);
	pieces_free(store, hash, old);
	item_set_piece(item_at(store, hash), number, piece);
	note_expiry(store, hash, piece);
	return true;
}

bool
segments_reserve(struct store *store, uint32_t hash, uint32_t number,
    size_t length)
{
	uint32_t piece = item_piece(item_at(store, hash), number);

	if (piece_has_room(store, piece, length))
		return true;
	return length <= pieces_single_max(store) &&
	    rehouse(store, hash, number, generous(store, length));
}

void
segments_tighten(struct store *store, uint32_t hash, uint32_t number)
{
	uint32_t piece = item_piece(item_at(store, hash), number);
	size_t room = chunk_room(store, piece);

	if (room > LOOSE_ROOM && piece_at(store, piece)->bytes <
	    room / LOOSE_PART)
		rehouse(store, hash, number, generous(store,
		    piece_at(store, piece)->bytes));
}

void
segments_resized(struct store *store, uint32_t hash, uint32_t number,
    uint32_t length)
{
	struct item *item = item_at(store, hash);
	struct item_trunk trunk = item_trunk(item);
	uint32_t piece = item_piece(item, number);
	uint32_t more = length - piece_at(store, piece)->bytes;

	piece_at(store, piece)->bytes = length;
	trunk.inside += more;
	item->length += more;
	item_set_trunk(item, trunk);
	pieces_count(store, hash, piece, (int32_t)more);
}

/* Room for one more handle. False: there is none, nothing has changed. */
static bool
grow_list(struct store *store, uint32_t *hash)
{
	const struct item *item = item_at(store, *hash);
	struct segments_like like = segments_like(store, *hash);
	uint32_t count = item_trunk(item).count, to;

	if (count < list_room(store, *hash))
		return true;
	if (count >= SEGMENTS_MAX)
		return false;
	items_hold(store, *hash);
	to = new_item(store, &like, count + count / 2 + 1);
	items_release(store, *hash);
	if (to == 0)
		return false;
	memcpy(item_value(item_at(store, to)), item_value(item),
	    sizeof(struct item_trunk) + count * sizeof(uint32_t));
	item_at(store, to)->length = item->length;
	segments_each(store, to, set_owner, NULL);
	items_replace(store, *hash, to);
	*hash = to;
	return true;
}

/* Bytes of the entries that go to another segment when there are `count`. */
static size_t
leaving(const struct store *store, struct slice entries, uint32_t from,
    uint32_t count)
{
	struct packed_entry entry;
	uint32_t at = 0;
	size_t bytes = 0;

	while (packed_next(entries, &at, &entry))
		if (segments_number(segments_hash(store, entry.field),
		    count) != from)
			bytes += entry.size;
	return bytes;
}

/* Take them out, one behind the other to `to`. Returns what is left. */
static uint32_t
take_leaving(const struct store *store, char *bytes, uint32_t length,
    uint32_t from, uint32_t count, char *to)
{
	struct slice entries = { bytes, length };
	struct packed_entry entry;
	uint32_t at = 0;
	char *stay = bytes;

	while (packed_next(entries, &at, &entry)) {
		bool leaves = segments_number(segments_hash(store,
		    entry.field), count) != from;
		char **end = leaves ? &to : &stay;

		memmove(*end, bytes + entry.at, entry.size);
		*end += entry.size;
	}
	return (uint32_t)(stay - bytes);
}

/* Have one segment more. False: no memory. */
static bool
split(struct store *store, uint32_t *hash)
{
	uint32_t number, from, piece, left;
	struct slice entries;
	size_t moved;

	if (!grow_list(store, hash))
		return false;
	number = item_trunk(item_at(store, *hash)).count;
	from = number - power_below(number);
	entries = segments_entries(store, *hash, from);
	moved = leaving(store, entries, from, number + 1);
	piece = pieces_new(store, *hash, number, PIECE_SEGMENT,
	    generous(store, moved));
	if (piece == 0)
		return false;
	left = take_leaving(store, piece_bytes(store,
	    item_piece(item_at(store, *hash), from)),
	    (uint32_t)entries.length, from, number + 1,
	    piece_bytes(store, piece));
	add_segment(store, *hash, piece);
	segments_resized(store, *hash, from, left);
	segments_resized(store, *hash, number, (uint32_t)moved);
	if (pieces_are_apart(item_at(store, *hash)))
		pieces_renumber(store, segments_entries(store, *hash, number),
		    number);
	note_expiry(store, *hash, piece);
	return true;
}

/*
 * Have one segment less; `in_place`: without taking memory. False: there is
 * none for it.
 */
static bool
merge(struct store *store, uint32_t hash, bool in_place)
{
	struct item *item = item_at(store, hash);
	struct item_trunk trunk = item_trunk(item);
	uint32_t last = trunk.count - 1, into = last - power_below(last);
	uint32_t piece = item_piece(item, last);
	struct slice more = segments_entries(store, hash, last);
	struct slice entries = segments_entries(store, hash, into);

	size_t length = entries.length + more.length;

	if (in_place ? !piece_has_room(store, item_piece(item, into), length) :
	    !segments_reserve(store, hash, into, length))
		return false;
	memcpy(piece_bytes(store, item_piece(item, into)) + entries.length,
	    more.bytes, more.length);
	if (pieces_are_apart(item))
		pieces_renumber(store, more, into);
	segments_resized(store, hash, last, 0);
	segments_resized(store, hash, into, (uint32_t)length);
	slab_free(&store->slab, piece);
	trunk = item_trunk(item);
	trunk.count--;
	item_set_trunk(item, trunk);
	note_expiry(store, hash, item_piece(item, into));
	return true;
}

/* Are there more segments than the entries are worth? */
static bool
is_sparse(struct item_trunk trunk)
{
	return trunk.count > 1 && trunk.inside <
	    (uint64_t)trunk.count * SEGMENT_BYTES / MERGE_PART;
}

void
segments_adapt(struct store *store, uint32_t *hash)
{
	for (unsigned n = 0; n < ADAPT_STEPS; n++) {
		struct item_trunk trunk = item_trunk(item_at(store, *hash));
		uint64_t wanted = (uint64_t)trunk.count * SEGMENT_BYTES;

		if (trunk.inside > wanted) {
			if (!split(store, hash))
				return;
		} else if (!is_sparse(trunk) || !merge(store, *hash, false)) {
			return;
		}
	}
}

void
segments_shrink(struct store *store, uint32_t hash)
{
	while (is_sparse(item_trunk(item_at(store, hash))) &&
	    merge(store, hash, true))
		;
}

/* Who refers to a piece is told that it lies elsewhere. */
static void
refer_to(struct store *store, uint32_t piece, uint32_t to)
{
	uint32_t hash = piece_at(store, to)->item.length;
	uint32_t number = piece_at(store, to)->number;

	if (piece_at(store, to)->item.fields == PIECE_SEGMENT) {
		item_set_piece(item_at(store, hash), number, to);
		return;
	}
	pieces_refer(segments_entries(store, hash, number), piece, to);
}

void
segments_move(struct store *store, uint32_t chunk, uint32_t to)
{
	const struct item *item = item_at(store, chunk);

	if (item_kind(item) == ITEM_PIECE) {
		memcpy(piece_at(store, to), item, sizeof(struct piece) +
		    piece_at(store, chunk)->bytes);
		refer_to(store, chunk, to);
	} else {
		memcpy(item_at(store, to), item, (size_t)(item_piece_at(item,
		    item_trunk(item).count) - (const char *)item));
		segments_each(store, to, set_owner, NULL);
	}
}

/* Copy a segment with all that belongs to it. False: no memory. */
static bool
copy_segment(struct store *store, uint32_t hash, uint32_t number,
    struct store *to, uint32_t copy)
{
	struct slice entries = segments_entries(store, hash, number);
	uint32_t piece = pieces_new(to, copy, number, PIECE_SEGMENT,
	    entries.length);

	if (piece == 0)
		return false;
	memcpy(piece_bytes(to, piece), entries.bytes, entries.length);
	add_segment(to, copy, piece);
	segments_resized(to, copy, number, (uint32_t)entries.length);
	return !pieces_are_apart(item_at(store, hash)) ||
	    pieces_copy_apart(store, entries, to, copy, number);
}

uint32_t
segments_copy(struct store *store, uint32_t hash, struct store *to,
    const struct segments_like *like)
{
	struct item_trunk trunk = item_trunk(item_at(store, hash));
	uint32_t copy = new_item(to, like, trunk.count), fields = trunk.fields;

	if (copy == 0)
		return 0;
	for (uint32_t n = 0; n < trunk.count; n++)
		if (!copy_segment(store, hash, n, to, copy)) {
			items_free(to, copy);
			return 0;
		}
	trunk = item_trunk(item_at(to, copy));
	trunk.fields = fields;
	item_set_trunk(item_at(to, copy), trunk);
	return copy;
}

/* Is the chunk a segment of the hash, with entries that belong there? */
static bool
is_segment(const struct store *store, uint32_t hash, uint32_t number)
{
	uint32_t handle = item_piece(item_at(store, hash), number), at = 0;
	uint32_t count = item_trunk(item_at(store, hash)).count;
	const struct piece *piece = piece_at(store, handle);
	struct packed_entry entry;

	if (!slab_is_chunk(&store->slab, handle) ||
	    item_kind(&piece->item) != ITEM_PIECE ||
	    piece->item.fields != PIECE_SEGMENT ||
	    piece->item.length != hash || piece->number != number ||
	    !piece_has_room(store, handle, piece->bytes) ||
	    !packed_is_sound(piece_slice(store, handle)))
		return false;
	while (packed_next(piece_slice(store, handle), &at, &entry))
		if (segments_number(segments_hash(store, entry.field),
		    count) != number)
			return false;
	return true;
}

bool
segments_are_sound(const struct store *store, uint32_t hash)
{
	const struct item *item = item_at(store, hash);
	struct item_trunk trunk = item_trunk(item);
	size_t inside = 0, all = 0, fields = 0, apart;

	if (trunk.count == 0 || trunk.count > list_room(store, hash))
		return false;
	for (uint32_t n = 0; n < trunk.count; n++) {
		struct slice entries;

		if (!is_segment(store, hash, n))
			return false;
		entries = segments_entries(store, hash, n);
		if (!pieces_are_sound(store, hash, n, entries, &apart))
			return false;
		inside += entries.length;
		all += entries.length + apart;
		fields += packed_count(entries);
	}
	return inside == trunk.inside && all == item->length &&
	    fields == trunk.fields && fields > 0;
}

bool
segments_know(const struct store *store, uint32_t hash, uint32_t piece)
{
	uint32_t number = piece_at(store, piece)->number;
	const struct item *item = item_at(store, hash);

	if (number >= item_trunk(item).count)
		return false;
	return item_piece(item, number) == piece ||
	    pieces_find(segments_entries(store, hash, number), piece) != NULL;
}
