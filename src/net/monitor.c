/* SPDX-License-Identifier: BSD-3-Clause */
/* monitor.c - see monitor.h. */
#include "net/monitor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "proto/resp.h"

/* What a byte takes at most: "\xff". Quotes, a space, what is left out. */
#define BYTE_MAX	4
#define WORD_MORE	64
#define HEAD_MAX	(128 + ORIGIN_ADDRESS_SIZE)

/* A word is not told. */
#define REDACTED	SLICE("(redacted)")

static char *
put_byte(char *at, unsigned char byte)
{
	static const char names[] = "\"\\\n\r\t\a\b";
	static const char letters[] = "\"\\nrtab";
	const char *name = byte == '\0' ? NULL : strchr(names, byte);

	if (name != NULL) {
		*at++ = '\\';
		*at++ = letters[name - names];
	} else if (byte >= ' ' && byte <= '~') {
		*at++ = (char)byte;
	} else {
		at += sprintf(at, "\\x%02x", byte);
	}
	return at;
}

static char *
put_word(char *at, struct slice word)
{
	size_t told = word.bytes == NULL ? 0 :
	    word.length < MONITOR_WORD_MAX ? word.length : MONITOR_WORD_MAX;

	*at++ = ' ';
	*at++ = '"';
	for (size_t i = 0; i < told; i++)
		at = put_byte(at, (unsigned char)word.bytes[i]);
	if (told < word.length)
		at += sprintf(at, "... (%zu more bytes)", word.length - told);
	*at++ = '"';
	return at;
}

static size_t
room_for(const struct slice *words, size_t count)
{
	size_t room = HEAD_MAX;

	for (size_t n = 0; n < count; n++)
		room += WORD_MORE + BYTE_MAX * (words[n].length <
		    MONITOR_WORD_MAX ? words[n].length : MONITOR_WORD_MAX);
	return room + WORD_MORE;
}

/* Where a request came from. */
struct caller {
	unsigned	space;		/* the database */
	bool		scripted;	/* a script's */
};

static char *
put_head(char *at, const struct session *session, const struct caller *caller)
{
	char address[ORIGIN_ADDRESS_SIZE] = "lua";
	uint64_t us = (uint64_t)clock_unix_us(session->env->clock);

	if (!caller->scripted)
		conn_address(session->push.conn, address);
	return at + snprintf(at, HEAD_MAX, "+%" PRIu64 ".%06u [%u %s]",
	    us / 1000000, (unsigned)(us % 1000000), caller->space, address);
}

/* Words whose bytes are NULL are told by their lengths. */
static void
tell(struct session *session, struct caller caller,
    const struct slice *words, size_t count)
{
	size_t told = count < MONITOR_WORDS_MAX ? count : MONITOR_WORDS_MAX;
	char *line = malloc(room_for(words, told)), *at;

	if (line == NULL)
		return;
	at = put_head(line, session, &caller);
	for (size_t n = 0; n < told; n++)
		at = put_word(at, words[n]);
	if (told < count)
		at += sprintf(at, " \"... (%zu more arguments)\"",
		    count - told);
	*at++ = '\r';
	*at++ = '\n';
	pubsub_tell_monitors(&session->env->pubsub, (struct slice){
	    line, (size_t)(at - line) });
	free(line);
}

/* Which words are passwords, or names that go with them? */
static bool
is_secret(const struct request *request, size_t n)
{
	const struct slice *words = request->words;

	switch (request->call->id) {
	case CALL_AUTH:
		return n > 0;
	case CALL_HELLO:
		return (n > 2 && call_word_is(words[n - 1], "auth")) ||
		    (n > 3 && call_word_is(words[n - 2], "auth"));
	default:
		return false;
	}
}

static void
tell_request(struct session *session, const struct request *request,
    struct caller caller)
{
	struct slice words[MONITOR_WORDS_MAX + 1] = {
		SLICE("SET"), request->key, { NULL, request->value.length },
	};
	size_t count = request->word_count;

	/* A SET whose value is on its way has no words. */
	for (size_t n = 0; n < count && n <= MONITOR_WORDS_MAX; n++)
		words[n] = is_secret(request, n) ? REDACTED :
		    request->words[n];
	tell(session, caller, words, count > 0 ? count : 3);
}

void
monitor_tell(struct session *session, const struct request *request)
{
	struct caller caller = { .space = request->space };

	tell_request(session, request, caller);
}

static bool
is_script(const struct call_row *row)
{
	return row->id == CALL_EVAL || row->id == CALL_EVALSHA ||
	    row->id == CALL_EVAL_RO || row->id == CALL_EVALSHA_RO;
}

void
monitor_tell_call(struct session_call *call, bool before)
{
	const struct call_row *row = call->request->call;
	struct caller caller = {
		.space = call->session->codec->resp.space,
		.scripted = call->scripted,
	};

	if (row->access != CALL_ADMIN && is_script(row) == before)
		tell_request(call->session, call->request, caller);
}

void
monitor_tell_line(struct session *session, struct slice line)
{
	struct caller caller = { .space = 0 };
	const char *at = line.bytes, *end;
	struct slice words[MONITOR_WORDS_MAX];
	size_t count = 0;

	if (line.length == 0 || (unsigned char)*at == 0x80)
		return;
	end = memchr(at, '\n', line.length);
	if (end == NULL)
		end = at + line.length;
	while (count < MONITOR_WORDS_MAX) {
		const char *start;

		while (at < end && (*at == ' ' || *at == '\r'))
			at++;
		if (at == end)
			break;
		for (start = at; at < end && *at != ' ' && *at != '\r'; at++)
			;
		words[count++] = (struct slice){ start, (size_t)(at - start) };
	}
	if (count > 0)
		tell(session, caller, words, count);
}

/* One that monitors already is told nothing, not even that. */
void
monitor_begin(struct session_call *call)
{
	struct session *session = call->session;

	if (call->visit != NULL) {
		resp_error(call->output,
		    "ERR MONITOR isn't allowed for DENY BLOCKING client");
		return;
	}
	if (pubsub_monitors(&session->subscriber))
		return;
	if (pubsub_subscribe(&session->env->pubsub, &session->subscriber,
	    PUBSUB_MONITOR, SLICE("")) == PUBSUB_OK)
		resp_simple(call->output, "OK");
	else
		resp_error(call->output, "ERR out of memory");
}
