/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * evict.h - which item has to go. Private to src/store/.
 */
#ifndef STORE_EVICT_H
#define STORE_EVICT_H

#include <stdbool.h>
#include <stdint.h>

struct store;

/*
 * Make room so that slab_alloc() of the class may succeed. False: nothing
 * can be evicted, all is pinned or the store is empty.
 */
bool	evict_for_class(struct store *, unsigned class);

/* Empty one page, of any class, so that it is released. */
bool	evict_page(struct store *);

#endif
