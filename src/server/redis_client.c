/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_client.c - the parts of CLIENT that are about other connections:
 * LIST, INFO, KILL. Connections are visited worker by worker, some at a time,
 * as those of a worker cannot come or go meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proto/resp.h"
#include "server/redis_calls.h"

/* Connections that are visited at once, and the longest line of one. */
#define VISIT_CONNS	64
#define LINE_BYTES	4096

/* Types of clients; nobody is of those that belong to replication. */
enum client_type { TYPE_ANY, TYPE_NORMAL, TYPE_PUBSUB, TYPE_NONE };

/* Whom a call is about; a text that is NULL, or an id of 0, is anybody. */
struct filter {
	const struct slice	*ids;		/* CLIENT LIST ID, or NULL */
	size_t			 id_count;
	uint64_t		 id;
	struct slice		 address, local, user;
	enum client_type	 type;
	bool			 skip_me;
	uint64_t		 me;
};

/* A visit of all connections. */
struct round {
	const struct filter	*filter;
	struct admin		*admin;
	struct output		*output;	/* of LIST */
	int64_t			 now;
	uint64_t		 matched;
	uint64_t		 ids[VISIT_CONNS];	/* to KILL */
	unsigned		 count;
};

/* "tcp:127.0.0.1:4711" without the first word. */
static const char *
address_of(const char *peer)
{
	const char *at = strncmp(peer, "unix:", 5) == 0 ? NULL :
	    strchr(peer, ':');

	return at == NULL ? peer : at + 1;
}

static bool
has_text(struct slice wanted, const char *text)
{
	return wanted.bytes == NULL || slice_equal(wanted, slice_of(text));
}

static bool
has_id(const struct filter *filter, uint64_t id)
{
	uint64_t wanted;

	if (filter->ids == NULL)
		return filter->id == 0 || filter->id == id;
	for (size_t i = 0; i < filter->id_count; i++)
		if (decimal_parse(filter->ids[i], &wanted) && wanted == id)
			return true;
	return false;
}

static const char *
text_of(const struct conn_view *conn, enum session_text which)
{
	const char *text = conn->session->texts[which];

	return text != NULL ? text : which == SESSION_USER ? "default" : "";
}

static bool
is_subscribed(const struct session *session)
{
	const struct subscriber *subscriber = &session->subscriber;

	return pubsub_count(subscriber) > 0 ||
	    subscriber->counts[PUBSUB_SHARD] > 0;
}

static bool
has_type(const struct filter *filter, const struct session *session)
{
	return filter->type == TYPE_ANY || filter->type ==
	    (is_subscribed(session) ? TYPE_PUBSUB : TYPE_NORMAL);
}

static bool
matches(const struct filter *filter, const struct conn_view *conn)
{
	return has_type(filter, conn->session) &&
	    has_id(filter, conn->session->id) &&
	    !(filter->skip_me && conn->session->id == filter->me) &&
	    has_text(filter->address, address_of(conn->peer)) &&
	    has_text(filter->local, address_of(conn->origin->address)) &&
	    has_text(filter->user, text_of(conn, SESSION_USER));
}

/* As CLIENT GETREDIR. */
static int64_t
redirection(const struct session *session)
{
	return tracker_is_on(&session->tracker) ?
	    (int64_t)session->tracker.redirect : -1;
}

/* The letters that say in which state a connection is. */
#define FLAGS_MAX	8

static void
put_flags(char flags[FLAGS_MAX], const struct session *session)
{
	unsigned modes = session->tracker.modes;
	char *at = flags;

	if (pubsub_monitors(&session->subscriber))
		*at++ = 'O';
	if (is_subscribed(session))
		*at++ = 'P';
	if (modes & TRACKER_ON)
		*at++ = 't';
	if (modes & TRACKER_BROKEN)
		*at++ = 'R';
	if (modes & TRACKER_BCAST)
		*at++ = 'B';
	if (at == flags)
		*at++ = 'N';
	*at = '\0';
}

static void
put_line(struct round *round, const struct conn_view *conn)
{
	const struct session *session = conn->session;
	const struct call_row *call = atomic_load_explicit(&session->call,
	    memory_order_relaxed);
	const _Atomic uint32_t *subscribed = session->subscriber.counts;
	char line[LINE_BYTES + 3 * 1024], flags[FLAGS_MAX];

	put_flags(flags, session);
	snprintf(line, sizeof line, "id=%" PRIu64 " addr=%s laddr=%s fd=%d "
	    "name=%s age=%" PRId64 " idle=%" PRId64 " flags=%s db=%d sub=%u "
	    "psub=%u ssub=%u multi=%d qbuf=0 qbuf-free=0 argv-mem=0 "
	    "multi-mem=0 rbs=0 rbp=0 obl=0 oll=%d omem=0 tot-mem=0 events=r "
	    "cmd=%s user=%s redir=%" PRId64 " resp=%d lib-name=%s lib-ver=%s\n",
	    session->id, address_of(conn->peer),
	    address_of(conn->origin->address), conn->fd,
	    text_of(conn, SESSION_NAME),
	    (round->now - session->opened) / 1000,
	    (round->now - conn->used) / 1000, flags, session->space,
	    subscribed[PUBSUB_CHANNEL], subscribed[PUBSUB_PATTERN],
	    subscribed[PUBSUB_SHARD],
	    session->waiting, conn->blocked,
	    call == NULL ? "NULL" : call->name,
	    text_of(conn, SESSION_USER), redirection(session),
	    session->v3 ? 3 : 2,
	    text_of(conn, SESSION_LIBRARY),
	    text_of(conn, SESSION_LIBRARY_VERSION));
	output_bytes(round->output, line, strlen(line));
}

static void
visit_to_list(void *context, const struct conn_view *conn)
{
	struct round *round = context;

	if (matches(round->filter, conn))
		put_line(round, conn);
}

static void
visit_to_kill(void *context, const struct conn_view *conn)
{
	struct round *round = context;

	if (matches(round->filter, conn))
		round->ids[round->count++] = conn->session->id;
}

static void
list(struct admin *admin, struct session_call *call,
    const struct filter *filter)
{
	struct output apart;
	struct round round = {
		.filter = filter, .admin = admin, .output = &apart,
		.now = clock_unix_ms(admin->clock),
	};

	if (output_open_apart(&apart) == -1) {
		resp_error(call->output, "ERR out of memory");
		return;
	}
	for (unsigned i = 0; i < admin->worker_count; i++) {
		uint64_t below = UINT64_MAX;

		while (worker_visit(admin->workers[i], &below, VISIT_CONNS,
		    visit_to_list, &round))
			;
	}
	resp_verbatim_head(call->output, call->v3, output_length(&apart));
	output_join(call->output, &apart);
	resp_end(call->output);
}

void
client_info(struct admin *admin, struct session_call *call)
{
	struct filter filter = { .id = call->session->id };

	list(admin, call, &filter);
}

/* A type of client. False: the error is told. */
static bool
read_type(struct session_call *call, struct slice word, struct filter *filter)
{
	static const struct {
		const char		*name;
		enum client_type	 type;
	} types[] = {
		{ "normal", TYPE_NORMAL }, { "pubsub", TYPE_PUBSUB },
		{ "master", TYPE_NONE }, { "slave", TYPE_NONE },
		{ "replica", TYPE_NONE },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (call_word_is(word, types[i].name)) {
			filter->type = types[i].type;
			return true;
		}
	resp_error(call->output, "ERR Unknown client type '%.*s'",
	    (int)(word.length < 128 ? word.length : 128), word.bytes);
	return false;
}

void
client_list(struct admin *admin, struct session_call *call)
{
	struct filter filter = { .type = TYPE_ANY };
	uint64_t id;

	if (call->count == 4 && call_word_is(call->words[2], "type")) {
		if (!read_type(call, call->words[3], &filter))
			return;
	} else if (call->count > 3 && call_word_is(call->words[2], "id")) {
		filter.ids = call->words + 3;
		filter.id_count = call->count - 3;
		for (size_t i = 0; i < filter.id_count; i++)
			if (!decimal_parse(filter.ids[i], &id)) {
				resp_error(call->output,
				    "ERR Invalid client ID");
				return;
			}
	} else if (call->count != 2) {
		session_syntax_error(call);
		return;
	}
	list(admin, call, &filter);
}

/* An option of CLIENT KILL and its value. False: the error is told. */
static bool
read_option(struct session_call *call, size_t n, struct filter *filter)
{
	struct slice name = call->words[n], value = call->words[n + 1];

	if (call_word_is(name, "id")) {
		if (decimal_parse(value, &filter->id) && filter->id > 0)
			return true;
		resp_error(call->output,
		    "ERR client-id should be greater than 0");
		return false;
	}
	if (call_word_is(name, "type"))
		return read_type(call, value, filter);
	if (call_word_is(name, "addr")) {
		filter->address = value;
	} else if (call_word_is(name, "laddr")) {
		filter->local = value;
	} else if (call_word_is(name, "user")) {
		filter->user = value;
	} else if (call_word_is(name, "skipme") &&
	    call_word_is(value, "yes")) {
		filter->skip_me = true;
	} else if (call_word_is(name, "skipme") && call_word_is(value, "no")) {
		filter->skip_me = false;
	} else {
		session_syntax_error(call);
		return false;
	}
	return true;
}

/* Returns how many are closed. One's own connection is, after the reply. */
static uint64_t
kill_all(struct admin *admin, struct session_call *call,
    const struct filter *filter)
{
	struct round round = { .filter = filter, .admin = admin };
	uint64_t killed = 0;

	for (unsigned i = 0; i < admin->worker_count; i++) {
		uint64_t below = UINT64_MAX;
		bool more;

		do {
			round.count = 0;
			more = worker_visit(admin->workers[i], &below,
			    VISIT_CONNS, visit_to_kill, &round);
			for (unsigned n = 0; n < round.count; n++)
				if (round.ids[n] == filter->me)
					call->request->flags |= REQUEST_CLOSE;
				else if (!worker_close(admin->workers[i],
				    round.ids[n]))
					return killed;
				else
					killed++;
			if (call->request->flags & REQUEST_CLOSE)
				round.matched = 1;
		} while (more);
	}
	return killed + round.matched;
}

void
client_kill(struct admin *admin, struct session_call *call)
{
	struct filter filter = {
		.me = call->session->id, .skip_me = call->count > 3,
	};

	if (call->count == 3) {
		filter.address = call->words[2];
		if (kill_all(admin, call, &filter) == 0)
			resp_error(call->output, "ERR No such client");
		else
			session_ok(call);
		return;
	}
	if (call->count % 2 != 0) {
		session_syntax_error(call);
		return;
	}
	for (size_t n = 2; n < call->count; n += 2)
		if (!read_option(call, n, &filter))
			return;
	resp_integer(call->output, (int64_t)kill_all(admin, call, &filter));
}
