/* SPDX-License-Identifier: BSD-3-Clause */
/* origin.c - see origin.h. */
#include "net/origin.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Of any family that we listen on; the longest first, to clear all. */
union address {
	struct sockaddr_un	 un;
	struct sockaddr_in	 in;
	struct sockaddr_in6	 in6;
	struct sockaddr		 any;
};

static enum origin_transport
transport_of(const union address *address)
{
	switch (address->any.sa_family) {
	case AF_UNIX:
		return ORIGIN_UNIX;
	case AF_INET6:
		return ORIGIN_TCP6;
	default:
		return ORIGIN_TCP;
	}
}

static void
host_of(const struct origin *origin, const struct origin_peer *peer,
    char out[ORIGIN_HOST_SIZE])
{
	inet_ntop(origin->transport == ORIGIN_TCP6 ? AF_INET6 : AF_INET,
	    peer->ip, out, ORIGIN_HOST_SIZE);
}

static void
read_peer(const union address *address, struct origin_peer *peer)
{
	*peer = (struct origin_peer){ .port = 0 };
	switch (address->any.sa_family) {
	case AF_INET:
		memcpy(peer->ip, &address->in.sin_addr,
		    sizeof address->in.sin_addr);
		peer->port = ntohs(address->in.sin_port);
		break;
	case AF_INET6:
		memcpy(peer->ip, &address->in6.sin6_addr,
		    sizeof address->in6.sin6_addr);
		peer->port = ntohs(address->in6.sin6_port);
	}
}

int
origin_open(struct origin *origin, int fd,
    const struct origin_settings *settings)
{
	union address address = { { 0 } };
	socklen_t length = sizeof address;
	struct origin_peer own;

	if (getsockname(fd, &address.any, &length) == -1)
		return -1;
	*origin = (struct origin){
		.settings = *settings,
		.transport = transport_of(&address),
	};
	if (origin->transport == ORIGIN_UNIX) {
		/* The longest path has no NUL; there is room for it. */
		snprintf(origin->address, sizeof origin->address,
		    "unix:%.*s", (int)sizeof address.un.sun_path,
		    address.un.sun_path);
	} else {
		read_peer(&address, &own);
		origin_peer(origin, &own, origin->address);
	}
	return 0;
}

void
origin_peer_find(int fd, struct origin_peer *peer)
{
	union address address = { { 0 } };
	socklen_t length = sizeof address;

	if (getpeername(fd, &address.any, &length) == -1)
		address.any.sa_family = AF_UNSPEC;
	read_peer(&address, peer);
}

void
origin_peer_host(const struct origin *origin, const struct origin_peer *peer,
    char out[ORIGIN_HOST_SIZE])
{
	if (origin->transport == ORIGIN_UNIX)
		memcpy(out, "unix", sizeof "unix");
	else
		host_of(origin, peer, out);
}

void
origin_peer(const struct origin *origin, const struct origin_peer *peer,
    char out[ORIGIN_ADDRESS_SIZE])
{
	char host[ORIGIN_HOST_SIZE] = "";

	if (origin->transport == ORIGIN_UNIX) {
		memcpy(out, origin->address, ORIGIN_ADDRESS_SIZE);
		return;
	}
	host_of(origin, peer, host);
	snprintf(out, ORIGIN_ADDRESS_SIZE, origin->transport == ORIGIN_TCP6 ?
	    "tcp6:[%s]:%u" : "tcp:%s:%u", host, peer->port);
}
