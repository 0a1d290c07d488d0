/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto.c - see proto.h. Chooses the codec; so far there is one, text.
 */
#include "proto/proto.h"

#include "proto/text.h"

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
proto_open(struct codec *codec, const struct codec_config *config)
{
	*codec = (struct codec){ .config = config };
}

enum parse
proto_parse(struct codec *codec, struct slice *input, struct request *request,
    size_t *body)
{
	return text_parse(codec, input, request, body);
}

bool
proto_trailer_valid(const char trailer[PROTO_TRAILER])
{
	return trailer[0] == '\r' && trailer[1] == '\n';
}

void
proto_reply(struct output *output, const struct request *request,
    const struct reply *reply)
{
	text_reply(output, request, reply);
}

void
proto_stat(struct output *output, const char *name, const char *value)
{
	text_stat(output, name, value);
}
