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
format(const union address *address, char out[ORIGIN_ADDRESS_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "";

	switch (transport_of(address)) {
	case ORIGIN_TCP:
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof host);
		snprintf(out, ORIGIN_ADDRESS_SIZE, "tcp:%s:%u", host,
		    ntohs(address->in.sin_port));
		break;
	case ORIGIN_TCP6:
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host,
		    sizeof host);
		snprintf(out, ORIGIN_ADDRESS_SIZE, "tcp6:[%s]:%u", host,
		    ntohs(address->in6.sin6_port));
		break;
	case ORIGIN_UNIX:
		/* The longest path has no NUL; `out` has room for it. */
		snprintf(out, ORIGIN_ADDRESS_SIZE, "unix:%.*s",
		    (int)sizeof address->un.sun_path, address->un.sun_path);
	}
}

int
origin_open(struct origin *origin, int fd,
    const struct origin_settings *settings)
{
	union address address = { { 0 } };
	socklen_t length = sizeof address;

	if (getsockname(fd, &address.any, &length) == -1)
		return -1;
	*origin = (struct origin){
		.settings = *settings,
		.transport = transport_of(&address),
	};
	format(&address, origin->address);
	return 0;
}

void
origin_peer(const struct origin *origin, int fd,
    char out[ORIGIN_ADDRESS_SIZE])
{
	union address address = { { 0 } };
	socklen_t length = sizeof address;

	if (origin->transport == ORIGIN_UNIX)
		memcpy(out, origin->address, ORIGIN_ADDRESS_SIZE);
	else if (getpeername(fd, &address.any, &length) == -1)
		*out = '\0';
	else
		format(&address, out);
}
