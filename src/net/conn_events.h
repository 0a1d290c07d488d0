/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn_events.h - what happens to connections, in lines for those who watch.
 */
#ifndef NET_CONN_EVENTS_H
#define NET_CONN_EVENTS_H

#include "net/origin.h"
#include "shard/watch.h"

enum conn_reason {
	CONN_NORMAL,		/* the client left */
	CONN_ERROR,		/* it is broken, or no client of ours */
	CONN_IDLE,		/* it was silent for too long */
	CONN_SHUTDOWN,		/* the server ends */
};

/* The connection that a line is about. */
struct conn_place {
	int				 fd;
	const struct origin		*origin;
	const struct origin_peer	*peer;
};

/* These hand over the line at once, if anybody wants it. */
void	conn_events_opened(struct journal *, const struct conn_place *);
void	conn_events_closed(struct journal *, const struct conn_place *,
	    enum conn_reason);

/* Note the line that `input` begins with, a command, if it is text. */
void	conn_events_command(struct journal *, struct slice input);

#endif
