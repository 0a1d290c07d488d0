/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * item.h - how an item lies in its chunk. Private to src/store/.
 *
 *   offset  size  field
 *   0       4     length       of the value in bytes (of a free chunk: the
 *                              next free one; of a piece: its owner)
 *   4       1     key_length   its low 8 bits (of a piece: is it the first?)
 *   5       1     fields       which optional fields follow; ITEM_LARGE,
 *                              ITEM_HASH
 *   6       1     state        chunk kind, heat, what clients agreed on
 *   7       1     pins         readers that hold the value; 0 most of the time
 *   8       0|6   expiry       unix time in ms, 0 = never
 *   ..      0|8   cas          unique per write; assigned when first asked for
 *   ..      0|4   accessed     unix time in s of the last read or write,
 *                              where the store keeps track of it
 *   ..      0|4   flags        of the client, when not 0
 *   ..      0|2   wide         of a key that is longer than 255 bytes or in a
 *                              space that is not 0: the high 8 bits of its
 *                              length, and the space
 *   ..            key
 *   ..            value        or, when ITEM_LARGE, 4-byte handles of pieces;
 *                              of a hash, see fields.c
 *
 * An item carries what it uses: 8 bytes when it has no optional field. Items
 * of ITEM_FULL_SIZE bytes and more always carry expiry and cas, so that a
 * pinned item never has to change its shape.
 *
 * Handles are 32 bits: the offset of a chunk in the shard's address range,
 * divided by 8. Handle 0 names nothing (the first page is never used). There
 * are no pointers and no list links in an item.
 */
#ifndef STORE_ITEM_H
#define STORE_ITEM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

/* The unit of handles and of chunk sizes. */
#define ITEM_UNIT		8
#define ITEM_FULL_SIZE		1024
#define ITEM_KEY_MAX		UINT16_MAX
#define ITEM_PINS_MAX		UINT8_MAX

enum item_fields {
	ITEM_EXPIRY = 1,
	ITEM_CAS = 2,
	ITEM_FLAGS = 4,
	ITEM_ACCESSED = 8,
	ITEM_WIDE = 16,
	ITEM_LARGE = 32,
	ITEM_HASH = 64,		/* the value is fields with values */
	ITEM_FADING = 128,	/* a hash: fields of it may expire */
	ITEM_NEW = 256,		/* never in an item: there was none before */
};

/* Kinds of chunk, in the low bits of `state`. */
enum item_kind {
	ITEM_FREE,
	ITEM_LINKED,		/* in the index */
	ITEM_DETACHED,		/* not in the index, held by a pin or draft */
	ITEM_PIECE,		/* part of a large value */
	ITEM_KIND_MASK = 3,
};

#define ITEM_HEAT_ONE		4	/* two bits: hits since the hand came */
#define ITEM_HEAT_MASK		12
#define ITEM_FETCHED		16	/* was read since it was stored */
#define ITEM_STALE		32	/* a client said it is out of date */
#define ITEM_TOKEN_SENT		64	/* a client was told to renew it */
#define ITEM_MARKS		112	/* these three */

struct item {
	uint32_t	length;
	uint8_t		key_length;
	uint8_t		fields;
	uint8_t		state;
	uint8_t		pins;
};

#define ITEM_HEADER	sizeof(struct item)

/* Bytes of the optional fields, by the low bits of `fields`. */
static inline size_t
item_fields_size(unsigned fields)
{
	static const uint8_t size[32] = {
		0, 6, 8, 14, 4, 10, 12, 18, 4, 10, 12, 18, 8, 14, 16, 22,
		2, 8, 10, 16, 6, 12, 14, 20, 6, 12, 14, 20, 10, 16, 18, 24,
	};

	return size[fields & 31];
}

static inline enum item_kind
item_kind(const struct item *item)
{
	return (enum item_kind)(item->state & ITEM_KIND_MASK);
}

static inline void
item_set_kind(struct item *item, enum item_kind kind)
{
	item->state = (uint8_t)((item->state & ~ITEM_KIND_MASK) | kind);
}

static inline char *
item_key(const struct item *item)
{
	return (char *)item + ITEM_HEADER + item_fields_size(item->fields);
}

/* The two bytes before a wide key: high bits of its length, space. */
static inline uint8_t *
item_wide(const struct item *item)
{
	return (uint8_t *)item_key(item) - 2;
}

static inline void
item_set_wide(struct item *item, size_t key_length, unsigned space)
{
	item_wide(item)[0] = (uint8_t)(key_length >> 8);
	item_wide(item)[1] = (uint8_t)space;
}

static inline size_t
item_key_length(const struct item *item)
{
	if (!(item->fields & ITEM_WIDE))
		return item->key_length;
	return item->key_length | (size_t)item_wide(item)[0] << 8;
}

static inline unsigned
item_space(const struct item *item)
{
	return item->fields & ITEM_WIDE ? item_wide(item)[1] : 0;
}

/* ITEM_WIDE if a key wants it, else 0. */
static inline unsigned
item_wide_for(size_t key_length, unsigned space)
{
	return key_length > UINT8_MAX || space != 0 ? ITEM_WIDE : 0;
}

static inline bool
item_has_key(const struct item *item, const char *key, size_t length,
    unsigned space)
{
	if (item->key_length != (uint8_t)length ||
	    (item->fields & ITEM_WIDE) != item_wide_for(length, space))
		return false;
	if (item->fields & ITEM_WIDE &&
	    (item_wide(item)[0] != length >> 8 ||
	    item_wide(item)[1] != space))
		return false;
	return bytes_equal(item_key(item), key, length);
}

/* Of an item that is not large: where its value is. */
static inline char *
item_value(const struct item *item)
{
	return item_key(item) + item_key_length(item);
}

/* Bytes of header, optional fields and key. */
static inline size_t
item_head_size(unsigned fields, size_t key_length)
{
	return ITEM_HEADER + item_fields_size(fields) + key_length;
}

/* What the item counts for in `bytes`. */
static inline size_t
item_bytes(const struct item *item)
{
	return item_head_size(item->fields, item_key_length(item)) +
	    item->length;
}

/* What a large hash has before the handles of its pieces, see segments.c. */
struct item_trunk {
	uint32_t	count;		/* of pieces: segments */
	uint32_t	fields;		/* in them */
	uint32_t	inside;		/* bytes of these */
};

static inline struct item_trunk
item_trunk(const struct item *item)
{
	struct item_trunk trunk;

	memcpy(&trunk, item_value(item), sizeof trunk);
	return trunk;
}

static inline void
item_set_trunk(struct item *item, struct item_trunk trunk)
{
	memcpy(item_value(item), &trunk, sizeof trunk);
}

/* Of a large item: where the handle of piece number `n` is. */
static inline char *
item_piece_at(const struct item *item, uint32_t n)
{
	return item_value(item) + n * sizeof(uint32_t) +
	    (item->fields & ITEM_HASH ? sizeof(struct item_trunk) : 0);
}

static inline uint32_t
item_piece(const struct item *item, uint32_t n)
{
	uint32_t handle;

	memcpy(&handle, item_piece_at(item, n), sizeof handle);
	return handle;
}

static inline void
item_set_piece(struct item *item, uint32_t n, uint32_t handle)
{
	memcpy(item_piece_at(item, n), &handle, sizeof handle);
}

/* Unix time in ms, 0 = never. */
static inline int64_t
item_expiry(const struct item *item)
{
	uint32_t low;
	uint16_t high;

	if (!(item->fields & ITEM_EXPIRY))
		return 0;
	memcpy(&low, (const char *)item + ITEM_HEADER, 4);
	memcpy(&high, (const char *)item + ITEM_HEADER + 4, 2);
	return (int64_t)high << 32 | low;
}

static inline void
item_set_expiry(struct item *item, int64_t expiry)
{
	uint32_t low = (uint32_t)expiry;
	uint16_t high = (uint16_t)(expiry >> 32);

	memcpy((char *)item + ITEM_HEADER, &low, 4);
	memcpy((char *)item + ITEM_HEADER + 4, &high, 2);
}

static inline uint64_t
item_cas(const struct item *item)
{
	uint64_t cas;

	if (!(item->fields & ITEM_CAS))
		return 0;
	memcpy(&cas, (const char *)item + ITEM_HEADER +
	    item_fields_size(item->fields & ITEM_EXPIRY), sizeof cas);
	return cas;
}

static inline void
item_set_cas(struct item *item, uint64_t cas)
{
	memcpy((char *)item + ITEM_HEADER +
	    item_fields_size(item->fields & ITEM_EXPIRY), &cas, sizeof cas);
}

/* Where the last access is noted, before the client's flags. */
static inline char *
item_accessed_at(const struct item *item)
{
	return item_key(item) - (item->fields & ITEM_FLAGS ? 8 : 4) -
	    (item->fields & ITEM_WIDE ? 2 : 0);
}

/* Unix time in s, 0 = nobody keeps track of it. */
static inline uint32_t
item_accessed(const struct item *item)
{
	uint32_t seconds;

	if (!(item->fields & ITEM_ACCESSED))
		return 0;
	memcpy(&seconds, item_accessed_at(item), sizeof seconds);
	return seconds;
}

static inline void
item_set_accessed(struct item *item, int64_t now)
{
	uint32_t seconds = (uint32_t)(now / 1000);

	memcpy(item_accessed_at(item), &seconds, sizeof seconds);
}

static inline char *
item_flags_at(const struct item *item)
{
	return item_key(item) - (item->fields & ITEM_WIDE ? 6 : 4);
}

static inline uint32_t
item_flags(const struct item *item)
{
	uint32_t flags;

	if (!(item->fields & ITEM_FLAGS))
		return 0;
	memcpy(&flags, item_flags_at(item), sizeof flags);
	return flags;
}

static inline void
item_set_flags(struct item *item, uint32_t flags)
{
	memcpy(item_flags_at(item), &flags, sizeof flags);
}

static inline bool
item_expired(const struct item *item, int64_t now)
{
	int64_t expiry = item_expiry(item);

	return expiry != 0 && expiry <= now;
}

/* Make the item one degree hotter; the hottest is not written to. */
static inline void
item_heat(struct item *item)
{
	if ((item->state & ITEM_HEAT_MASK) != ITEM_HEAT_MASK)
		item->state += ITEM_HEAT_ONE;
}

#endif
