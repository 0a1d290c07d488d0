/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto.c - see proto.h; chooses the protocol.
 */
#include "proto/proto.h"

#include "base/check.h"
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

static const struct protocol *const protocols[] = {
	[PROTO_NEGOTIATE] = &text_protocol,
	[PROTO_TEXT] = &text_protocol,
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
