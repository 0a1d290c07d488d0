/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h - records of different sizes in one piece of memory, in the order
 * in which they were added.
 *
 *	| size | of the caller's | size | of the caller's | ...
 *
 * A record starts with a size_t, its whole size, and is aligned like one. It
 * moves when another is added. Memory is kept for the next records when it is
 * little, so that adding them again allocates nothing.
 */
#ifndef BASE_RECORDS_H
#define BASE_RECORDS_H

#include <stddef.h>

/* Zeros: there are none. */
struct records {
	char	*bytes;
	size_t	 used, room;
};

/*
 * Room for one more of that size, which is noted in it. NULL: out of memory,
 * or all of them would be larger than `most` together; the others stay.
 */
void	*records_add(struct records *, size_t size, size_t most);

/* The first one, and the one behind `record`. NULL: there is none. */
void	*records_first(const struct records *);
void	*records_next(const struct records *, const void *record);

/* There are none any more. */
void	records_clear(struct records *);
void	records_free(struct records *);

#endif
