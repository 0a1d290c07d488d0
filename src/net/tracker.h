/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tracker.h - a client that is told of the keys that it keeps copies of.
 *
 * What a session has agreed on with CLIENT TRACKING, and what its worker does
 * with the letters of shard/tracking.h: it pushes them to the client, or sends
 * them on to another connection that the client has named.
 */
#ifndef NET_TRACKER_H
#define NET_TRACKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/output.h"
#include "shard/tracking.h"

struct conn_env;
struct session;
struct session_call;

enum tracker_mode {
	TRACKER_ON = 1,
	TRACKER_BCAST = 2,	/* keys by their prefixes, read or not */
	TRACKER_OPTIN = 4,	/* keys of calls after CLIENT CACHING YES */
	TRACKER_OPTOUT = 8,	/* or all but those after CLIENT CACHING NO */
	TRACKER_NOLOOP = 16,	/* but not what it changes itself */
	TRACKER_BROKEN = 32,	/* who it redirects to is not there */
};

/* The prefixes of one client may have so many bytes. */
#define TRACKER_PREFIX_BYTES	((size_t)64 << 10)

struct tracker {
	_Atomic unsigned	 modes;		/* others' to read, as is */
	_Atomic uint64_t	 redirect;	/* a client, 0: it is told */
	bool			 caching;	/* CLIENT CACHING was called */
	bool			 target;	/* of a redirection */
	char			*prefixes;	/* each with its length before,
						   in the order of bytes */
	size_t			 prefix_bytes;
};

/* Does the client track keys? */
static inline bool
tracker_is_on(const struct tracker *tracker)
{
	return tracker->modes & TRACKER_ON;
}

/* The prefix at `*at`, which goes on to the next; 0 begins. False: no more. */
bool	tracker_prefix(const struct tracker *, size_t *at, struct slice *);

/* Track from now on so; it may do so already. */
void	tracker_begin(struct session *, unsigned modes, uint64_t redirect);

/*
 * A prefix more, which does not overlap with others. False: too many, or out
 * of memory.
 */
bool	tracker_add_prefix(struct session *, struct slice);

void	tracker_end(struct session *);

/*
 * A turn is a visit of shards for a call of a client that tracks keys. Its
 * reply is put together apart, as it is known only when the shards have been
 * entered what goes before it.
 */
struct tracker_turn {
	struct tracking_reader	 reader;
	struct output		*output;	/* of the call; NULL: the client
						   tracks no keys */
	struct output		 apart;
};

/* Begin a turn. Returns what the visit is to have as its reader. */
struct tracking_reader *tracker_begin_turn(struct session_call *,
	    struct tracker_turn *);

/* One of several calls of a turn is next. */
void	tracker_next(struct session_call *, struct tracking_reader *);

/* The shards are left: tell what goes before the reply, then that. */
void	tracker_end_turn(struct session_call *, struct tracker_turn *);

/* The call is over: what it has changed itself is told behind its reply. */
void	tracker_called(struct session_call *);

/* See struct letter: what a worker does with one, whose context it is. */
void	tracker_open_letter(struct letter *, void *env);

/* Letters were lost: tell all clients of a worker that all keys are gone. */
void	tracker_tell_all(struct conn_env *);

#endif
