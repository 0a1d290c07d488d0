/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.h - output that goes on after the request that asked for it.
 *
 * A request can be answered with a source: a listing of all keys, or lines
 * about what happens from now on. The connection that it was given to asks it
 * for a slice whenever the peer has taken what came before, and owns it until
 * it is closed. So a slow peer makes it wait, and nothing piles up.
 */
#ifndef BASE_SOURCE_H
#define BASE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

struct output;

enum source_state {
	SOURCE_MORE,	/* ask again, after others had their turn */
	SOURCE_SOON,	/* there may be more in a few milliseconds */
	SOURCE_WAIT,	/* there is nothing until source_wake() */
	SOURCE_END,	/* that was the last */
};

struct source {
	/*
	 * Add some output, some tens of kilobytes at most, within well below a
	 * millisecond.
	 */
	enum source_state	(*produce)(struct source *, struct output *);
	/* The connection has no more use for it. */
	void			(*close)(struct source *);
	/* What the client sends meanwhile: dropped, or it waits for the end. */
	bool			 deaf;
	/* Set by the connection before it asks for the first time. */
	void			(*wake)(void *context);
	void			*wake_context;
};

/* From any thread until close() is called: there is something to produce. */
static inline void
source_wake(const struct source *source)
{
	source->wake(source->wake_context);
}

#endif
