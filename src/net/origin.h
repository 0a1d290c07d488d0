/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * origin.h - what a listening socket was opened for, and where connections
 * come from.
 *
 * A listening socket has one origin, which every connection that it accepts
 * points to; it belongs to the listener and outlives all of them. Nothing in
 * it changes after the socket was opened.
 */
#ifndef NET_ORIGIN_H
#define NET_ORIGIN_H

#include <stdint.h>

#include "proto/proto.h"

enum origin_transport {
	ORIGIN_TCP,
	ORIGIN_TCP6,
	ORIGIN_UNIX,
};

enum origin_tls {
	ORIGIN_PLAIN,
	ORIGIN_TLS,		/* clients are verified as the server says */
	ORIGIN_TLS_BASIC,	/* clients are not asked for a certificate */
	ORIGIN_TLS_MUTUAL,	/* clients need a certificate */
};

#define ORIGIN_TAG_MAX		8

/* "unix:" and the longest path there is; "tcp6:[...]:port" is shorter. */
#define ORIGIN_ADDRESS_SIZE	128

/* What the operator asks a listening socket for. */
struct origin_settings {
	enum origin_tls	 tls;
	enum proto_choice	 protocol;
	char		 tag[ORIGIN_TAG_MAX + 1];	/* "": none */
};

struct origin {
	struct origin_settings	 settings;
	enum origin_transport	 transport;
	char			 address[ORIGIN_ADDRESS_SIZE];
};

/* The origin of a bound socket. -1: the system does not tell its address. */
int	origin_open(struct origin *, int fd, const struct origin_settings *);

/* Where the peer of a connection is; through a unix socket it is nowhere. */
struct origin_peer {
	unsigned char	ip[16];		/* in network order */
	uint16_t	port;
};

/* "::ffff:255.255.255.255" and longer ones. */
#define ORIGIN_HOST_SIZE	48

/* All zero when it is gone already. */
void	origin_peer_find(int fd, struct origin_peer *);

/* Write its address: "127.0.0.1", "::1" or "unix". */
void	origin_peer_host(const struct origin *, const struct origin_peer *,
	    char out[ORIGIN_HOST_SIZE]);

/*
 * Write where it is as memcached spells it: "tcp:127.0.0.1:4711",
 * "tcp6:[::1]:4711", or "unix:" and the path of the socket that it came
 * through.
 */
void	origin_peer(const struct origin *, const struct origin_peer *,
	    char out[ORIGIN_ADDRESS_SIZE]);

#endif
