/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto.h - from bytes to requests and from replies to bytes.
 *
 * A codec is the protocol side of one connection. It does no I/O and knows
 * no store: it can be run on any bytes.
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <stdint.h>

#include "proto/request.h"

struct codec_config {
	size_t	item_max;	/* a longer value is refused at its header */
	size_t	line_max;	/* of a get with many keys, bytes */
};

struct codec {
	const struct codec_config	*config;
	int64_t		now;		/* unix ms, for relative expiry */
	/* A line with several keys is in work: this much of it is left. */
	size_t		line_left;
	struct request	line;		/* what its keys have in common */
};

enum parse {
	PARSE_REQUEST,	/* one request; its bytes are consumed */
	PARSE_MORE,	/* not all there; nothing is consumed */
	PARSE_BODY,	/* all but the value is there, see proto_parse() */
	PARSE_SWALLOW,	/* as PARSE_REQUEST, and the value is to be skipped */
	PARSE_CLOSE,	/* not worth going on: close the connection */
};

void	proto_open(struct codec *, const struct codec_config *);

/*
 * Take one request off the front of `input`.
 *
 * PARSE_BODY, PARSE_SWALLOW: the header was consumed, `*body` bytes of value
 * follow, then PROTO_TRAILER bytes that must be "\r\n". After PARSE_BODY the
 * caller either receives them elsewhere, and then has the request; or it
 * waits for more and calls again with the header in front.
 */
enum parse proto_parse(struct codec *, struct slice *input, struct request *,
	    size_t *body);

#define PROTO_TRAILER	2

/* Is this the end that a received value must have? */
bool	proto_trailer_valid(const char trailer[PROTO_TRAILER]);

/* Append the reply to a request, if it is to have one. */
void	proto_reply(struct output *, const struct request *,
	    const struct reply *);

/* One line of a stats answer. */
void	proto_stat(struct output *, const char *name, const char *value);

/*
 * The version that clients are told. They decide by its first three numbers
 * what they may use, so these are those of the memcached that we serve like.
 */
#define PROTO_VERSION	"1.6.45-cairn-" PACKAGE_VERSION

/* What a connection is told that is one too many. */
extern const struct slice proto_too_many_connections;

#endif
