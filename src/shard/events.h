/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.h - what happens to items, in lines for those who watch.
 *
 * These are called within a shard, and only when somebody watches.
 */
#ifndef SHARD_EVENTS_H
#define SHARD_EVENTS_H

#include <stdbool.h>

#include "proto/request.h"
#include "shard/watch.h"
#include "store/store.h"

/* Kinds that are about items. */
#define EVENTS_WATCHED	(WATCH_FETCHERS | WATCH_MUTATIONS | \
			    WATCH_EVICTIONS | WATCH_DELETIONS | \
			    WATCH_SYSEVENTS)

/* The item of a request's key before the request was carried out. */
struct events_before {
	bool		found;		/* there was one, perhaps due */
	bool		due;
	unsigned	class;
	uint32_t	length;
};

/* The store is to tell what it does on its own, until events_end(). */
void	events_begin(struct journal *, struct store *);
void	events_end(struct store *);

/* Look at the item before a request; afterwards tell what has happened. */
void	events_asked(const struct store *, const struct request *,
	    struct events_before *);
void	events_answered(struct journal *, struct store *,
	    const struct request *, enum status,
	    const struct events_before *);

#endif
