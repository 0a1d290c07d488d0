/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listing.h - every key, told a slice at a time: lru_crawler metadump, mgdump.
 */
#ifndef SERVER_LISTING_H
#define SERVER_LISTING_H

#include "server/admin.h"

/*
 * Whatever looks at all items has to enter, and to leave when it is done.
 * False: too many do already.
 */
bool	listing_enter(struct admin *);
void	listing_leave(struct admin *);

/* Can a memcached client name this key? The others are not listed. */
bool	listing_shows(const struct route_entry *);

/*
 * Read "all", or numbers of slab classes with commas between them. What is
 * not STATUS_OK is the answer.
 */
enum status listing_classes(struct slice,
	    bool classes[STORE_CLASSES_MAX + 1]);

/*
 * Carry out `lru_crawler metadump|mgdump all|hash|<classes>`. A listing that
 * begins is the reply's source; STATUS_ERROR: these are other words.
 */
void	listing_serve(struct admin *, const struct request *,
	    struct reply *);

#endif
