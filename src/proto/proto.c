/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto.c - see proto.h; chooses the protocol.
 */
#include "proto/proto.h"

#include "base/check.h"
#include "proto/binary.h"
#include "proto/inline.h"
#include "proto/resp.h"
#include "proto/text.h"

/* Relative up to 30 days, unix time above. */
#define EXPTIME_RELATIVE_MAX	(60 * 60 * 24 * 30)

/* A time long past; and the last one that an item can hold. */
#define EXPIRY_PAST		1
#define EXPIRY_MAX		(((int64_t)1 << 48) - 1)

const struct slice proto_too_many_connections =
    SLICE("ERROR Too many open connections\r\n");

static const enum scope scopes[OP_COUNT] = {
#define OP(name, scope, access, function)	[OP_##name] = SCOPE_##scope,
#include "proto/commands.def"
};

enum scope
request_scope(enum op op)
{
	return scopes[op];
}

void
request_detach(struct request *request, char room[REQUEST_DETACHED_MAX])
{
	CHECK(request->key.length <= KEY_MAX &&
	    request->argument.length <= REQUEST_OPAQUE_MAX);
	memcpy(room, request->key.bytes, request->key.length);
	request->key.bytes = room;
	room += request->key.length;
	if (request->argument.length > 0)
		memcpy(room, request->argument.bytes,
		    request->argument.length);
	request->argument.bytes = room;
}

/*
 * What the first bytes say; NULL: the first line is to be seen. A line is text
 * unless only RESP knows it.
 */
static const struct protocol *
protocol_of(struct slice input)
{
	struct slice name;
	const char *end;

	if (*input.bytes == BINARY_MAGIC)
		return &binary_protocol;
	if (*input.bytes == '*')
		return &resp_protocol;
	end = memchr(input.bytes, '\n', input.length);
	if (end == NULL)
		return NULL;
	input.length = (size_t)(end - input.bytes);
	name = inline_name(input);
	return call_find(name) != NULL && !text_has_verb(name) ?
	    &resp_protocol : &text_protocol;
}

/* Speak the protocol that the first bytes tell, from then on. */
static enum parse
negotiate(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	const struct protocol *protocol = protocol_of(*input);

	if (protocol == NULL)
		return text_protocol.parse(codec, input, request, body);
	codec->protocol = protocol;
	return proto_parse(codec, input, request, body);
}

static const struct protocol negotiating = { .parse = negotiate };

/* Packets are lines without sense here. */
static enum parse
negotiate_lines(struct codec *codec, struct slice *input,
    struct request *request, size_t *body)
{
	if (*input->bytes != BINARY_MAGIC)
		return negotiate(codec, input, request, body);
	codec->protocol = &text_protocol;
	return proto_parse(codec, input, request, body);
}

static const struct protocol negotiating_lines = { .parse = negotiate_lines };

static const struct protocol *const protocols[] = {
	[PROTO_NEGOTIATE] = &negotiating,
	[PROTO_TEXT] = &text_protocol,
	[PROTO_BINARY] = &binary_protocol,
	[PROTO_NOT_BINARY] = &negotiating_lines,
};

void
proto_open(struct codec *codec, const struct codec_config *config,
    enum proto_choice choice)
{
	*codec = (struct codec){
		.protocol = protocols[choice], .config = config,
	};
}

enum parse
proto_reject(struct request *request, enum status status)
{
	request->op = OP_REJECT;
	request->status = status;
	return PARSE_REQUEST;
}

int64_t
proto_expiry(int64_t now, int64_t seconds)
{
	if (seconds == 0)
		return 0;
	if (seconds < 0)
		return EXPIRY_PAST;
	if (seconds <= EXPTIME_RELATIVE_MAX)
		return now + seconds * 1000;
	return seconds < EXPIRY_MAX / 1000 ? seconds * 1000 : EXPIRY_MAX;
}
