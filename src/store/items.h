/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * items.h - how an item leaves. Private to src/store/.
 */
#ifndef STORE_ITEMS_H
#define STORE_ITEMS_H

#include <stdint.h>

struct store;

/* The hash of an item's key. */
uint64_t items_hash(const struct store *, uint32_t handle);

/*
 * The item that chunk `handle` belongs to, if that may be unlinked now: it
 * is in the index and nobody holds it. Otherwise 0.
 */
uint32_t items_removable(const struct store *, uint32_t handle);

/*
 * Take a linked item out of the index. Its memory is free at once, or when
 * the last pin is gone.
 */
void	items_unlink(struct store *, uint32_t handle, uint64_t hash);

/* The same for an item that is in the index no longer. */
void	items_drop(struct store *, uint32_t handle);

/* Free an item that was never linked, or is not any more, with its pieces. */
void	items_free(struct store *, uint32_t handle);

#endif
