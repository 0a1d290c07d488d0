/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.h - who is told what happens, while it happens.
 *
 * A watcher is a source of output: lines about the kinds of events that it
 * wants. What happens in a worker's thread goes into the journal of that
 * worker first, as lines; at the end of a pass it is handed to the watchers,
 * each of which has a ring of bytes. What there is no room for is lost, and
 * the watcher is told how much that was. So nobody who makes events waits for
 * somebody who reads them.
 *
 *   worker ── journal ──┐            ┌── ring ── watcher's connection
 *   worker ── journal ──┴─ hub lock ─┴── ring ── watcher's connection
 */
#ifndef SHARD_WATCH_H
#define SHARD_WATCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/source.h"

/* Kinds of events, one bit each. */
enum watch_kind {
	WATCH_FETCHERS = 1,
	WATCH_MUTATIONS = 2,
	WATCH_EVICTIONS = 4,
	WATCH_CONNEVENTS = 8,
	WATCH_DELETIONS = 16,
	WATCH_RAWCMDS = 32,
	WATCH_SYSEVENTS = 64,
};

/* Watchers at a time. */
#define WATCH_MAX	20

/* Room that a line may use behind its time and number. */
#define WATCH_LINE_MAX	1536

struct watcher;

/* Read by any thread. */
struct watch_counts {
	_Atomic uint64_t	dropped;	/* lines that no journal took */
	_Atomic uint64_t	written;	/* lines of all journals */
	_Atomic uint64_t	skipped;	/* lines that a ring had no room for */
	_Atomic uint64_t	sent;		/* lines that a ring took */
	_Atomic unsigned	watchers;	/* now */
};

struct watch_hub {
	/* The kinds that anybody wants; written seldom, read by every pass. */
	_Alignas(64) _Atomic unsigned	 wanted;
	const struct clock		*clock;
	size_t				 journal_size;	/* bytes */
	size_t				 ring_size;	/* bytes */
	_Alignas(64) _Atomic uint64_t	 number;	/* of the last event */
	struct watch_counts		 counts;
	pthread_mutex_t			 lock;
	struct watcher			*first;		/* behind the lock */
};

/* The sizes of journals and rings are in bytes; 4 KB if they are smaller. */
void	watch_open(struct watch_hub *, const struct clock *,
	    size_t journal_size, size_t ring_size);

/* Nobody watches any more, and no journal is open. */
void	watch_close(struct watch_hub *);

static inline unsigned
watch_wanted(const struct watch_hub *hub)
{
	return atomic_load_explicit(&hub->wanted, memory_order_relaxed);
}

enum watch_result { WATCH_OK, WATCH_TOO_MANY, WATCH_NO_MEMORY };

/* Watch from now on, until `*source` is closed. */
enum watch_result watch_begin(struct watch_hub *, unsigned kinds,
	    struct source **source);

/* What happened in one thread, which is the only one to use it. */
struct journal {
	struct watch_hub	*hub;
	unsigned		 wanted;	/* see journal_refresh() */
	int			 fd;		/* of the client that is served */
	char			*lines;		/* NULL: nothing so far */
	size_t			 length;
};

void	journal_open(struct journal *, struct watch_hub *);
void	journal_close(struct journal *);

/* Look what is wanted now. */
static inline void
journal_refresh(struct journal *journal)
{
	journal->wanted = watch_wanted(journal->hub);
}

/*
 * Begin the line of an event that is wanted. Returns where to go on, with
 * WATCH_LINE_MAX bytes of room; NULL: there is no memory.
 */
char	*journal_begin(struct journal *);

/* The line is written up to `end`; its newline is not. */
void	journal_end(struct journal *, enum watch_kind, char *end);

/* Hand all lines to the watchers. */
void	journal_deliver(struct journal *);

#endif
