/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.h - where the server is, and a connection to it: TCP or a unix
 * socket, plain or with TLS. Connecting waits; afterwards nothing does.
 */
#ifndef LOAD_LINK_H
#define LOAD_LINK_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"
#include "load/tls.h"

#define LINK_PORT	"11211"

/* Of a name with more addresses, the first ones are tried. */
#define TARGET_ADDRESSES	8

struct target {
	struct {
		struct sockaddr_storage	 address;
		socklen_t		 length;
	}			 addresses[TARGET_ADDRESSES];
	unsigned		 count;
	char			 host[256];
	struct tls		*tls;		/* NULL: plain */
};

/* host, host:port, [v6]:port, or what has a slash: a path. */
int	target_find(struct target *, const char *text, struct error *);

struct link {
	int			 fd;		/* -1: closed */
	struct tls_session	*session;	/* NULL: plain */
};

/* Give an address up after so many seconds; the last one's error is told. */
int	link_open(struct link *, const struct target *, double seconds,
	    struct error *);
void	link_close(struct link *);

/* -1 with EAGAIN: not now; 0: the server has closed. */
ssize_t	link_read(struct link *, void *buffer, size_t room);
ssize_t	link_write(struct link *, const struct iovec *, int count);

/* Read again, although the socket is not readable. */
static inline bool
link_has_more(const struct link *link)
{
	return link->session != NULL && tls_has_more(link->session);
}

#endif
