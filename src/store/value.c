/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * value.c - see value.h.
 *
 * A value too long for half a page is cut into pieces: as many whole pages
 * as it fills, then at most two chunks for the rest, so that the waste stays
 * below a class step. The head is an item like any other, with the handles
 * of the pieces where the value would be. Pieces need not be neighbours, so
 * storing one never fails for want of a long free range.
 *
 *   head  | header, expiry, cas | key | handle handle handle |
 *   piece | header: owner = head | up to page - 8 bytes of value |
 */
#include "store/value.h"

#include <sys/uio.h>

#include "base/check.h"
#include "store/segments.h"
#include "store/state.h"

/*
 * The pieces of a value of `length` bytes: `full` of a whole page, then one
 * or two for the rest.
 */
struct cut {
	size_t		full_bytes, half_bytes;	/* that such a piece holds */
	uint32_t	full, count;
	size_t		rest;			/* after the full ones */
};

static struct cut
cut_value(const struct store *store, size_t length)
{
	struct cut cut = {
		.full_bytes = slab_chunk_max(&store->slab) - ITEM_HEADER,
		.half_bytes = slab_single_max(&store->slab) - ITEM_HEADER,
	};

	cut.full = (uint32_t)(length / cut.full_bytes);
	cut.rest = length % cut.full_bytes;
	cut.count = cut.full + (cut.rest > 0) + (cut.rest > cut.half_bytes);
	return cut;
}

/* Bytes of value in piece `n`. */
static size_t
cut_piece(const struct cut *cut, uint32_t n)
{
	if (n < cut->full)
		return cut->full_bytes;
	if (cut->rest <= cut->half_bytes)
		return cut->rest;
	return n == cut->full ? cut->half_bytes : cut->rest - cut->half_bytes;
}

uint32_t
value_pieces_for(const struct store *store, size_t length)
{
	return cut_value(store, length).count;
}

size_t
value_piece_size(const struct store *store, size_t length, uint32_t n)
{
	struct cut cut = cut_value(store, length);

	return cut_piece(&cut, n);
}

uint32_t
value_pieces(const struct store *store, const struct item *item)
{
	if (!(item->fields & ITEM_LARGE))
		return 0;
	return item->fields & ITEM_HASH ? item_trunk(item).count :
	    value_pieces_for(store, item->length);
}

static void
pin_page(struct store *store, uint32_t hash, uint32_t piece, void *change)
{
	(void)hash;
	store->slab.pages[slab_page_of(&store->slab, piece)].pinned +=
	    (uint32_t)*(const int *)change;
}

void
value_pin_pages(struct store *store, uint32_t handle, int change)
{
	struct slab *slab = &store->slab;
	const struct item *item = slab_item(slab, handle);
	uint32_t pieces;

	slab->pages[slab_page_of(slab, handle)].pinned += (uint32_t)change;
	if (!(item->fields & ITEM_LARGE))
		return;
	if (item->fields & ITEM_HASH) {
		segments_each(store, handle, pin_page, &change);
		return;
	}
	pieces = value_pieces(store, item);
	for (uint32_t n = 0; n < pieces; n++)
		if (item_piece(item, n) != 0)
			slab->pages[slab_page_of(slab, item_piece(item,
			    n))].pinned += (uint32_t)change;
}

static void
free_piece(struct store *store, uint32_t hash, uint32_t piece, void *context)
{
	(void)hash;
	(void)context;
	slab_free(&store->slab, piece);
}

void
value_free(struct store *store, uint32_t handle)
{
	const struct item *item = slab_item(&store->slab, handle);
	uint32_t pieces = value_pieces(store, item);

	if (pieces > 0 && item->fields & ITEM_HASH) {
		segments_each(store, handle, free_piece, NULL);
		return;
	}
	for (uint32_t n = 0; n < pieces; n++)
		if (item_piece(item, n) != 0)
			slab_free(&store->slab, item_piece(item, n));
}

unsigned
value_parts(const struct store *store, uint32_t handle, uint32_t first,
    struct iovec *parts, unsigned count)
{
	const struct item *item = slab_item(&store->slab, handle);
	struct cut cut;
	unsigned n = 0;

	if (!(item->fields & ITEM_LARGE)) {
		if (first > 0 || count == 0)
			return 0;
		parts[0] = (struct iovec){ item_value(item), item->length };
		return 1;
	}
	cut = cut_value(store, item->length);
	for (; n < count && first + n < cut.count; n++) {
		uint32_t piece = item_piece(item, first + n);

		parts[n].iov_base = (char *)slab_item(&store->slab, piece) +
		    ITEM_HEADER;
		parts[n].iov_len = cut_piece(&cut, first + n);
	}
	return n;
}

void
value_write(struct store *store, uint32_t handle, size_t offset,
    struct slice from)
{
	struct iovec part;

	for (uint32_t n = 0; from.length > 0 &&
	    value_parts(store, handle, n, &part, 1) == 1; n++) {
		size_t length = part.iov_len;

		if (offset >= length) {
			offset -= length;
			continue;
		}
		length -= offset;
		if (length > from.length)
			length = from.length;
		memcpy((char *)part.iov_base + offset, from.bytes, length);
		from.bytes += length;
		from.length -= length;
		offset = 0;
	}
	CHECK(from.length == 0);
}

void
value_copy(struct store *store, uint32_t to, size_t offset, uint32_t from)
{
	struct iovec part;

	for (uint32_t n = 0; value_parts(store, from, n, &part, 1) == 1;
	    n++) {
		value_write(store, to, offset,
		    (struct slice){ part.iov_base, part.iov_len });
		offset += part.iov_len;
	}
}
