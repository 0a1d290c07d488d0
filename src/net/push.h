/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * push.h - what a connection is told without having asked.
 *
 * Pushes wait behind the connection, in the order in which they came, until
 * they do not cut into anything: one that is served gets them between two
 * replies; others when the worker has told all that there was to tell, each in
 * one write. All of it is the worker's thread's.
 */
#ifndef NET_PUSH_H
#define NET_PUSH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct evbuffer;
struct output;

/* A client that does not take its pushes is closed when it is so far behind. */
#define PUSH_MAX	((size_t)32 << 20)

/* The connections of a worker that have pushes to send. */
struct pushes {
	struct push_end	*first, *last;
};

/* A connection's end of it. Zeros but for the first two are one. */
struct push_end {
	struct pushes	*pushes;
	void		*conn;		/* whose it is */
	struct evbuffer	*waiting;	/* NULL: there never was anything */
	size_t		 behind;	/* bytes since the peer had them all */
	bool		 failed;	/* too far behind, or out of memory */
	bool		 listed;
	struct push_end	*next, *prev;
};

void	push_close(struct push_end *);

/* Add to what waits. */
void	push_bytes(struct push_end *, struct slice);

/*
 * The same without a copy: `release` is called with the bytes, later or at
 * once.
 */
void	push_reference(struct push_end *, struct slice,
	    void (*release)(const void *, size_t, void *), void *context);

static inline bool
push_waits(const struct push_end *end)
{
	return end->listed;
}

/* Move what waits to the end of an output, or of an evbuffer. */
void	push_to_output(struct push_end *, struct output *);
void	push_to_buffer(struct push_end *, struct evbuffer *);

#endif
