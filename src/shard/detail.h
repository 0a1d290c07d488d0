/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * detail.h - statistics by prefix, over all the shards of a router.
 *
 * Off they cost one look at a pointer per request, and no memory before they
 * are first turned on. Any thread that has entered no shard may call these.
 */
#ifndef SHARD_DETAIL_H
#define SHARD_DETAIL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/prefix.h"
#include "shard/route.h"

struct detail {
	struct router		*router;
	char			 delimiter;
	pthread_mutex_t		 lock;		/* of what follows */
	bool			 on;
	struct prefix_names	*names;		/* NULL: never turned on */
	struct prefix_table	*tables;	/* one for each shard */
};

void	detail_open(struct detail *, struct router *, char delimiter);

/* The shards are used no more. */
void	detail_close(struct detail *);

/* Count from now on, or do not; what was counted is kept. -1: no memory. */
int	detail_set(struct detail *, bool on, int64_t now);
bool	detail_is_on(struct detail *);

/* Forget what was counted, prefixes included. */
void	detail_clear(struct detail *, int64_t now);

/* Call `visit` for each prefix. */
void	detail_dump(struct detail *, int64_t now, void (*visit)(void *context,
	    struct slice prefix, const struct prefix_count *), void *context);

struct detail_usage {
	uint64_t	prefixes;
	uint64_t	refused;	/* requests of prefixes too many */
};

void	detail_usage(struct detail *, int64_t now, struct detail_usage *);

#endif
