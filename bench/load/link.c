/* SPDX-License-Identifier: BSD-3-Clause */
/* link.c - see link.h. */
#include "load/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* What is repeated after EAGAIN begins with the same piece again. */
#define TLS_PIECE	16384

static int
find_path(struct target *target, const char *path, struct error *err)
{
	struct sockaddr_un *address = (void *)&target->addresses[0].address;

	if (strlen(path) >= sizeof address->sun_path)
		return error_set(err, "--server: \"%.80s...\" is too long for "
		    "the path of a socket", path);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	target->addresses[0].length = sizeof *address;
	target->count = 1;
	snprintf(target->host, sizeof target->host, "localhost");
	return 0;
}

/* Cut into host, in target->host, and port. */
static const char *
split(struct target *target, const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *port = LINK_PORT;
	size_t length = strlen(text);

	if (colon != NULL && (strchr(text, ':') == colon ||
	    (colon > text && colon[-1] == ']'))) {
		port = colon + 1;
		length = (size_t)(colon - text);
	}
	if (length >= 2 && *text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	snprintf(target->host, sizeof target->host, "%.*s", (int)length,
	    text);
	return port;
}

int
target_find(struct target *target, const char *text, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *at;
	const char *port;
	int result;

	if (strchr(text, '/') != NULL)
		return find_path(target, text, err);
	port = split(target, text);
	result = getaddrinfo(target->host, port, &hints, &found);
	if (result != 0)
		return error_set(err, "--server: \"%.80s\": %s", text,
		    gai_strerror(result));
	for (at = found; at != NULL && target->count < TARGET_ADDRESSES;
	    at = at->ai_next) {
		unsigned n = target->count++;

		memcpy(&target->addresses[n].address, at->ai_addr,
		    at->ai_addrlen);
		target->addresses[n].length = at->ai_addrlen;
	}
	freeaddrinfo(found);
	return 0;
}

/* How long anything on a socket that still blocks may take. */
static void
set_patience(int fd, double seconds)
{
	struct timeval patience = { .tv_sec = (time_t)seconds };

	patience.tv_usec = (suseconds_t)((seconds -
	    (double)patience.tv_sec) * 1e6);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static int
connect_to(struct link *link, const struct sockaddr *address,
    socklen_t length, double seconds, struct error *err)
{
	int on = 1;

	link->fd = socket(address->sa_family, SOCK_STREAM, 0);
	if (link->fd == -1)
		return error_set(err, "socket: %s", strerror(errno));
	set_patience(link->fd, seconds);
	if (connect(link->fd, address, length) == -1) {
		error_set(err, "cannot connect to the server: %s",
		    strerror(errno == EINPROGRESS ? ETIMEDOUT : errno));
		link_close(link);
		return -1;
	}
	if (address->sa_family != AF_UNIX)
		setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return 0;
}

int
link_open(struct link *link, const struct target *target, double seconds,
    struct error *err)
{
	unsigned n = 0;

	link->session = NULL;
	while (connect_to(link, (const void *)&target->addresses[n].address,
	    target->addresses[n].length, seconds, err) == -1)
		if (++n == target->count)
			return -1;
	if (target->tls != NULL) {
		link->session = tls_connect(target->tls, link->fd, err);
		if (link->session == NULL)
			goto fail;
	}
	if (fcntl(link->fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(link->fd, F_SETFL, O_NONBLOCK) == -1) {
		error_set(err, "fcntl: %s", strerror(errno));
		goto fail;
	}
	return 0;
fail:
	link_close(link);
	return -1;
}

void
link_close(struct link *link)
{
	if (link->session != NULL)
		tls_end(link->session);
	link->session = NULL;
	if (link->fd != -1)
		close(link->fd);
	link->fd = -1;
}

ssize_t
link_read(struct link *link, void *buffer, size_t room)
{
	ssize_t got;

	if (link->session != NULL)
		return tls_read(link->session, buffer, room);
	do {
		got = recv(link->fd, buffer, room, 0);
	} while (got == -1 && errno == EINTR);
	return got;
}

static ssize_t
write_tls(struct link *link, const struct iovec *parts, int count)
{
	ssize_t total = 0;

	for (int n = 0; n < count; n++) {
		const char *bytes = parts[n].iov_base;

		for (size_t at = 0; at < parts[n].iov_len;) {
			size_t left = parts[n].iov_len - at;
			ssize_t wrote = tls_write(link->session, bytes + at,
			    left < TLS_PIECE ? left : TLS_PIECE);

			if (wrote <= 0)
				return total > 0 && errno == EAGAIN ? total :
				    -1;
			at += (size_t)wrote;
			total += wrote;
		}
	}
	return total;
}

ssize_t
link_write(struct link *link, const struct iovec *parts, int count)
{
	struct msghdr message = { 0 };
	ssize_t wrote;

	if (link->session != NULL)
		return write_tls(link, parts, count);
	message.msg_iov = (struct iovec *)(uintptr_t)parts;
	message.msg_iovlen = (size_t)count;
	do {
		wrote = sendmsg(link->fd, &message, MSG_NOSIGNAL);
	} while (wrote == -1 && errno == EINTR);
	return wrote;
}
