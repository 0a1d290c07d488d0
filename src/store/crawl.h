/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crawl.h - looking for items that are due before their time slot is over.
 * Private to src/store/.
 */
#ifndef STORE_CRAWL_H
#define STORE_CRAWL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/slab.h"

struct store;

struct crawl {
	bool		on;
	uint32_t	page, chunk;	/* where it goes on */
	/* Of each class, how many items are still to be looked at. */
	uint64_t	left[SLAB_CLASSES_MAX];
};

/*
 * Go on, looking at no more than `budget` chunks or pages. True: there is
 * more to do.
 */
bool	crawl_slice(struct store *, unsigned budget);

#endif
