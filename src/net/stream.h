/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.h - the bytes of one connection, over a bufferevent.
 *
 * The bufferevent carries what the peer has not taken yet, and tells when it
 * has. Reading a plain socket goes past it: an own read event, and recv()
 * straight to where the bytes are wanted. With TLS the bufferevent reads, too.
 * This file alone knows.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "net/origin.h"

struct bufferevent;
struct evbuffer;
struct event;
struct event_base;
struct iovec;
struct timeval;
struct tls;

struct stream_calls {
	void	(*readable)(void *context);	/* try stream_receive() */
	void	(*drained)(void *context);	/* the backlog is gone */
	void	(*failed)(void *context);	/* broken: close it */
	void	(*idle)(void *context);		/* nothing came or went */
};

struct stream {
	int				 fd;
	struct bufferevent		*bufferevent;
	struct tls			*tls;		/* NULL: plain */
	/* Plain: something to read; with TLS only a timer. */
	struct event			*event;
	const struct timeval		*timeout;	/* NULL: none */
	bool				 again;		/* report readable */
	bool				 open;		/* hands were shaken */
	bool				 ended;		/* TLS: no more comes */
	const struct stream_calls	*calls;
	void				*context;
};

struct stream_config {
	struct event_base		*base;
	/* From event_base_init_common_timeout(), or NULL. */
	const struct timeval		*idle_timeout;
	struct tls			*tls;		/* NULL: plain */
	enum origin_tls			 mode;		/* with `tls` */
	const struct stream_calls	*calls;
	void				*context;	/* of the calls */
};

/*
 * Start reading from a connected, non-blocking socket, which now belongs to
 * the stream. -1: no memory; the socket is still the caller's.
 */
int	stream_open(struct stream *, int fd, const struct stream_config *);

/* Close at once; what was not sent is lost. */
void	stream_close(struct stream *);

enum { STREAM_AGAIN = -1, STREAM_FAILED = -2 };

/*
 * Bytes received, 0: the peer will send no more, or STREAM_... What there was
 * no room for is reported again.
 */
ssize_t	stream_receive(struct stream *, const struct iovec *, int count);

/*
 * Write what a plain socket takes at once and no backlog is before. Returns
 * how much it was, 0: stream_send() has to be used; STREAM_FAILED.
 */
ssize_t	stream_write(struct stream *, struct slice);

/*
 * Send all of `buffer`, which is empty afterwards. What the socket does not
 * take now is kept. -1: broken.
 */
int	stream_send(struct stream *, struct evbuffer *buffer);

/* Bytes that were kept and not sent yet. */
size_t	stream_backlog(const struct stream *);

/* Stop or go on reporting that there is something to read. */
void	stream_read(struct stream *, bool on);

/* Report readable once more, after the other sockets that are ready. */
void	stream_again(struct stream *);

#endif
