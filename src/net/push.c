/* SPDX-License-Identifier: BSD-3-Clause */
/* push.c - see push.h. */
#include "net/push.h"

#include <event2/buffer.h>

#include "base/output.h"

static void
list(struct push_end *end)
{
	struct pushes *pushes = end->pushes;

	if (end->listed)
		return;
	end->listed = true;
	end->next = NULL;
	end->prev = pushes->last;
	if (end->prev != NULL)
		end->prev->next = end;
	else
		pushes->first = end;
	pushes->last = end;
}

static void
unlist(struct push_end *end)
{
	struct pushes *pushes = end->pushes;

	if (!end->listed)
		return;
	end->listed = false;
	if (end->prev != NULL)
		end->prev->next = end->next;
	else
		pushes->first = end->next;
	if (end->next != NULL)
		end->next->prev = end->prev;
	else
		pushes->last = end->prev;
}

void
push_close(struct push_end *end)
{
	unlist(end);
	if (end->waiting != NULL)
		evbuffer_free(end->waiting);
	end->waiting = NULL;
}

/* False: there is no room for more, and there will not be. */
static bool
make_room(struct push_end *end, size_t length)
{
	list(end);
	if (end->failed)
		return false;
	if (end->waiting == NULL)
		end->waiting = evbuffer_new();
	end->failed = end->waiting == NULL ||
	    evbuffer_get_length(end->waiting) + length > PUSH_MAX;
	return !end->failed;
}

void
push_bytes(struct push_end *end, struct slice bytes)
{
	if (make_room(end, bytes.length) &&
	    evbuffer_add(end->waiting, bytes.bytes, bytes.length) == -1)
		end->failed = true;
}

void
push_reference(struct push_end *end, struct slice bytes,
    void (*release)(const void *, size_t, void *), void *context)
{
	if (make_room(end, bytes.length) &&
	    evbuffer_add_reference(end->waiting, bytes.bytes, bytes.length,
	    release, context) == 0)
		return;
	end->failed = true;
	release(bytes.bytes, bytes.length, context);
}

/* What is taken now is behind until the peer has it. */
static void
take(struct push_end *end)
{
	unlist(end);
	if (end->waiting != NULL)
		end->behind += evbuffer_get_length(end->waiting);
}

void
push_to_output(struct push_end *end, struct output *output)
{
	take(end);
	if (end->waiting != NULL)
		output_buffer(output, end->waiting);
}

void
push_to_buffer(struct push_end *end, struct evbuffer *buffer)
{
	take(end);
	if (end->waiting != NULL &&
	    evbuffer_add_buffer(buffer, end->waiting) == -1)
		end->failed = true;
}
