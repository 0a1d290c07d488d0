/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * value.h - where the bytes of a value lie: behind the key, or in pieces.
 * Private to src/store/.
 */
#ifndef STORE_VALUE_H
#define STORE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "store/item.h"

struct iovec;
struct store;

/*
 * The number of pieces that an item has, 0: its value is behind the key; of a
 * hash, how many segments.
 */
uint32_t value_pieces(const struct store *, const struct item *);

/* The number of pieces that a large value of `length` bytes takes. */
uint32_t value_pieces_for(const struct store *, size_t length);

/* The number of bytes of such a value that are in piece `n`. */
size_t	value_piece_size(const struct store *, size_t length, uint32_t n);

/* Free the pieces of an item, if it has any. */
void	value_free(struct store *, uint32_t handle);

/* Count a pin on, or off, every page that holds a part of an item. */
void	value_pin_pages(struct store *, uint32_t handle, int change);

/* See store_parts(). */
unsigned value_parts(const struct store *, uint32_t handle, uint32_t first,
	    struct iovec *, unsigned count);

/* Copy bytes, or another item's value, to `offset` of an item's value. */
void	value_write(struct store *, uint32_t handle, size_t offset,
	    struct slice from);
void	value_copy(struct store *, uint32_t to, size_t offset, uint32_t from);

#endif
