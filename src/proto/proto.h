/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto.h - from bytes to requests and from replies to bytes.
 *
 * A codec is the protocol side of one connection. It does no I/O and knows
 * no store: it can be run on any bytes. Its protocol is fixed from the start
 * or chosen by the first byte; each request carries the protocol in which it
 * is to be answered.
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <stdint.h>

#include "proto/call.h"
#include "proto/request.h"

struct codec_config {
	size_t	item_max;	/* a longer value is refused at its header */
	size_t	line_max;	/* of a get with many keys, bytes */
	size_t	request_max;	/* of RESP: all words of it, bytes */
	bool	cas;		/* items have cas uniques */
};

struct codec {
	const struct protocol		*protocol;
	const struct codec_config	*config;
	int64_t		now;		/* unix ms, for relative expiry */
	/*
	 * KEY_MAX bytes of the caller's, for a key that is decoded. They are
	 * to last as long as the request.
	 */
	char		*key_room;
	struct args	*args;		/* the caller's: words of calls */
	/* A line with several keys is in work: this much of it is left. */
	size_t		line_left;
	struct request	line;		/* what its keys have in common */
	/* An array of RESP that has begun, offsets from its start. */
	struct {
		uint32_t	words, left;	/* it has, and not seen yet */
		size_t		head, at;	/* of the first, the next one */
		bool		v3;		/* replies are RESP3 */
		uint8_t		space;		/* of the keys */
		bool		queueing;	/* requests stay calls */
		const struct call_row *last;	/* the call before, or NULL */
	} resp;
};

enum parse {
	PARSE_REQUEST,	/* one request; its bytes are consumed */
	PARSE_MORE,	/* not all there; nothing is consumed */
	PARSE_BODY,	/* all but the value is there, see proto_parse() */
	PARSE_SWALLOW,	/* as PARSE_REQUEST, and the value is to be skipped */
	PARSE_CLOSE,	/* not worth going on: close the connection */
	PARSE_NOTHING,	/* bytes that ask for nothing are consumed */
	PARSE_FLUSH,	/* nothing is consumed; there is no room in `args` */
};

/* A value up to this length is waited for rather than received elsewhere. */
#define PROTO_BODY_KEPT	(16 * 1024)

/* What a protocol is; the functions below that are named like it say more. */
struct protocol {
	enum parse	(*parse)(struct codec *, struct slice *input,
			    struct request *, size_t *body);
	void		(*reply)(struct output *, const struct request *,
			    const struct reply *);
	void		(*line)(struct output *, const struct request *,
			    struct slice word, struct slice name,
			    struct slice value);
	unsigned	trailer;	/* bytes behind a value */
};

/* The most that a trailer has. */
#define PROTO_TRAILER_MAX	2

/* Which protocol a connection is to speak. */
enum proto_choice {
	PROTO_NEGOTIATE,	/* what its first byte says */
	PROTO_TEXT,
	PROTO_BINARY,
	PROTO_NOT_BINARY,	/* text or RESP, what its first byte says */
};

void	proto_open(struct codec *, const struct codec_config *,
	    enum proto_choice);

/*
 * Take one request off the front of `input`, which is not empty and may be
 * written to: escapes in a line of RESP are undone where they are.
 *
 * PARSE_BODY, PARSE_SWALLOW: the header was consumed, `*body` bytes of value
 * follow, then the trailer of the request's protocol. After PARSE_BODY the
 * caller either receives them elsewhere, and then has the request; or it
 * waits for more and calls again with the header in front.
 */
static inline enum parse
proto_parse(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	return codec->protocol->parse(codec, input, request, body);
}

/* Do `length` bytes end a value as they must? All trailers are "\r\n". */
static inline bool
proto_trailer_valid(const char *trailer, unsigned length)
{
	return length == 0 || (trailer[0] == '\r' && trailer[1] == '\n');
}

/* Make it a request that is answered with `status`; PARSE_REQUEST. */
enum parse proto_reject(struct request *, enum status);

/* Append the reply to a request, if it is to have one. */
static inline void
proto_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	request->protocol->reply(output, request, reply);
}

/* The value of a reply, in whatever form it is there. */
static inline void
proto_add_value(struct output *output, const struct reply *reply)
{
	if (reply->value.bytes != NULL)
		output_bytes(output, reply->value.bytes, reply->value.length);
	else
		reply->add_value(reply->context, output);
}

/*
 * One line of a stats answer; the last is followed by STATUS_STATS. The word
 * is what it begins with in text.
 */
static inline void
proto_line(struct output *output, const struct request *request,
    struct slice word, struct slice name, struct slice value)
{
	request->protocol->line(output, request, word, name, value);
}

static inline void
proto_stat(struct output *output, const struct request *request,
    const char *name, const char *value)
{
	proto_line(output, request, SLICE("STAT"), slice_of(name),
	    slice_of(value));
}

/*
 * When an item expires, in unix ms, by what clients say: 0 is never, below 0
 * is past, up to 30 days are seconds from `now` on, more is unix time.
 */
int64_t	proto_expiry(int64_t now, int64_t seconds);

/*
 * The version that clients are told. They decide by its first three numbers
 * what they may use, so these are those of the memcached that we serve like.
 * The memcached of npm looks for three numbers at the end, and ends without:
 * that is why a version of ours has three.
 */
#define PROTO_VERSION	"1.6.45-cairn-" PACKAGE_VERSION

/* What a connection is told that is one too many. */
extern const struct slice proto_too_many_connections;

#endif
