/* SPDX-License-Identifier: BSD-3-Clause */
/* tracker.c - see tracker.h. */
#include "net/tracker.h"

#include <stdlib.h>
#include <string.h>

#include "net/conn.h"
#include "net/session_calls.h"
#include "proto/resp.h"

/* The channel that a redirection in RESP2 comes by. */
#define CHANNEL	"__redis__:invalidate"

/* Room for what stands before a key. */
#define HEAD_MAX	128

bool
tracker_prefix(const struct tracker *tracker, size_t *at, struct slice *prefix)
{
	uint32_t length;

	if (*at == tracker->prefix_bytes)
		return false;
	memcpy(&length, tracker->prefixes + *at, sizeof length);
	*prefix = (struct slice){
		tracker->prefixes + *at + sizeof length, length,
	};
	*at += sizeof length + length;
	return true;
}

/* As memcmp(), a prefix of the other before it. */
static int
compare(struct slice a, struct slice b)
{
	size_t length = a.length < b.length ? a.length : b.length;
	int order = length == 0 ? 0 : memcmp(a.bytes, b.bytes, length);

	return order != 0 ? order : (a.length > b.length) -
	    (a.length < b.length);
}

/* Add a prefix to those that are in order. False: no room. */
static bool
keep_prefix(struct tracker *tracker, struct slice prefix)
{
	uint32_t length = (uint32_t)prefix.length;
	size_t size = sizeof length + prefix.length, at = 0, next = 0;
	struct slice other;
	char *prefixes;

	if (tracker->prefix_bytes + size > TRACKER_PREFIX_BYTES)
		return false;
	prefixes = realloc(tracker->prefixes, tracker->prefix_bytes + size);
	if (prefixes == NULL)
		return false;
	tracker->prefixes = prefixes;
	while (tracker_prefix(tracker, &next, &other) &&
	    compare(other, prefix) < 0)
		at = next;
	memmove(prefixes + at + size, prefixes + at,
	    tracker->prefix_bytes - at);
	memcpy(prefixes + at, &length, sizeof length);
	if (length > 0)
		memcpy(prefixes + at + sizeof length, prefix.bytes, length);
	tracker->prefix_bytes += size;
	return true;
}

static void
set_modes(struct tracker *tracker, unsigned modes)
{
	atomic_store_explicit(&tracker->modes, modes, memory_order_relaxed);
}

static struct tracking *
tracking_of(const struct session *session)
{
	return session->env->router->tracking;
}

void
tracker_begin(struct session *session, unsigned modes, uint64_t redirect)
{
	struct tracker *tracker = &session->tracker;

	if (!tracker_is_on(tracker))
		tracking_of(session)->clients++;
	set_modes(tracker, TRACKER_ON | modes);
	atomic_store_explicit(&tracker->redirect, redirect,
	    memory_order_relaxed);
	tracker->caching = false;
}

bool
tracker_add_prefix(struct session *session, struct slice prefix)
{
	struct tracking *tracking = tracking_of(session);

	if (!tracking_add_prefix(tracking, prefix, session->id,
	    session->tracker.modes & TRACKER_NOLOOP))
		return false;
	if (keep_prefix(&session->tracker, prefix))
		return true;
	tracking_remove_prefix(tracking, prefix, session->id);
	return false;
}

void
tracker_end(struct session *session)
{
	struct tracker *tracker = &session->tracker;
	struct slice prefix;
	size_t at = 0;

	if (!tracker_is_on(tracker))
		return;
	while (tracker_prefix(tracker, &at, &prefix))
		tracking_remove_prefix(tracking_of(session), prefix,
		    session->id);
	free(tracker->prefixes);
	tracker->prefixes = NULL;
	tracker->prefix_bytes = 0;
	tracking_of(session)->clients--;
	set_modes(tracker, 0);
	atomic_store_explicit(&tracker->redirect, 0, memory_order_relaxed);
	tracker->caching = false;
}

/* Are the keys that the next call reads of interest? */
static bool
notes(const struct tracker *tracker)
{
	if (tracker->modes & TRACKER_BCAST)
		return false;
	if (tracker->modes & TRACKER_OPTIN)
		return tracker->caching;
	return !(tracker->modes & TRACKER_OPTOUT && tracker->caching);
}

struct tracking_reader *
tracker_begin_turn(struct session_call *call, struct tracker_turn *turn)
{
	struct session *session = call->session;

	turn->output = NULL;
	if (!tracker_is_on(&session->tracker))
		return NULL;
	turn->reader = (struct tracking_reader){
		.tracking = tracking_of(session), .client = session->id,
		.notes = notes(&session->tracker),
		.noloop = session->tracker.modes & TRACKER_NOLOOP,
	};
	turn->output = call->output;
	output_open(&turn->apart, session->env->apart);
	call->output = &turn->apart;
	return &turn->reader;
}

void
tracker_next(struct session_call *call, struct tracking_reader *reader)
{
	if (reader != NULL)
		reader->notes = tracker_is_on(&call->session->tracker) &&
		    notes(&call->session->tracker);
}

void
tracker_end_turn(struct session_call *call, struct tracker_turn *turn)
{
	struct conn_env *env = call->session->env;

	if (turn->output == NULL)
		return;
	call->output = turn->output;
	if (turn->reader.lost)
		tracker_tell_all(env);
	mail_read(turn->reader.letters, env);
	session_push_output(call);
	if (output_close(&turn->apart) == -1)
		call->output->failed = 1;
	call->output->errors += turn->apart.errors;
	output_buffer(call->output, env->apart);
}

void
tracker_called(struct session_call *call)
{
	struct tracker *tracker = &call->session->tracker;
	struct conn_env *env = call->session->env;
	const struct call_row *row = call->request->call;

	if (mail_take_lost(tracking_of(call->session)->mail, env->number))
		tracker_tell_all(env);
	if (mail_bytes(tracking_of(call->session)->mail, env->number) > 0)
		mail_read(mail_take(tracking_of(call->session)->mail,
		    env->number), env);
	/* It holds for the next call, or a transaction as a whole. */
	if (!call->session->multi.open &&
	    (row == NULL || call_whole(row)->id != CALL_CLIENT))
		tracker->caching = false;
}

/* What a client is told before the keys, or in their place. */
static size_t
put_head(char head[HEAD_MAX], bool v3, const struct slice *key)
{
	char *at = head;
	const char *words = v3 ? ">2\r\n$10\r\ninvalidate\r\n" :
	    "*3\r\n$7\r\nmessage\r\n$20\r\n" CHANNEL "\r\n";

	at = stpcpy(at, words);
	if (key->bytes == NULL)
		return (size_t)(stpcpy(at, v3 ? "_\r\n" : "$-1\r\n") - head);
	at = stpcpy(at, "*1\r\n$");
	at += decimal_format(at, key->length);
	return (size_t)(stpcpy(at, "\r\n") - head);
}

/* In RESP2 it is a message, for those who are subscribed to any. */
static void
push_key(struct session *session, struct slice key)
{
	bool v3 = session->codec->resp.v3;
	char head[HEAD_MAX];

	if (!v3 && !pubsub_is_subscribed(&session->subscriber))
		return;
	push_bytes(&session->push, (struct slice){
	    head, put_head(head, v3, &key) });
	if (key.bytes == NULL)
		return;
	push_bytes(&session->push, key);
	push_bytes(&session->push, SLICE("\r\n"));
}

/* Write on behalf of a client to another. */
static void
redirect(struct session *session, uint64_t to, struct slice key)
{
	struct tracking *tracking = tracking_of(session);

	tracking_write(tracking, tracking_worker(tracking, to),
	    TRACKING_REDIRECTED, session->id, key, &to, 1);
	mail_wake(tracking->mail);
}

static void
tell(struct session *session, struct slice key)
{
	uint64_t to = session->tracker.redirect;

	if (!tracker_is_on(&session->tracker))
		return;
	if (to != 0)
		redirect(session, to, key);
	else if (session->codec->resp.v3)
		push_key(session, key);
}

static void
tell_redirected(struct conn_env *env, const struct tracking_letter *letter)
{
	struct tracking *tracking = env->router->tracking;
	uint64_t to = letter->clients[0], behalf = letter->behalf;
	struct session *session = conn_session(env, to);

	if (session != NULL) {
		session->tracker.target = true;
		push_key(session, letter->key);
		return;
	}
	tracking_write(tracking, tracking_worker(tracking, behalf),
	    TRACKING_BROKEN, to, letter->key, &behalf, 1);
	mail_wake(tracking->mail);
}

static void
tell_broken(struct session *session, uint64_t lost)
{
	struct tracker *tracker = &session->tracker;
	char text[HEAD_MAX], *at = text;

	if (!tracker_is_on(tracker) || tracker->redirect != lost)
		return;
	set_modes(tracker, tracker->modes | TRACKER_BROKEN);
	if (!session->codec->resp.v3)
		return;
	at = stpcpy(at, ">2\r\n$21\r\ntracking-redir-broken\r\n:");
	at += decimal_format(at, lost);
	at = stpcpy(at, "\r\n");
	push_bytes(&session->push, (struct slice){
	    text, (size_t)(at - text) });
}

static void
tell_clients(struct conn_env *env, const struct tracking_letter *letter)
{
	for (size_t i = 0; i < letter->client_count; i++) {
		struct session *session = conn_session(env,
		    letter->clients[i]);

		if (session == NULL)
			continue;
		if (letter->news == TRACKING_CHANGED)
			tell(session, letter->key);
		else
			tell_broken(session, letter->behalf);
	}
}

static void
tell_one_of_all(void *context, struct session *session)
{
	const bool *lost = context;
	struct slice none = { NULL, 0 };

	tell(session, none);
	/* Letters that were sent on to it may be among those lost. */
	if (*lost && session->tracker.target)
		push_key(session, none);
}

static void
tell_all(struct conn_env *env, bool lost)
{
	conn_each(env, tell_one_of_all, &lost);
}

void
tracker_tell_all(struct conn_env *env)
{
	tell_all(env, true);
}

void
tracker_open_letter(struct letter *letter, void *reader)
{
	struct tracking_letter *own = (struct tracking_letter *)letter;
	struct conn_env *env = reader;

	if (env != NULL)
		switch (own->news) {
		case TRACKING_CHANGED:
		case TRACKING_BROKEN:
			tell_clients(env, own);
			break;
		case TRACKING_FLUSHED:
			tell_all(env, false);
			break;
		case TRACKING_REDIRECTED:
			tell_redirected(env, own);
			break;
		}
	free(own);
}
