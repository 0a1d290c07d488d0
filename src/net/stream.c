/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stream.c - see stream.h.
 *
 * libevent 2.1.12's own reading costs an ioctl per read and takes at most
 * 4 KB; its writing arms EV_WRITE for every reply, two system calls and
 * another pass. So bytes are read by our event, and replies are written at
 * once; the bufferevent has EV_READ off and gets only what is left over.
 */
#include "net/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

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
		event_remove_timer(stream->read_event);
		event_add(stream->read_event, stream->timeout);
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

int
stream_open(struct stream *stream, struct event_base *base, int fd,
    const struct timeval *idle_timeout, const struct stream_calls *calls,
    void *context)
{
	*stream = (struct stream){
		.fd = fd, .timeout = idle_timeout,
		.calls = calls, .context = context,
	};
	stream->bufferevent = bufferevent_socket_new(base, fd, 0);
	stream->read_event = event_new(base, fd, EV_READ | EV_PERSIST,
	    on_read, stream);
	if (stream->bufferevent == NULL || stream->read_event == NULL ||
	    event_add(stream->read_event, idle_timeout) == -1)
		goto fail;
	bufferevent_setcb(stream->bufferevent, NULL, on_drained, on_event,
	    stream);
	bufferevent_set_max_single_write(stream->bufferevent, WRITE_MAX);
	bufferevent_set_timeouts(stream->bufferevent, NULL, idle_timeout);
	return 0;
fail:
	if (stream->read_event != NULL)
		event_free(stream->read_event);
	if (stream->bufferevent != NULL)
		bufferevent_free(stream->bufferevent);
	return -1;
}

void
stream_close(struct stream *stream)
{
	event_free(stream->read_event);
	bufferevent_free(stream->bufferevent);
	close(stream->fd);
}

ssize_t
stream_receive(struct stream *stream, const struct iovec *parts, int count)
{
	ssize_t length;

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

/* Write what the socket takes, as long as nothing waits before it. */
static ssize_t
write_now(struct stream *stream, struct evbuffer *buffer)
{
	ssize_t sent = 0;

	if (stream_backlog(stream) > 0)
		return 0;
	while (evbuffer_get_length(buffer) > 0) {
		int length = evbuffer_write(buffer, stream->fd);

		if (length > 0)
			sent += length;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			break;
		else if (errno != EINTR)
			return STREAM_FAILED;
	}
	return sent;
}

ssize_t
stream_send(struct stream *stream, struct evbuffer *buffer)
{
	ssize_t sent = write_now(stream, buffer);

	if (sent >= 0 && evbuffer_get_length(buffer) > 0 &&
	    bufferevent_write_buffer(stream->bufferevent, buffer) == -1)
		return STREAM_FAILED;
	return sent;
}

size_t
stream_backlog(const struct stream *stream)
{
	return evbuffer_get_length(
	    bufferevent_get_output(stream->bufferevent));
}

void
stream_read(struct stream *stream, bool on)
{
	if (on)
		event_add(stream->read_event, stream->timeout);
	else
		event_del(stream->read_event);
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
	event_add(stream->read_event, &now);
}
