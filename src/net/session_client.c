/* SPDX-License-Identifier: BSD-3-Clause */
/* session_client.c - the parts of CLIENT that are about its own connection. */
#include "net/session_calls.h"

#include "proto/resp.h"

void
client_id(struct session_call *call)
{
	resp_integer(call->output, (int64_t)call->session->id);
}

void
client_getname(struct session_call *call)
{
	const char *name = call->session->texts[SESSION_NAME];

	if (name == NULL)
		resp_null(call->output, call->v3);
	else
		resp_bulk_text(call->output, name);
}

void
client_setname(struct session_call *call)
{
	if (session_set_text(call, SESSION_NAME, "Client names",
	    call->words[2]))
		session_ok(call);
}

void
client_setinfo(struct session_call *call)
{
	static const struct {
		const char		*name;
		enum session_text	 text;
	} attributes[] = {
		{ "lib-name", SESSION_LIBRARY },
		{ "lib-ver", SESSION_LIBRARY_VERSION },
	};
	struct slice word = call->words[2];

	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		if (!call_word_is(word, attributes[i].name))
			continue;
		if (session_set_text(call, attributes[i].text,
		    attributes[i].name, call->words[3]))
			session_ok(call);
		return;
	}
	resp_error(call->output, "ERR Unrecognized option '%.*s'",
	    (int)(word.length < 128 ? word.length : 128), word.bytes);
}

void
client_reply(struct session_call *call)
{
	struct session *session = call->session;
	struct slice word = call->words[2];

	if (call_word_is(word, "on")) {
		session->replies = SESSION_REPLIES;
		session_ok(call);
	} else if (call_word_is(word, "off")) {
		session->replies = SESSION_NO_REPLIES;
	} else if (call_word_is(word, "skip")) {
		if (session->replies == SESSION_REPLIES)
			session->replies = SESSION_SKIP_NEXT;
	} else {
		session_syntax_error(call);
	}
}

/* Neither changes anything: no client is closed to make room. */
static void
on_or_off(struct session_call *call)
{
	if (call_word_is(call->words[2], "on") ||
	    call_word_is(call->words[2], "off"))
		session_ok(call);
	else
		session_syntax_error(call);
}

void
client_no_evict(struct session_call *call)
{
	on_or_off(call);
}

void
client_no_touch(struct session_call *call)
{
	on_or_off(call);
}
