/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * output.h - replies formatted in place.
 *
 * A codec asks for room, writes into it and says where it stopped; large
 * values are added by reference. The room is that of an evbuffer, which
 * belongs to the connection and sees the bytes when output_close() commits
 * them, or earlier when the room is used up. Or it is lent at first: what is
 * in it when all has been said can be sent from there, and only the rest is
 * copied to the evbuffer.
 */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

struct evbuffer;

/* The most that output_room() gives at once. */
#define OUTPUT_ROOM_MAX	4096

struct output {
	struct evbuffer	*buffer;
	char		*start;		/* of the reserved room, or NULL */
	char		*at;		/* where the next byte goes */
	char		*end;
	size_t		 length;	/* bytes added before `start` */
	int		 failed;	/* out of memory: the reply is not whole */
	unsigned	 errors;	/* replies that were errors */
	bool		 lent;		/* so is the room from `start` on */
};

/* Start adding to `buffer`, which nobody else touches until the close. */
void	output_open(struct output *, struct evbuffer *buffer);

/* The same, with room to begin with, which outlasts the close. */
void	output_open_in(struct output *, struct evbuffer *buffer, char *room,
	    size_t size);

/*
 * All that was added, if it is in the room that was lent and nothing is in
 * the evbuffer before it; else nothing. So many bytes of it were sent.
 */
struct slice output_held(const struct output *);
void	output_sent(struct output *, size_t length);

/* Hand what was written to the evbuffer. Returns -1 when memory ran out. */
int	output_close(struct output *);

/* The slow half of output_room(). */
char	*output_more_room(struct output *, size_t bytes);

/*
 * Room for `bytes` (at most OUTPUT_ROOM_MAX) bytes in one piece. Never NULL:
 * when memory runs out, the bytes go nowhere and output_close() says so.
 */
static inline char *
output_room(struct output *output, size_t bytes)
{
	if ((size_t)(output->end - output->at) < bytes)
		return output_more_room(output, bytes);
	return output->at;
}

/* The room was filled up to `end`. */
static inline void
output_advance(struct output *output, char *end)
{
	output->at = end;
}

/* Copy bytes of any length. */
void	output_bytes(struct output *, const void *bytes, size_t length);

#define OUTPUT_LITERAL(output, literal)					\
	output_bytes((output), (literal), sizeof(literal) - 1)

/*
 * Add bytes without copying them. They stay as they are until `release` is
 * called with them, from the thread that owns the evbuffer; NULL: the bytes
 * outlive the buffer. Returns -1 when memory ran out; nothing is called then.
 */
int	output_reference(struct output *, const void *bytes, size_t length,
	    void (*release)(const void *bytes, size_t length, void *context),
	    void *context);

/* Move all that is in a buffer to the end. */
void	output_buffer(struct output *, struct evbuffer *);

/*
 * Output that is put together apart, because its length goes before it: it
 * is opened, and joined to another or dropped. -1: out of memory.
 */
int	output_open_apart(struct output *);
void	output_join(struct output *, struct output *apart);
void	output_drop(struct output *apart);

/* Bytes added since output_open(). */
static inline size_t
output_length(const struct output *output)
{
	return output->length + (size_t)(output->at - output->start);
}

#endif
