/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * listener.h - sockets that accept, and hand connections to the workers.
 *
 * Belongs to main's thread and event base. A new connection goes to the
 * worker with the fewest. Above the connection limit a client is told so and
 * closed, or (not `fast`) accepting pauses until somebody leaves. When the
 * system has no descriptors left, accepting pauses for a moment, too.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "net/origin.h"
#include "net/worker.h"

struct event_base;
struct listener;

struct listener_config {
	struct event_base	*base;
	struct log		*log;
	struct worker		**workers;
	unsigned		 worker_count;
	unsigned		 conn_limit;
	bool			 fast;		/* refuse rather than pause */
	int			 backlog;
};

/* Written by main's thread, read by any. */
struct listener_counts {
	_Atomic uint64_t	accepted;
	_Atomic uint64_t	rejected;
	_Atomic uint64_t	pauses;
	_Atomic uint64_t	paused_us;	/* of pauses that are over */
	_Atomic bool		accepting;
};

struct listener *listener_create(const struct listener_config *,
	    struct error *);

/*
 * Listen on a TCP address. `host` is a name or a number, "*" for any;
 * `port` -1 takes a free one.
 */
int	listener_add_tcp(struct listener *, const char *host, int port,
	    const struct origin_settings *, struct error *);

/* Listen on a unix socket that the permissions in `mask` apply to. */
int	listener_add_unix(struct listener *, const char *path, unsigned mask,
	    const struct origin_settings *, struct error *);

/* One line per TCP socket, as memcached does: "TCP INET: 11211". */
void	listener_write_ports(const struct listener *, FILE *);

/* From any thread, once all sockets were added: visit each. */
void	listener_visit(const struct listener *, void (*visit)(void *context,
	    int fd, const struct origin *), void *context);

const struct listener_counts *listener_counts(const struct listener *);

/* A connection was closed; from any thread. */
void	listener_notice_close(struct listener *);

/*
 * Close all sockets; the path of a unix socket is removed. Their origins
 * stay.
 */
void	listener_close(struct listener *);

/* After listener_close(), when no worker is left to notice anything. */
void	listener_destroy(struct listener *);

#endif
