/* SPDX-License-Identifier: BSD-3-Clause */
/* listener.c - see listener.h. */
#include "net/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#include "base/clock.h"
#include "net/wakeup.h"

/* How long accepting rests when the system is out of descriptors. */
#define NO_DESCRIPTORS_MS	50

struct listener_socket {
	struct evconnlistener	*accepts;	/* NULL: closed */
	struct origin		 origin;
	struct listener		*listener;
	int			 fd;
	in_port_t		 port;		/* host byte order */
	struct listener_socket	*next;
};

struct listener {
	struct listener_config	 config;
	struct listener_counts	 counts;
	struct listener_socket	*first;
	char			*unix_path;
	struct wakeup		 closed;	/* while paused: try again */
	struct event		*retry;
	_Atomic bool		 paused;
	int64_t			 paused_since;	/* us, monotonic */
};

static uint64_t
connections(const struct listener *listener)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < listener->config.worker_count; i++)
		sum += atomic_load_explicit(&worker_counts(
		    listener->config.workers[i])->current,
		    memory_order_relaxed);
	return sum;
}

static struct worker *
least_loaded(const struct listener *listener)
{
	struct worker *least = NULL;
	uint64_t fewest = UINT64_MAX;

	for (unsigned i = 0; i < listener->config.worker_count; i++) {
		struct worker *worker = listener->config.workers[i];
		uint64_t count = atomic_load_explicit(
		    &worker_counts(worker)->current, memory_order_relaxed);

		if (count < fewest) {
			fewest = count;
			least = worker;
		}
	}
	return least;
}

static void
pause_accepting(struct listener *listener)
{
	if (listener->paused)
		return;
	for (struct listener_socket *at = listener->first; at != NULL;
	    at = at->next)
		evconnlistener_disable(at->accepts);
	listener->paused = true;
	listener->paused_since = clock_monotonic_us();
	atomic_store(&listener->counts.accepting, false);
	conn_count(&listener->counts.pauses, 1);
}

/* Accept again, if there is room. */
static void
resume_accepting(void *context)
{
	struct listener *listener = context;

	if (!listener->paused ||
	    connections(listener) >= listener->config.conn_limit)
		return;
	listener->paused = false;
	atomic_store(&listener->counts.accepting, true);
	conn_count(&listener->counts.paused_us, (uint64_t)
	    (clock_monotonic_us() - listener->paused_since));
	for (struct listener_socket *at = listener->first; at != NULL;
	    at = at->next)
		evconnlistener_enable(at->accepts);
}

static void
retry(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	resume_accepting(context);
}

static void
refuse(struct listener *listener, int fd, const struct origin *origin)
{
	struct slice text = proto_too_many_connections;

	conn_count(&listener->counts.rejected, 1);
	log_write(listener->config.log, LOG_LEVEL_INFO,
	    "refused a connection: all %u are in use",
	    listener->config.conn_limit);
	/* A fresh socket takes it; if not, it is closed without words. */
	if (origin->settings.tls == ORIGIN_PLAIN &&
	    write(fd, text.bytes, text.length) == -1)
		conn_count(&listener->counts.rejected, 0);
	close(fd);
}

static void
accepted(struct evconnlistener *accepts, evutil_socket_t fd,
    struct sockaddr *address, int length, void *context)
{
	struct listener_socket *from = context;
	struct listener *listener = from->listener;
	uint64_t count = connections(listener);
	int on = 1;

	(void)accepts;
	(void)address;
	(void)length;
	if (count >= listener->config.conn_limit) {
		refuse(listener, fd, &from->origin);
		return;
	}
	if (from->origin.transport != ORIGIN_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	}
	conn_count(&listener->counts.accepted, 1);
	worker_give(least_loaded(listener), fd, &from->origin);
	if (!listener->config.fast && count + 1 >= listener->config.conn_limit)
		pause_accepting(listener);
}

/* Accepting failed: most likely there are no descriptors left. */
static void
accept_failed(struct evconnlistener *accepts, void *context)
{
	struct listener_socket *from = context;
	struct listener *listener = from->listener;
	struct timeval delay = { 0, NO_DESCRIPTORS_MS * 1000 };

	(void)accepts;
	log_write(listener->config.log, LOG_LEVEL_INFO,
	    "cannot accept a connection: %s", strerror(errno));
	pause_accepting(listener);
	event_add(listener->retry, &delay);
}

struct listener *
listener_create(const struct listener_config *config, struct error *error)
{
	struct listener *listener = calloc(1, sizeof *listener);

	if (listener == NULL) {
		error_set(error, "out of memory for the listener");
		return NULL;
	}
	listener->config = *config;
	listener->counts.accepting = true;
	listener->retry = event_new(config->base, -1, 0, retry, listener);
	if (listener->retry == NULL || wakeup_open(&listener->closed,
	    config->base, resume_accepting, listener) == -1) {
		error_set(error, "cannot set up the listener's events");
		if (listener->retry != NULL)
			event_free(listener->retry);
		free(listener);
		return NULL;
	}
	return listener;
}

static int
add_socket(struct listener *listener, int fd, in_port_t port,
    const struct origin_settings *settings)
{
	struct listener_socket *socket = calloc(1, sizeof *socket);
	struct listener_socket **end = &listener->first;

	if (socket == NULL)
		return -1;
	if (origin_open(&socket->origin, fd, settings) == 0)
		socket->accepts = evconnlistener_new(listener->config.base,
		    accepted, socket,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
		    listener->config.backlog, fd);
	if (socket->accepts == NULL) {
		free(socket);
		return -1;
	}
	evconnlistener_set_error_cb(socket->accepts, accept_failed);
	socket->listener = listener;
	socket->fd = fd;
	socket->port = port;
	while (*end != NULL)
		end = &(*end)->next;
	*end = socket;
	log_write(listener->config.log, LOG_LEVEL_INFO, "listening on %s",
	    socket->origin.address);
	return 0;
}

static in_port_t
bound_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;

	if (getsockname(fd, (struct sockaddr *)&address, &length) == -1)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* A socket bound to one resolved address; -1 and errno. */
static int
bind_tcp(const struct addrinfo *address)
{
	int on = 1, fd = socket(address->ai_family, SOCK_STREAM, 0);

	if (fd == -1)
		return -1;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	close(fd);
	return -1;
}

int
listener_add_tcp(struct listener *listener, const char *host, int port,
    const struct origin_settings *settings, struct error *error)
{
	struct addrinfo hints = {
		.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM,
	}, *addresses;
	bool any = strcmp(host, "*") == 0;
	char service[12];
	int added = 0, failed = 0, result;

	snprintf(service, sizeof service, "%d", port < 0 ? 0 : port);
	result = getaddrinfo(any ? NULL : host, service, &hints, &addresses);
	if (result != 0)
		return error_set(error, "cannot listen on %s: %s", host,
		    gai_strerror(result));
	for (struct addrinfo *at = addresses; at != NULL; at = at->ai_next) {
		int fd = bind_tcp(at);

		if (fd == -1 || add_socket(listener, fd, bound_port(fd),
		    settings) == -1) {
			/* A host without IPv6 is no reason to stop. */
			if (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL)
				added = INT32_MIN;
			failed = errno;
			if (fd != -1)
				close(fd);
			continue;
		}
		added++;
	}
	freeaddrinfo(addresses);
	if (added > 0)
		return 0;
	return error_set(error, "cannot listen on %s port %d: %s", host, port,
	    strerror(failed));
}

/* A socket that a dead server left behind is in the way; a file stays. */
static void
remove_stale(const char *path)
{
	struct stat status;

	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(path);
}

int
listener_add_unix(struct listener *listener, const char *path, unsigned mask,
    const struct origin_settings *settings, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	int fd, result;

	if (strlen(path) >= sizeof address.sun_path)
		return error_set(error, "%s: longer than a socket's path may "
		    "be, %zu bytes", path, sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1)
		return error_set(error, "%s: %s", path, strerror(errno));
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	remove_stale(path);
	before = umask(~mask & 0777);
	result = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(before);
	if (result == -1 || add_socket(listener, fd, 0, settings) == -1) {
		error_set(error, "%s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	listener->unix_path = strdup(path);
	return 0;
}

void
listener_write_ports(const struct listener *listener, FILE *file)
{
	for (const struct listener_socket *at = listener->first; at != NULL;
	    at = at->next)
		if (at->origin.transport != ORIGIN_UNIX)
			fprintf(file, "TCP %s: %u\n",
			    at->origin.transport == ORIGIN_TCP6 ?
			    "INET6" : "INET", at->port);
}

void
listener_visit(const struct listener *listener,
    void (*visit)(void *, int, const struct origin *), void *context)
{
	for (const struct listener_socket *at = listener->first; at != NULL;
	    at = at->next)
		visit(context, at->fd, &at->origin);
}

const struct listener_counts *
listener_counts(const struct listener *listener)
{
	return &listener->counts;
}

void
listener_notice_close(struct listener *listener)
{
	if (listener->paused)
		wakeup_signal(&listener->closed);
}

void
listener_close(struct listener *listener)
{
	for (struct listener_socket *at = listener->first; at != NULL;
	    at = at->next) {
		evconnlistener_free(at->accepts);
		at->accepts = NULL;
	}
	listener->paused = false;	/* nothing is there to resume */
	if (listener->unix_path != NULL)
		unlink(listener->unix_path);
}

void
listener_destroy(struct listener *listener)
{
	struct listener_socket *next;

	for (struct listener_socket *at = listener->first; at != NULL;
	    at = next) {
		next = at->next;
		free(at);
	}
	free(listener->unix_path);
	event_free(listener->retry);
	wakeup_close(&listener->closed);
	free(listener);
}
