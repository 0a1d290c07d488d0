/* SPDX-License-Identifier: BSD-3-Clause */
/* session.c - see session.h. */
#include "net/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "net/conn.h"
#include "net/permit.h"
#include "net/monitor.h"
#include "net/session_calls.h"
#include "net/session_multi.h"
#include "proto/resp.h"
#include "shard/visit.h"

/* How much of an unknown command is told back. */
#define UNKNOWN_MAX	128

/* The longest text that a client says about itself. */
#define TEXT_MAX	1024

void
session_ok(struct session_call *call)
{
	resp_simple(call->output, "OK");
}

void
session_syntax_error(struct session_call *call)
{
	resp_error(call->output, "ERR syntax error");
}

void
session_wrong_arity(struct session_call *call)
{
	bool exec = call->request->call->id == CALL_EXEC;

	resp_error(call->output, "%s wrong number of arguments for '%s' "
	    "command", exec ? "EXECABORT Transaction discarded because of:" :
	    "ERR", call->request->call->name);
}

bool
session_replace_text(struct session *session, enum session_text which,
    struct slice text)
{
	char *copy = NULL, *old;

	if (text.length > 0 &&
	    (copy = strndup(text.bytes, text.length)) == NULL)
		return false;
	pthread_mutex_lock(&session->env->list_lock);
	old = session->texts[which];
	session->texts[which] = copy;
	pthread_mutex_unlock(&session->env->list_lock);
	free(old);
	return true;
}

bool
session_set_text(struct session_call *call, enum session_text which,
    const char *what, struct slice text)
{
	for (size_t i = 0; i < text.length; i++)
		if (text.bytes[i] < '!' || text.bytes[i] > '~') {
			resp_error(call->output, "ERR %s cannot contain "
			    "spaces, newlines or special characters.", what);
			return false;
		}
	if (text.length > TEXT_MAX) {
		resp_error(call->output, "ERR %s cannot be longer than %d "
		    "bytes", what, TEXT_MAX);
		return false;
	}
	if (!session_replace_text(call->session, which, text)) {
		resp_error(call->output, "ERR out of memory");
		return false;
	}
	return true;
}

/* What RESP2 cannot tell from replies has the connection to itself. */
static bool
has_only_messages(const struct session *session)
{
	return pubsub_is_subscribed(&session->subscriber) &&
	    !session->codec->resp.v3;
}

static void
ping_subscribed(struct session_call *call)
{
	resp_array(call->output, 2);
	resp_bulk_text(call->output, "pong");
	resp_bulk(call->output, call->count == 2 ? call->words[1] :
	    SLICE(""));
}

static void
ping(struct session_call *call)
{
	if (call->count > 2)
		session_wrong_arity(call);
	else if (has_only_messages(call->session))
		ping_subscribed(call);
	else if (call->count == 2)
		resp_bulk(call->output, call->words[1]);
	else
		resp_simple(call->output, "PONG");
}

static void
echo(struct session_call *call)
{
	resp_bulk(call->output, call->words[1]);
}

static void
quit(struct session_call *call)
{
	session_ok(call);
	call->request->flags |= REQUEST_CLOSE;
}

/* As if the connection were new. */
static void
reset(struct session_call *call)
{
	struct session *session = call->session;

	session_replace_text(session, SESSION_NAME, SLICE(""));
	session_replace_text(session, SESSION_USER, SLICE(""));
	session->replies = SESSION_REPLIES;
	pubsub_leave(&session->env->pubsub, &session->subscriber);
	multi_reset(session);
	tracker_end(session);
	session->codec->resp.v3 = false;
	session->codec->resp.space = 0;
	if (session->env->gate != NULL)
		gate_put_out(session->visit);
	resp_simple(call->output, "RESET");
}

bool
session_read_space(struct slice word, uint8_t *space)
{
	int64_t number;

	if (!decimal_parse_signed(word, &number) || number < 0 ||
	    number >= SESSION_SPACES)
		return false;
	*space = (uint8_t)number;
	return true;
}

static void
select_space(struct session_call *call)
{
	int64_t number;

	if (!decimal_parse_signed(call->words[1], &number))
		resp_error(call->output,
		    "ERR value is not an integer or out of range");
	else if (!session_read_space(call->words[1],
	    &call->session->codec->resp.space))
		resp_error(call->output, "ERR DB index is out of range");
	else
		session_ok(call);
}

static session_function *const functions[CALL_COUNT] = {
	[CALL_AUTH] = hello_auth,
	[CALL_CLIENT_CACHING] = client_caching,
	[CALL_CLIENT_GETNAME] = client_getname,
	[CALL_CLIENT_GETREDIR] = client_getredir,
	[CALL_CLIENT_HELP] = session_help,
	[CALL_CLIENT_ID] = client_id,
	[CALL_CLIENT_NO_EVICT] = client_no_evict,
	[CALL_CLIENT_NO_TOUCH] = client_no_touch,
	[CALL_CLIENT_REPLY] = client_reply,
	[CALL_CLIENT_SETINFO] = client_setinfo,
	[CALL_CLIENT_SETNAME] = client_setname,
	[CALL_CLIENT_TRACKINGINFO] = client_trackinginfo,
	[CALL_DISCARD] = multi_discard,
	[CALL_ECHO] = echo,
	[CALL_EVAL] = script_eval,
	[CALL_EVALSHA] = script_eval,
	[CALL_EVALSHA_RO] = script_eval,
	[CALL_EVAL_RO] = script_eval,
	[CALL_EXEC] = multi_exec,
	[CALL_HELLO] = hello_greet,
	[CALL_MONITOR] = monitor_begin,
	[CALL_MULTI] = multi_begin,
	[CALL_PING] = ping,
	[CALL_PSUBSCRIBE] = topics_subscribe,
	[CALL_PUBLISH] = topics_publish,
	[CALL_PUBSUB_CHANNELS] = topics_channels,
	[CALL_PUBSUB_HELP] = session_help,
	[CALL_PUBSUB_NUMPAT] = topics_numpat,
	[CALL_PUBSUB_NUMSUB] = topics_numsub,
	[CALL_PUBSUB_SHARDCHANNELS] = topics_channels,
	[CALL_PUBSUB_SHARDNUMSUB] = topics_numsub,
	[CALL_PUNSUBSCRIBE] = topics_unsubscribe,
	[CALL_QUIT] = quit,
	[CALL_RESET] = reset,
	[CALL_SCRIPT_EXISTS] = script_exists,
	[CALL_SCRIPT_FLUSH] = script_flush_all,
	[CALL_SCRIPT_HELP] = session_help,
	[CALL_SCRIPT_KILL] = script_kill_running,
	[CALL_SCRIPT_LOAD] = script_load_text,
	[CALL_SELECT] = select_space,
	[CALL_SPUBLISH] = topics_publish,
	[CALL_SSUBSCRIBE] = topics_subscribe,
	[CALL_SUBSCRIBE] = topics_subscribe,
	[CALL_SUNSUBSCRIBE] = topics_unsubscribe,
	[CALL_UNSUBSCRIBE] = topics_unsubscribe,
	[CALL_UNWATCH] = multi_unwatch,
	[CALL_WATCH] = multi_watch,
};

/* What a client who has not logged in may do. */
static bool
is_open_to_all(enum call_id id)
{
	return id == CALL_AUTH || id == CALL_HELLO || id == CALL_QUIT ||
	    id == CALL_RESET;
}

/* What may not be called by a client that monitors, as in Redis. */
static bool
is_about_keys(const struct call_row *row)
{
	return row->scope == CALL_KEYS || row->id == CALL_PUBLISH ||
	    row->id == CALL_SPUBLISH;
}

/* What may be called while nothing but messages may come. */
static bool
is_for_subscribers(enum call_id id)
{
	switch (id) {
	case CALL_PING:
	case CALL_PSUBSCRIBE:
	case CALL_PUNSUBSCRIBE:
	case CALL_QUIT:
	case CALL_RESET:
	case CALL_SSUBSCRIBE:
	case CALL_SUBSCRIBE:
	case CALL_SUNSUBSCRIBE:
	case CALL_UNSUBSCRIBE:
		return true;
	default:
		return false;
	}
}

void
session_open(struct session *session, struct conn_env *env,
    struct codec *codec, struct gate_visit *visit, struct conn *conn,
    uint64_t id, int64_t now)
{
	*session = (struct session){
		.env = env, .codec = codec, .visit = visit, .id = id,
		.opened = now, .waiting = -1,
		.push = { .pushes = &env->pushes, .conn = conn },
		.subscriber = {
			.push = &session->push, .v3 = &codec->resp.v3,
		},
	};
}

void
session_close(struct session *session)
{
	pubsub_leave(&session->env->pubsub, &session->subscriber);
	tracker_end(session);
	push_close(&session->push);
	for (size_t i = 0; i < SESSION_TEXTS; i++)
		free(session->texts[i]);
	multi_free(session);
}

static void
help_line(struct output *output, const char *before, struct slice text)
{
	char line[512];

	snprintf(line, sizeof line, "%s%.*s", before, (int)text.length,
	    text.bytes);
	resp_simple(output, line);
}

void
session_help(struct session_call *call)
{
	const struct call_row *whole = call_whole(call->request->call);
	const struct call_row *last = whole + call_parts(whole);
	size_t skip = strlen(whole->name) + 1;

	resp_array(call->output, 1 + 2 * (size_t)(last - whole));
	help_line(call->output, "", (struct slice){ whole->synopsis,
	    strcspn(whole->synopsis, " ") });
	for (const struct call_row *row = whole + 1; row <= last; row++) {
		help_line(call->output, "",
		    slice_of(row->synopsis + skip));
		help_line(call->output, "    ", slice_of(row->sentence));
	}
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

bool
session_keys_valid(struct session_call *call)
{
	const struct request *request = call->request;
	size_t first, last, step;

	if (!call_keys(request->call, request->word_count, &first, &last,
	    &step))
		return true;
	for (size_t n = first; n <= last; n += step)
		if (request->words[n].length > RESP_KEY_MAX) {
			resp_error(call->output,
			    "ERR key is longer than %d bytes", RESP_KEY_MAX);
			return false;
		}
	return true;
}

/* Whose part is meant? False: none, and the error is told. */
static bool
choose_part(struct session_call *call)
{
	struct request *request = call->request;
	const struct call_row *part;
	char name[UNKNOWN_MAX];
	size_t length = 0;

	if (call->count < 2 || call_parts(request->call) == 0)
		return true;
	part = call_part(request->call, call->words[1]);
	if (part != NULL) {
		request->call = part;
		return true;
	}
	for (; request->call->name[length] != '\0'; length++)
		name[length] = (char)(request->call->name[length] - 'a' + 'A');
	resp_error(call->output, "ERR unknown subcommand '%.*s'. Try %.*s "
	    "HELP.", (int)(call->words[1].length < UNKNOWN_MAX ?
	    call->words[1].length : UNKNOWN_MAX), call->words[1].bytes,
	    (int)length, name);
	return false;
}

/* False: the reply is an error. */
static bool
is_valid(struct session_call *call)
{
	const struct request *request = call->request;

	if (request->call == NULL || call_is_part(request->call)) {
		unknown(request, call->output);
		return false;
	}
	if (!choose_part(call))
		return false;
	if (!call_arity_valid(request->call, call->count)) {
		session_wrong_arity(call);
		return false;
	}
	if (!call->session->visit->inside &&
	    !is_open_to_all(request->call->id)) {
		resp_error(call->output, "NOAUTH Authentication required.");
		return false;
	}
	if (pubsub_monitors(&call->session->subscriber) &&
	    is_about_keys(request->call)) {
		resp_error(call->output,
		    "ERR Replica can't interact with the keyspace");
		return false;
	}
	if (has_only_messages(call->session) &&
	    !is_for_subscribers(request->call->id)) {
		resp_error(call->output, "ERR Can't execute '%s': only "
		    "(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
		    "are allowed in this context", request->call->name);
		return false;
	}
	return session_keys_valid(call) &&
	    permit_call(call->session->visit, request, call->output);
}

/* Alone, or among others whose shards are entered. */
static void
call_on_keys(struct session_call *call)
{
	struct conn_env *env = call->session->env;
	struct tracker_turn turn;
	struct tracking_reader *reader;

	call->request->rights = call->session->visit->rights;
	if (call->visit != NULL) {
		tracker_next(call, call->visit->reader);
		visit_call(call->visit, call->request, call->output);
	} else {
		reader = tracker_begin_turn(call, &turn);
		route_call(env->router, call->request, call->now,
		    call->output, &env->journal, reader);
		tracker_end_turn(call, &turn);
	}
}

void
session_perform(struct session_call *call)
{
	struct conn_env *env = call->session->env;
	const struct call_row *row = call->request->call;
	struct call_counts *counts = &env->calls[row->id];
	unsigned errors = call->output->errors;
	int64_t us, before = clock_monotonic_us();

	if (monitor_wanted(env->pubsub.hub))
		monitor_tell_call(call, true);
	switch (row->scope) {
	case CALL_KEYS:
		call_on_keys(call);
		break;
	case CALL_CONNECTION:
		functions[row->id](call);
		break;
	case CALL_SERVER:
		env->call(env->serve_context, call);
		break;
	}
	us = clock_monotonic_us() - before;
	if (monitor_wanted(env->pubsub.hub))
		monitor_tell_call(call, false);
	conn_count(&counts->calls, 1);
	conn_count(&counts->us, (uint64_t)us);
	conn_count(&counts->took[call_time_of((uint64_t)us)], 1);
	conn_count(&counts->failed, call->output->errors != errors);
	if (row->scope == CALL_KEYS || script_is_needed(row))
		env->note_slow(env->serve_context, call, us);
}

/* For those who list connections: what the call may have changed. */
static void
note_state(struct session *session)
{
	atomic_store_explicit(&session->space, session->codec->resp.space,
	    memory_order_relaxed);
	atomic_store_explicit(&session->v3, session->codec->resp.v3,
	    memory_order_relaxed);
	atomic_store_explicit(&session->waiting, session->multi.open ?
	    session->multi.count : -1, memory_order_relaxed);
}

static void
answer(struct session_call *call)
{
	if (call->request->op != OP_CALL) {
		resp_error(call->output, "NOAUTH Authentication required.");
		return;
	}
	if (!is_valid(call)) {
		if (call->request->call != NULL)
			conn_count(&call->session->env->calls[
			    call->request->call->id].rejected, 1);
		multi_refused(call);
		return;
	}
	atomic_store_explicit(&call->session->call, call->request->call,
	    memory_order_relaxed);
	if (multi_defers(call->session, call->request->call))
		multi_queue(call);
	else
		session_perform(call);
}

/* CLIENT REPLY does not reply to itself but to switch replies on. */
static void
answer_unheard(struct session_call *call)
{
	struct session *session = call->session;
	enum session_replies before = session->replies;
	struct output *output = call->output, apart;

	if (output_open_apart(&apart) == -1) {
		call->request->flags |= REQUEST_CLOSE;
		return;
	}
	call->output = &apart;
	answer(call);
	if (before == SESSION_SKIP_NEXT &&
	    session->replies == SESSION_SKIP_NEXT)
		session->replies = SESSION_REPLIES;
	if (before == SESSION_NO_REPLIES &&
	    session->replies == SESSION_REPLIES)
		output_join(output, &apart);
	else
		output_drop(&apart);
}

/* Is there more to a request than its reply? Then none takes a shorter way. */
static bool
needs_calls(const struct session *session)
{
	return session->multi.open || session->replies != SESSION_REPLIES ||
	    tracker_is_on(&session->tracker) ||
	    pubsub_monitors(&session->subscriber) ||
	    has_only_messages(session);
}

struct output *
session_push_output(struct session_call *call)
{
	struct session *session = call->session;

	/* In a transaction it is a part of the reply to that. */
	if (call->visit != NULL)
		return call->output;
	if (push_waits(&session->push))
		push_to_output(&session->push, session->outer);
	return session->outer;
}

void
session_serve(struct session *session, struct request *request, int64_t now,
    struct output *output)
{
	struct session_call call = {
		.session = session, .request = request,
		.words = request->words, .count = request->word_count,
		.output = output, .v3 = request->flags & REQUEST_RESP3,
		.now = now,
	};

	session->outer = output;
	if (session->replies == SESSION_REPLIES)
		answer(&call);
	else
		answer_unheard(&call);
	if (!(request->flags & REQUEST_CLOSE))
		session_push_output(&call);
	if (tracker_is_on(&session->tracker)) {
		tracker_called(&call);
		session_push_output(&call);
	}
	session->codec->resp.queueing = needs_calls(session);
	note_state(session);
}
