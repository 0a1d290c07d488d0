/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * packed.h - the fields of a hash, or of a part of one, as bytes. Private to
 * src/store/.
 *
 * See packed.c for the layout. Nothing here knows where the bytes lie; room
 * for what is added is the caller's. Bytes that are not as packed.c writes
 * them end early, and are never read past their end.
 */
#ifndef STORE_PACKED_H
#define STORE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* A field with its value. */
struct packed_entry {
	uint32_t	at;		/* where it begins */
	uint32_t	size;		/* with all that belongs to it */
	struct slice	field;
	struct slice	value;
	int64_t		expiry;		/* unix ms, 0 = never */
	bool		outside;	/* the value is but a reference */
};

/* The longest field or value. */
#define PACKED_PART_MAX	(((uint32_t)1 << 31) - 1)

/* The bytes that an entry takes, by field, value and expiry. */
size_t	packed_entry_size(const struct packed_entry *);

/*
 * The entry at `*at`, which goes on to the next; 0 begins. False: that was
 * the last.
 */
bool	packed_next(struct slice, uint32_t *at, struct packed_entry *);

/* The entry of a field. False: there is none. */
bool	packed_find(struct slice, struct slice field, struct packed_entry *);

/* Are these whole entries to their end? */
bool	packed_is_sound(struct slice);

/* How many entries there are. */
uint32_t packed_count(struct slice);

/*
 * Write an entry in place of `old`, or at the end if that is NULL. What it is
 * written from does not lie in these bytes.
 */
void	packed_put(char *bytes, uint32_t *length,
	    const struct packed_entry *old, const struct packed_entry *);

/* Take an entry out. */
void	packed_delete(char *bytes, uint32_t *length,
	    const struct packed_entry *);

/* The bytes that an entry has more, or less, if it is to expire then. */
int	packed_expiry_growth(const struct packed_entry *, int64_t expiry);

/* Let an entry expire at another time, 0: never. */
void	packed_set_expiry(char *bytes, uint32_t *length,
	    const struct packed_entry *, int64_t expiry);

#endif
