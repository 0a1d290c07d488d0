/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages.h - how many pages a class has: which one gives, which one gets, and
 * how a page is emptied. Private to src/store/.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* A page that is being emptied. */
struct emptying {
	uint32_t	page;		/* SLAB_NO_PAGE: none */
	uint32_t	chunk;		/* the next to look at */
	unsigned	class;		/* to get it, or SLAB_NO_CLASS */
	uint64_t	emptied;	/* chunks, by all calls so far */
	bool		asked;		/* by store_move_page() */
	uint32_t	requests;	/* since classes were compared */
	uint32_t	every;		/* so many they are */
	double		ratio;		/* how eager pages move, about 1 */
};

void	pages_open(struct emptying *);

/* See store_set_automove() and store_move_page(). */
void	pages_automove(struct store *, enum store_automove, double ratio);
enum store_move pages_move(struct store *, int from, int to);

/* Allow the pages that the limit leaves beside index and ghosts. */
void	pages_fit(struct store *);

/* How many free pages are kept for classes without. */
uint32_t pages_spare(const struct store *);

/* Is there a free page besides the spare one? */
bool	pages_free(const struct store *);

/* Give a class a free page, the spare one if need be. False: there is none. */
bool	pages_grow(struct store *, unsigned class);

/* Free a page, however long that takes. It is kept, whatever the limit is. */
bool	pages_empty_one(struct store *);

/*
 * A request was served: at times a step of moving a page is due. True: items
 * may have moved or gone.
 */
bool	pages_step(struct store *);

/*
 * Begin to empty a page if more are held than the limit leaves, or if there
 * is none spare; but not one that item `stored` is on, if not 0.
 */
void	pages_balance(struct store *, uint32_t stored);

/*
 * Housekeeping: go on with emptying a page, looking at no more than `budget`
 * chunks. True: there is more to do.
 */
bool	pages_slice(struct store *, unsigned budget);

#endif
