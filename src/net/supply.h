/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * supply.h - when the source of a connection's output is asked for more.
 *
 * A supply belongs to a connection and is used by its worker's thread; only
 * the source's wake() comes from others.
 */
#ifndef NET_SUPPLY_H
#define NET_SUPPLY_H

#include <pthread.h>
#include <stdbool.h>

#include "base/source.h"
#include "net/wakeup.h"

struct event_base;
struct supply;

/* What the supplies of one worker share. */
struct supplies {
	struct event_base	*base;
	struct wakeup		 wakeup;
	pthread_mutex_t		 lock;
	struct supply		*woken;		/* behind the lock */
};

/* -1: the system gives no descriptors; there is nothing to close. */
int	supplies_open(struct supplies *, struct event_base *);
void	supplies_close(struct supplies *);

/*
 * Take over a source. `due` is called from the event loop when it is to be
 * asked; that may close the supply. NULL: no memory; the source is closed.
 */
struct supply *supply_open(struct supplies *, struct source *,
	    void (*due)(void *context), void *context);

/* Close the source as well. */
void	supply_close(struct supply *);

/* What the client sends is to be dropped. */
bool	supply_is_deaf(const struct supply *);

/* Ask the source for a few slices; returns what it said last. */
enum source_state supply_produce(struct supply *, struct output *);

/* Let `due` be called as the source has said; not SOURCE_END. */
void	supply_schedule(struct supply *, enum source_state);

#endif
