/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_pubsub.c - SUBSCRIBE, PUBLISH, PUBSUB and their like.
 *
 * Each name of a request to subscribe has a reply of its own, which is a push
 * and so comes even to a client that wants no replies.
 */
#include "net/session_calls.h"

#include "base/glob.h"
#include "net/conn.h"
#include "proto/resp.h"

/* What a call is about; channels, if nothing else is said. */
static const enum pubsub_kind kinds[CALL_COUNT] = {
	[CALL_PSUBSCRIBE] = PUBSUB_PATTERN,
	[CALL_PUNSUBSCRIBE] = PUBSUB_PATTERN,
	[CALL_SSUBSCRIBE] = PUBSUB_SHARD,
	[CALL_SUNSUBSCRIBE] = PUBSUB_SHARD,
	[CALL_SPUBLISH] = PUBSUB_SHARD,
	[CALL_PUBSUB_SHARDCHANNELS] = PUBSUB_SHARD,
	[CALL_PUBSUB_SHARDNUMSUB] = PUBSUB_SHARD,
};

static enum pubsub_kind
kind_of(const struct session_call *call)
{
	return kinds[call->request->call->id];
}

/* Name NULL: there was none. */
static void
confirm(struct session_call *call, const struct slice *name)
{
	const struct subscriber *subscriber = &call->session->subscriber;
	struct output *output = session_push_output(call);
	enum pubsub_kind kind = kind_of(call);

	resp_push(output, call->v3, 3);
	resp_bulk_text(output, call->request->call->name);
	if (name == NULL)
		resp_null(output, call->v3);
	else
		resp_bulk(output, *name);
	resp_integer(output, kind == PUBSUB_SHARD ?
	    subscriber->counts[PUBSUB_SHARD] : pubsub_count(subscriber));
}

void
topics_subscribe(struct session_call *call)
{
	struct session *session = call->session;

	for (size_t n = 1; n < call->count; n++) {
		struct slice name = call->words[n];

		switch (pubsub_subscribe(&session->env->pubsub,
		    &session->subscriber, kind_of(call), name)) {
		case PUBSUB_OK:
			confirm(call, &name);
			break;
		case PUBSUB_TOO_LONG:
			resp_error(call->output, "ERR channel name is longer "
			    "than %d bytes", PUBSUB_NAME_MAX);
			break;
		case PUBSUB_TOO_MANY:
			resp_error(call->output, "ERR too many subscriptions "
			    "of this connection");
			break;
		case PUBSUB_NO_MEMORY:
			resp_error(call->output, "ERR out of memory");
			break;
		}
	}
}

static void
unsubscribe(struct session_call *call, struct slice name)
{
	struct session *session = call->session;

	pubsub_unsubscribe(&session->env->pubsub, &session->subscriber,
	    kind_of(call), name);
	confirm(call, &name);
}

static void
unsubscribe_all(struct session_call *call)
{
	const struct subscriber *subscriber = &call->session->subscriber;
	char copy[PUBSUB_NAME_MAX];
	struct slice name;

	if (!pubsub_oldest(subscriber, kind_of(call), &name))
		confirm(call, NULL);
	/* The name goes with its subscription. */
	while (pubsub_oldest(subscriber, kind_of(call), &name)) {
		memcpy(copy, name.bytes, name.length);
		unsubscribe(call, (struct slice){ copy, name.length });
	}
}

void
topics_unsubscribe(struct session_call *call)
{
	if (call->count == 1)
		unsubscribe_all(call);
	for (size_t n = 1; n < call->count; n++)
		unsubscribe(call, call->words[n]);
}

/* A subscriber that publishes sees its message before the reply. */
void
topics_publish(struct session_call *call)
{
	struct conn_env *env = call->session->env;
	size_t receivers;
	bool published = pubsub_publish(&env->pubsub, kind_of(call),
	    call->words[1], call->words[2], &receivers);

	session_push_output(call);
	if (published)
		resp_integer(call->output, (int64_t)receivers);
	else
		resp_error(call->output, "ERR too many messages wait to be "
		    "read, or there is no memory for another");
	call->session->crowded = mail_is_full(env->pubsub.hub->mail);
}

/* The names that match a pattern. */
struct listing {
	struct output	*output;
	struct slice	 pattern;	/* bytes NULL: all */
	size_t		 count;
};

static void
list_name(void *context, struct slice name)
{
	struct listing *listing = context;

	if (listing->pattern.bytes != NULL &&
	    !glob_matches(listing->pattern, name))
		return;
	resp_bulk(listing->output, name);
	listing->count++;
}

/* Redis' error for what its table of subcommands lets through. */
static void
wrong_words(struct session_call *call)
{
	resp_error(call->output, "ERR unknown subcommand or wrong number of "
	    "arguments for '%.*s'. Try PUBSUB HELP.",
	    (int)call->words[1].length, call->words[1].bytes);
}

void
topics_channels(struct session_call *call)
{
	struct output apart;
	struct listing listing = { .output = &apart };

	if (call->count > 3) {
		wrong_words(call);
		return;
	}
	if (output_open_apart(&apart) == -1) {
		resp_error(call->output, "ERR out of memory");
		return;
	}
	if (call->count == 3)
		listing.pattern = call->words[2];
	pubsub_visit(call->session->env->pubsub.hub, kind_of(call), list_name,
	    &listing);
	resp_array(call->output, listing.count);
	output_join(call->output, &apart);
}

void
topics_numsub(struct session_call *call)
{
	resp_map(call->output, false, call->count - 2);
	for (size_t n = 2; n < call->count; n++) {
		resp_bulk(call->output, call->words[n]);
		resp_integer(call->output, (int64_t)pubsub_subscribers(
		    call->session->env->pubsub.hub, kind_of(call),
		    call->words[n]));
	}
}

void
topics_numpat(struct session_call *call)
{
	resp_integer(call->output, (int64_t)pubsub_topics(
	    call->session->env->pubsub.hub, PUBSUB_PATTERN));
}
