/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire.h - the protocols: how a request is written and its reply is read.
 *
 * A reply is read in tokens, straight from the buffer that was received into.
 * The bytes of a value are no token: they belong to the caller, who may get
 * them in pieces, and so does what ends each, `tail`.
 *
 *	"VALUE key-000000000007 0 100\r\n"	TOKEN_VALUE, length 100
 *	100 bytes and the tail, "\r\n"		the caller's
 *	"END\r\n"				TOKEN_NOTHING, last
 */
#ifndef LOAD_WIRE_H
#define LOAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "load/keys.h"

/* Of requests; `multi` asks for several keys. */
enum op {
	OP_GET,
	OP_MULTI,
	OP_SET,
	OP_INCR,
	OP_DELETE,
	OP_COUNT
};

extern const char *const op_names[OP_COUNT];

enum token {
	TOKEN_MORE,		/* it is not all there */
	TOKEN_VALUE,		/* the value of `key` follows */
	TOKEN_NOTHING,		/* there is no value, or no more */
	TOKEN_OK,		/* done as asked */
	TOKEN_UNEXPECTED,	/* a reply, but another one */
	TOKEN_BROKEN,		/* not a reply at all */
};

/* The longest token; what is longer is no reply. */
#define WIRE_TOKEN_MAX	1024

/* Room for a request without its value: this, and this for each key. */
#define WIRE_HEAD_MAX	128
#define WIRE_KEY_MAX	(KEY_MAX + 64)

struct wire_request {
	const struct keys	*names;
	const uint64_t		*keys;
	unsigned		 count;		/* of keys */
	enum op			 op;
	size_t			 length;	/* of the value */
	uint32_t		 ttl;
};

/* What one request has been answered so far. */
struct wire_reply {
	struct wire_request	 request;
	unsigned		 seen;		/* keys that were answered */
	bool			 begun;		/* RESP: its array was */
	/* Of the token: */
	size_t			 taken;		/* bytes of it */
	uint64_t		 length;	/* of the value */
	unsigned		 key;		/* which one's it is */
	bool			 last;		/* the reply ends with it */
};

struct wire {
	const char	*name;
	struct slice	 tail;		/* behind each value */
	/* Write a request but for value and tail; returns the end. */
	char		*(*ask)(const struct wire_request *, char *out);
	enum token	 (*read)(struct wire_reply *, const char *at,
			    const char *end);
};

/* In the order of --protocol. */
extern const struct wire *const wires[];

extern const struct wire wire_text, wire_meta, wire_binary, wire_resp;

/* For the protocols. */

#define WIRE_LITERAL(out, literal)					\
	((char *)memcpy((out), (literal), sizeof(literal) - 1) +	\
	    sizeof(literal) - 1)

/* A line without its end; `taken` has it. False: it is not all there. */
static inline bool
wire_line(struct wire_reply *reply, const char *at, const char *end,
    struct slice *line)
{
	size_t length = (size_t)(end - at);
	const char *stop = memchr(at, '\n',
	    length < WIRE_TOKEN_MAX ? length : WIRE_TOKEN_MAX);

	if (stop == NULL)
		return false;
	reply->taken = (size_t)(stop + 1 - at);
	*line = (struct slice){ at, (size_t)(stop - at) };
	if (line->length > 0 && stop[-1] == '\r')
		line->length--;
	return true;
}

/* The token of a line that is not there yet, or never will be. */
static inline enum token
wire_no_line(const char *at, const char *end)
{
	return end - at < WIRE_TOKEN_MAX ? TOKEN_MORE : TOKEN_BROKEN;
}

static inline enum token
wire_last(struct wire_reply *reply, enum token token)
{
	reply->last = true;
	return token;
}

/*
 * Which of the keys that were not answered yet is `name`? Keys are answered
 * in the order in which they were asked. False: none.
 */
bool	wire_find_key(struct wire_reply *, struct slice name);

#endif
