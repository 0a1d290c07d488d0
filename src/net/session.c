/* SPDX-License-Identifier: BSD-3-Clause */
/* session.c - see session.h. */
#include "net/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/resp.h"

/* Clients decide by it what they may send. */
#define RESP_VERSION	"7.4.0"

/* Databases that SELECT knows. */
#define SPACES		16

/* How much of an unknown command is told back. */
#define UNKNOWN_MAX	128

/* What a function about the connection gets. */
struct context {
	struct session	*session;
	struct request	*request;
	const struct slice *words;
	size_t		 count;
	struct output	*output;
	bool		 v3;
};

typedef void session_function(struct context *);

static void
ping(struct context *context)
{
	if (context->count > 2)
		resp_error(context->output,
		    "ERR wrong number of arguments for 'ping' command");
	else if (context->count == 2)
		resp_bulk(context->output, context->words[1]);
	else
		resp_simple(context->output, "PONG");
}

static void
echo(struct context *context)
{
	resp_bulk(context->output, context->words[1]);
}

static void
quit(struct context *context)
{
	resp_simple(context->output, "OK");
	context->request->flags |= REQUEST_CLOSE;
}

/* Take another name; an empty one is none. False: the error is told. */
static bool
set_name(struct context *context, struct slice name)
{
	char *copy = NULL;

	for (size_t i = 0; i < name.length; i++)
		if (name.bytes[i] < '!' || name.bytes[i] > '~') {
			resp_error(context->output, "ERR Client names cannot "
			    "contain spaces, newlines or special characters.");
			return false;
		}
	if (name.length > 0 &&
	    (copy = strndup(name.bytes, name.length)) == NULL) {
		resp_error(context->output, "ERR out of memory");
		return false;
	}
	free(context->session->name);
	context->session->name = copy;
	return true;
}

static void
greet(struct context *context)
{
	struct output *output = context->output;
	bool v3 = context->session->codec->resp.v3;

	resp_map(output, v3, 7);
	resp_bulk_text(output, "server");
	resp_bulk_text(output, "redis");
	resp_bulk_text(output, "version");
	resp_bulk_text(output, RESP_VERSION);
	resp_bulk_text(output, "proto");
	resp_integer(output, v3 ? 3 : 2);
	resp_bulk_text(output, "id");
	resp_integer(output, (int64_t)context->session->id);
	resp_bulk_text(output, "mode");
	resp_bulk_text(output, "standalone");
	resp_bulk_text(output, "role");
	resp_bulk_text(output, "master");
	resp_bulk_text(output, "modules");
	resp_array(output, 0);
}

static void
hello(struct context *context)
{
	bool v3 = context->v3;
	size_t n = 1;

	if (context->count > 1) {
		int64_t version;

		if (!decimal_parse_signed(context->words[1], &version)) {
			resp_error(context->output, "ERR Protocol version is "
			    "not an integer or out of range");
			return;
		}
		if (version != 2 && version != 3) {
			resp_error(context->output,
			    "NOPROTO unsupported protocol version");
			return;
		}
		v3 = version == 3;
		n = 2;
	}
	while (n < context->count) {
		if (call_word_is(context->words[n], "setname") &&
		    n + 1 < context->count) {
			if (!set_name(context, context->words[n + 1]))
				return;
			n += 2;
		} else {
			resp_error(context->output,
			    "ERR Syntax error in HELLO option '%.*s'",
			    (int)context->words[n].length,
			    context->words[n].bytes);
			return;
		}
	}
	context->session->codec->resp.v3 = v3;
	greet(context);
}

static void
select_space(struct context *context)
{
	int64_t number;

	if (!decimal_parse_signed(context->words[1], &number))
		resp_error(context->output,
		    "ERR value is not an integer or out of range");
	else if (number < 0 || number >= SPACES)
		resp_error(context->output, "ERR DB index is out of range");
	else {
		context->session->codec->resp.space = (uint8_t)number;
		resp_simple(context->output, "OK");
	}
}

static session_function *const functions[CALL_COUNT] = {
	[CALL_ECHO] = echo,
	[CALL_HELLO] = hello,
	[CALL_PING] = ping,
	[CALL_QUIT] = quit,
	[CALL_SELECT] = select_space,
};

void
session_open(struct session *session, struct router *router,
    struct codec *codec, uint64_t id)
{
	*session = (struct session){
		.router = router, .codec = codec, .id = id,
	};
}

void
session_close(struct session *session)
{
	free(session->name);
}

static void
unknown(const struct request *request, struct output *output)
{
	char words[UNKNOWN_MAX + 8];
	int length = 0;

	words[0] = '\0';
	for (uint32_t n = 1; n < request->word_count && length < UNKNOWN_MAX;
	    n++)
		length += snprintf(words + length, sizeof words -
		    (size_t)length, "'%.*s' ", (int)(request->words[n].length <
		    (size_t)(UNKNOWN_MAX - length) ? request->words[n].length :
		    (size_t)(UNKNOWN_MAX - length)), request->words[n].bytes);
	resp_error(output, "ERR unknown command '%.*s', with args beginning "
	    "with: %s", (int)(request->words[0].length < UNKNOWN_MAX ?
	    request->words[0].length : UNKNOWN_MAX), request->words[0].bytes,
	    words);
}

static bool
keys_valid(const struct request *request)
{
	size_t first, last, step;

	if (!call_keys(request->call, request->word_count, &first, &last,
	    &step))
		return true;
	for (size_t n = first; n <= last; n += step)
		if (request->words[n].length > RESP_KEY_MAX)
			return false;
	return true;
}

void
session_call(struct session *session, struct request *request, int64_t now,
    struct output *output, struct journal *journal)
{
	struct context context = {
		.session = session, .request = request,
		.words = request->words, .count = request->word_count,
		.output = output, .v3 = request->flags & REQUEST_RESP3,
	};

	if (request->call == NULL)
		unknown(request, output);
	else if (!call_arity_valid(request->call, request->word_count))
		resp_error(output, "ERR wrong number of arguments for '%s' "
		    "command", request->call->name);
	else if (!keys_valid(request))
		resp_error(output, "ERR key is longer than %d bytes",
		    RESP_KEY_MAX);
	else if (request->call->scope == CALL_KEYS)
		route_call(session->router, request, now, output, journal);
	else
		functions[request->call->id](&context);
}
