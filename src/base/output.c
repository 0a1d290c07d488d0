/* SPDX-License-Identifier: BSD-3-Clause */
/* output.c - see output.h. */
#include "base/output.h"

#include <event2/buffer.h>

#include <string.h>

/*
 * Room reserved at once: it holds the replies of a 64-deep pipeline of small
 * values, so that most passes reserve once and commit once.
 */
#define OUTPUT_RESERVE	(16 * 1024 - 128)

/* Where the bytes go when there is no memory for them. */
static _Thread_local char nowhere[OUTPUT_ROOM_MAX];

void
output_open(struct output *output, struct evbuffer *buffer)
{
	*output = (struct output){ .buffer = buffer };
}

void
output_open_in(struct output *output, struct evbuffer *buffer, char *room,
    size_t size)
{
	*output = (struct output){
		.buffer = buffer, .start = room, .at = room,
		.end = room + size, .lent = true,
	};
}

struct slice
output_held(const struct output *output)
{
	if (!output->lent || evbuffer_get_length(output->buffer) > 0)
		return (struct slice){ NULL, 0 };
	return (struct slice){
		output->start, (size_t)(output->at - output->start),
	};
}

void
output_sent(struct output *output, size_t length)
{
	output->start += length;
	output->length += length;
}

static void
output_commit(struct output *output)
{
	struct evbuffer_iovec room = {
		.iov_base = output->start,
		.iov_len = (size_t)(output->at - output->start),
	};

	if (room.iov_len > 0 && output->start != nowhere) {
		output->length += room.iov_len;
		if ((output->lent ? evbuffer_add(output->buffer,
		    room.iov_base, room.iov_len) : evbuffer_commit_space(
		    output->buffer, &room, 1)) == -1)
			output->failed = 1;
	}
	output->lent = false;
	output->start = output->at = output->end = NULL;
}

char *
output_more_room(struct output *output, size_t bytes)
{
	struct evbuffer_iovec room;

	output_commit(output);
	if (evbuffer_reserve_space(output->buffer,
	    (ssize_t)(bytes > OUTPUT_RESERVE ? bytes : OUTPUT_RESERVE),
	    &room, 1) < 1) {
		output->failed = 1;
		room.iov_base = nowhere;
		room.iov_len = sizeof nowhere;
	}
	output->start = output->at = room.iov_base;
	output->end = output->start + room.iov_len;
	return output->at;
}

void
output_bytes(struct output *output, const void *bytes, size_t length)
{
	const char *from = bytes;

	while (length > 0) {
		size_t part = length < OUTPUT_ROOM_MAX ?
		    length : OUTPUT_ROOM_MAX;
		char *to = output_room(output, part);

		memcpy(to, from, part);
		output_advance(output, to + part);
		from += part;
		length -= part;
	}
}

int
output_reference(struct output *output, const void *bytes, size_t length,
    void (*release)(const void *, size_t, void *), void *context)
{
	output_commit(output);
	if (evbuffer_add_reference(output->buffer, bytes, length, release,
	    context) == -1) {
		output->failed = 1;
		return -1;
	}
	output->length += length;
	return 0;
}

int
output_open_apart(struct output *apart)
{
	struct evbuffer *buffer = evbuffer_new();

	output_open(apart, buffer);
	return buffer == NULL ? -1 : 0;
}

void
output_buffer(struct output *output, struct evbuffer *buffer)
{
	output_commit(output);
	output->length += evbuffer_get_length(buffer);
	if (evbuffer_add_buffer(output->buffer, buffer) == -1)
		output->failed = 1;
}

void
output_join(struct output *output, struct output *apart)
{
	output_commit(apart);
	output_buffer(output, apart->buffer);
	output->failed |= apart->failed;
	output->errors += apart->errors;
	evbuffer_free(apart->buffer);
}

void
output_drop(struct output *apart)
{
	output_commit(apart);
	evbuffer_free(apart->buffer);
}

int
output_close(struct output *output)
{
	output_commit(output);
	return output->failed ? -1 : 0;
}
