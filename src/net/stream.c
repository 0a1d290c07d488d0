/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.c - see stream.h.
 *
 * libevent 2.1.12's own reading costs an ioctl per read and takes at most
 * 4 KB; its writing arms EV_WRITE for every reply, two system calls and
 * another pass. So bytes are read by our event, and replies are written at
 * once; the bufferevent has EV_READ off and gets only what is left over.
 *
 * Replies over TLS are written the same way, by tls_write(). What comes over
 * TLS is read by the bufferevent, and copied out of it: a record has to be
 * decrypted somewhere. The functions of that are named secure_.
 */
#include "net/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "net/tls.h"

/* A client that has not shaken hands by then is no client. */
#define HANDSHAKE_SECONDS	10

/* A bufferevent writes 16 KB per EV_WRITE unless told otherwise. */
#define WRITE_MAX	((size_t)1 << 20)

static void
on_read(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;

	(void)fd;
	if (stream->again) {
		stream->again = false;
		/* Its own timer has taken the event out of the loop. */
		event_remove_timer(stream->event);
		event_add(stream->event, stream->timeout);
	} else if (what & EV_TIMEOUT && !(what & EV_READ)) {
		stream->calls->idle(stream->context);
		return;
	}
	stream->calls->readable(stream->context);
}

static void
on_drained(struct bufferevent *bufferevent, void *context)
{
	struct stream *stream = context;

	(void)bufferevent;
	stream->calls->drained(stream->context);
}

static void
on_event(struct bufferevent *bufferevent, short what, void *context)
{
	struct stream *stream = context;

	(void)bufferevent;
	if (what & BEV_EVENT_TIMEOUT)
		stream->calls->idle(stream->context);
	else
		stream->calls->failed(stream->context);
}

static bool
plain_open(struct stream *stream, struct event_base *base)
{
	stream->bufferevent = bufferevent_socket_new(base, stream->fd, 0);
	stream->event = event_new(base, stream->fd, EV_READ | EV_PERSIST,
	    on_read, stream);
	if (stream->bufferevent == NULL || stream->event == NULL ||
	    event_add(stream->event, stream->timeout) == -1)
		return false;
	stream->open = true;
	bufferevent_setcb(stream->bufferevent, NULL, on_drained, on_event,
	    stream);
	bufferevent_set_max_single_write(stream->bufferevent, WRITE_MAX);
	bufferevent_set_timeouts(stream->bufferevent, NULL, stream->timeout);
	return true;
}

/* Report what is in the bufferevent already, or the handshake's end of time. */
static void
secure_on_timer(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;

	(void)fd;
	(void)what;
	if (stream->again) {
		stream->again = false;
		stream->calls->readable(stream->context);
	} else {
		tls_too_slow(stream->tls, stream->bufferevent);
		stream->calls->failed(stream->context);
	}
}

static void
secure_on_read(struct bufferevent *bufferevent, void *context)
{
	struct stream *stream = context;

	(void)bufferevent;
	stream->calls->readable(stream->context);
}

static void
secure_on_event(struct bufferevent *bufferevent, short what, void *context)
{
	struct stream *stream = context;

	if (what & BEV_EVENT_CONNECTED) {
		stream->open = true;
		if (!stream->again)
			event_del(stream->event);
		bufferevent_set_timeouts(bufferevent, stream->timeout,
		    stream->timeout);
	} else if (what & BEV_EVENT_TIMEOUT) {
		stream->calls->idle(stream->context);
	} else if (what & BEV_EVENT_EOF && stream->open) {
		stream->ended = true;
		if (bufferevent_get_enabled(bufferevent) & EV_READ)
			stream->calls->readable(stream->context);
	} else {
		tls_failed(stream->tls, bufferevent, stream->open);
		stream->calls->failed(stream->context);
	}
}

static bool
secure_open(struct stream *stream, struct event_base *base,
    enum origin_tls mode)
{
	struct timeval patience = { HANDSHAKE_SECONDS, 0 };

	if (stream->timeout != NULL &&
	    stream->timeout->tv_sec < patience.tv_sec)
		patience.tv_sec = stream->timeout->tv_sec;
	stream->bufferevent = tls_accept(stream->tls, base, stream->fd, mode);
	stream->event = event_new(base, -1, 0, secure_on_timer, stream);
	if (stream->bufferevent == NULL || stream->event == NULL ||
	    event_add(stream->event, &patience) == -1)
		return false;
	bufferevent_setcb(stream->bufferevent, secure_on_read, on_drained,
	    secure_on_event, stream);
	bufferevent_enable(stream->bufferevent, EV_READ);
	return true;
}

static void
close_events(struct stream *stream)
{
	if (stream->event != NULL)
		event_free(stream->event);
	if (stream->bufferevent == NULL)
		return;
	if (stream->tls != NULL)
		tls_end(stream->bufferevent);
	else
		bufferevent_free(stream->bufferevent);
}

int
stream_open(struct stream *stream, int fd, const struct stream_config *config)
{
	*stream = (struct stream){
		.fd = fd, .timeout = config->idle_timeout,
		.tls = config->tls,
		.calls = config->calls, .context = config->context,
	};
	if (stream->tls != NULL ?
	    secure_open(stream, config->base, config->mode) :
	    plain_open(stream, config->base))
		return 0;
	close_events(stream);
	return -1;
}

void
stream_close(struct stream *stream)
{
	close_events(stream);
	close(stream->fd);
}

static ssize_t
secure_receive(struct stream *stream, const struct iovec *parts, int count)
{
	struct evbuffer *input = bufferevent_get_input(stream->bufferevent);
	ssize_t length = 0;

	for (int i = 0; i < count && evbuffer_get_length(input) > 0; i++)
		length += evbuffer_remove(input, parts[i].iov_base,
		    parts[i].iov_len);
	if (evbuffer_get_length(input) > 0)
		stream_again(stream);
	if (length > 0)
		return length;
	return stream->ended ? 0 : STREAM_AGAIN;
}

ssize_t
stream_receive(struct stream *stream, const struct iovec *parts, int count)
{
	ssize_t length;

	if (stream->tls != NULL)
		return secure_receive(stream, parts, count);
	do
		length = count == 1 ?
		    recv(stream->fd, parts->iov_base, parts->iov_len, 0) :
		    readv(stream->fd, parts, count);
	while (length == -1 && errno == EINTR);
	if (length >= 0)
		return length;
	return errno == EAGAIN || errno == EWOULDBLOCK ?
	    STREAM_AGAIN : STREAM_FAILED;
}

ssize_t
stream_write(struct stream *stream, struct slice bytes)
{
	ssize_t length;

	if (stream->tls != NULL || stream_backlog(stream) > 0)
		return 0;
	do
		length = write(stream->fd, bytes.bytes, bytes.length);
	while (length == -1 && errno == EINTR);
	if (length >= 0)
		return length;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : STREAM_FAILED;
}

/* Write what the socket takes. False: broken. */
static bool
write_plain(struct stream *stream, struct evbuffer *buffer)
{
	while (evbuffer_get_length(buffer) > 0)
		if (evbuffer_write(buffer, stream->fd) <= 0 && errno != EINTR)
			return errno == EAGAIN || errno == EWOULDBLOCK;
	return true;
}

/* The same, as long as nothing waits before it. */
static bool
write_now(struct stream *stream, struct evbuffer *buffer)
{
	if (stream_backlog(stream) > 0)
		return true;
	if (stream->tls == NULL)
		return write_plain(stream, buffer);
	return !stream->open ||
	    tls_write(stream->tls, stream->bufferevent, buffer) == 0;
}

int
stream_send(struct stream *stream, struct evbuffer *buffer)
{
	if (!write_now(stream, buffer))
		return -1;
	if (evbuffer_get_length(buffer) == 0)
		return 0;
	return bufferevent_write_buffer(stream->bufferevent, buffer);
}

size_t
stream_backlog(const struct stream *stream)
{
	return evbuffer_get_length(
	    bufferevent_get_output(stream->bufferevent));
}

static void
secure_read(struct stream *stream, bool on)
{
	if (on) {
		bufferevent_enable(stream->bufferevent, EV_READ);
		if (stream->ended || evbuffer_get_length(
		    bufferevent_get_input(stream->bufferevent)) > 0)
			stream_again(stream);
	} else {
		bufferevent_disable(stream->bufferevent, EV_READ);
		stream->again = false;
		event_del(stream->event);
	}
}

void
stream_read(struct stream *stream, bool on)
{
	if (stream->tls != NULL)
		secure_read(stream, on);
	else if (on)
		event_add(stream->event, stream->timeout);
	else
		event_del(stream->event);
}

void
stream_again(struct stream *stream)
{
	/*
	 * Not event_active(): that would come before the loop looks at the
	 * sockets again, and this one could keep all others waiting.
	 */
	static const struct timeval now = { 0, 0 };

	stream->again = true;
	event_add(stream->event, &now);
}
