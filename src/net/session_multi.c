/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_multi.c - MULTI, EXEC, DISCARD, WATCH and UNWATCH.
 *
 * A call that waits is a record of session->multi.calls:
 *
 *	| size | row | number of words | lengths of the words | their bytes |
 *
 * EXEC enters the shards of all keys of all calls and of those that are
 * watched, looks whether these are as they were, and carries the calls out.
 * So nobody sees a part of it, whatever shards it is about.
 */
#include "net/session_multi.h"

#include "net/conn.h"
#include "proto/resp.h"
#include "shard/visit.h"

/* All that waits, bytes. */
#define CALLS_MAX	((size_t)64 << 20)

struct waiting {
	size_t			 size;		/* see records.h */
	const struct call_row	*row;
	size_t			 count;
	struct slice		 words[];	/* pointers to be seated */
};

bool
multi_defers(const struct session *session, const struct call_row *row)
{
	if (!session->multi.open)
		return false;
	switch (row->id) {
	case CALL_DISCARD:
	case CALL_EXEC:
	case CALL_MULTI:
	case CALL_QUIT:
	case CALL_RESET:
	case CALL_WATCH:
		return false;
	default:
		return true;
	}
}

/* The calls go, but for their memory; so do the keys. */
static void
end(struct session *session)
{
	struct session_multi *multi = &session->multi;

	records_clear(&multi->calls);
	guard_clear(&multi->guard);
	multi->open = multi->refused = false;
	multi->count = 0;
}

void
multi_reset(struct session *session)
{
	end(session);
}

void
multi_free(struct session *session)
{
	records_free(&session->multi.calls);
	guard_free(&session->multi.guard);
}

void
multi_begin(struct session_call *call)
{
	struct session *session = call->session;

	if (session->multi.open) {
		resp_error(call->output, "ERR MULTI calls can not be nested");
		return;
	}
	session->multi.open = true;
	session_ok(call);
}

void
multi_discard(struct session_call *call)
{
	if (!call->session->multi.open) {
		resp_error(call->output, "ERR DISCARD without MULTI");
		return;
	}
	end(call->session);
	session_ok(call);
}

void
multi_refused(struct session_call *call)
{
	struct session *session = call->session;

	session->multi.refused = session->multi.open;
	if (call->request->call == &call_rows[CALL_EXEC])
		end(session);
}

static size_t
size_of(const struct session_call *call)
{
	size_t size = sizeof(struct waiting) +
	    call->count * sizeof(struct slice);

	for (size_t n = 0; n < call->count; n++)
		size += call->words[n].length;
	return size;
}

static void
copy_words(struct waiting *waiting, const struct slice *words)
{
	char *at = (char *)&waiting->words[waiting->count];

	for (size_t n = 0; n < waiting->count; n++) {
		waiting->words[n] = (struct slice){ NULL, words[n].length };
		memcpy(at, words[n].bytes, words[n].length);
		at += words[n].length;
	}
}

void
multi_queue(struct session_call *call)
{
	struct session_multi *multi = &call->session->multi;
	struct waiting *waiting;

	/* It will not be carried out, so it need not be kept. */
	if (multi->refused) {
		resp_simple(call->output, "QUEUED");
		return;
	}
	waiting = records_add(&multi->calls, size_of(call), CALLS_MAX);
	if (waiting == NULL) {
		multi_refused(call);
		resp_error(call->output, "ERR the transaction is too large");
		return;
	}
	waiting->row = call->request->call;
	waiting->count = call->count;
	copy_words(waiting, call->words);
	multi->count++;
	resp_simple(call->output, "QUEUED");
}

/* The records do not move any more. */
static void
seat_words(struct waiting *waiting)
{
	const char *at = (const char *)&waiting->words[waiting->count];

	for (size_t n = 0; n < waiting->count; n++) {
		waiting->words[n].bytes = at;
		at += waiting->words[n].length;
	}
}

static struct request
request_of(const struct waiting *waiting, const struct codec *codec)
{
	return (struct request){
		.protocol = &resp_protocol, .op = OP_CALL,
		.flags = codec->resp.v3 ? REQUEST_RESP3 : 0,
		.space = codec->resp.space, .call = waiting->row,
		.words = waiting->words,
		.word_count = (uint32_t)waiting->count,
	};
}

/*
 * The shards that a call needs. Those that are about all keys, and those of
 * the server, which may ask all shards for something, need all of them: who
 * is inside one must not wait for another.
 */
static void
add_shards(struct visit *visit, const struct request *request)
{
	size_t first, last, step;

	if (call_keys(request->call, request->word_count, &first, &last,
	    &step))
		visit_add(visit, request);
	else if (request->call->scope != CALL_CONNECTION)
		visit_add_all(visit);
}

/* In the databases that the calls will find when it is their turn. */
static void
add_calls(struct visit *visit, const struct session *session)
{
	const struct records *calls = &session->multi.calls;
	uint8_t space = session->codec->resp.space;

	for (struct waiting *at = records_first(calls); at != NULL;
	    at = records_next(calls, at)) {
		struct request request;

		seat_words(at);
		request = request_of(at, session->codec);
		request.space = space;
		add_shards(visit, &request);
		if (at->row->id == CALL_SELECT)
			session_read_space(at->words[1], &space);
	}
}

/* One of the calls, the last of which may have switched replies off. */
static void
perform(struct session_call *call)
{
	struct output *output = call->output, apart;

	if (call->session->replies != SESSION_NO_REPLIES) {
		session_perform(call);
	} else if (output_open_apart(&apart) == -1) {
		call->request->flags |= REQUEST_CLOSE;
	} else {
		call->output = &apart;
		session_perform(call);
		output_drop(&apart);
		call->output = output;
	}
}

static void
carry_out(struct session_call *exec, struct visit *visit)
{
	struct session *session = exec->session;
	const struct records *calls = &session->multi.calls;

	resp_array(exec->output, (size_t)session->multi.count);
	for (struct waiting *at = records_first(calls); at != NULL;
	    at = records_next(calls, at)) {
		struct request request = request_of(at, session->codec);
		struct session_call call = {
			.session = session, .request = &request,
			.words = request.words, .count = request.word_count,
			.output = exec->output,
			.v3 = request.flags & REQUEST_RESP3, .now = exec->now,
			.visit = visit,
		};

		perform(&call);
		exec->request->flags |= request.flags & REQUEST_CLOSE;
	}
}

/* Others wait for the interpreter while they are inside no shard. */
static bool
needs_scripts(const struct session_multi *multi)
{
	for (const struct waiting *at = records_first(&multi->calls);
	    at != NULL; at = records_next(&multi->calls, at))
		if (script_is_needed(at->row))
			return true;
	return false;
}

static void
execute(struct session_call *exec)
{
	bool scripted = needs_scripts(&exec->session->multi);
	struct session_multi *multi = &exec->session->multi;
	struct conn_env *env = exec->session->env;
	struct tracker_turn turn;
	struct visit visit;

	visit_open(&visit, env->router, exec->now, &env->journal);
	visit.reader = tracker_begin_turn(exec, &turn);
	guard_visit(&multi->guard, &visit);
	add_calls(&visit, exec->session);
	if (scripted)
		script_enter(env->scripts);
	visit_enter(&visit);
	if (guard_holds(&multi->guard, &visit))
		carry_out(exec, &visit);
	else
		resp_null_array(exec->output,
		    exec->session->codec->resp.v3);
	visit_leave(&visit);
	if (scripted)
		script_leave(env->scripts);
	tracker_end_turn(exec, &turn);
}

void
multi_exec(struct session_call *call)
{
	struct session *session = call->session;

	if (!session->multi.open) {
		resp_error(call->output, "ERR EXEC without MULTI");
		return;
	}
	if (session->multi.refused)
		resp_error(call->output, "EXECABORT Transaction discarded "
		    "because of previous errors.");
	else
		execute(call);
	end(session);
}

static const char *const failures[] = {
	[GUARD_FULL] = "ERR too many keys are watched",
	[GUARD_NO_UNIQUES] = "ERR WATCH needs the cas uniques of items, which "
	    "this server does not keep",
};

void
multi_watch(struct session_call *call)
{
	struct session_multi *multi = &call->session->multi;
	struct conn_env *env = call->session->env;
	enum guard_result result;
	struct visit visit;

	if (multi->open) {
		resp_error(call->output,
		    "ERR WATCH inside MULTI is not allowed");
		return;
	}
	visit_open(&visit, env->router, call->now, &env->journal);
	visit_add(&visit, call->request);
	visit_enter(&visit);
	result = guard_add(&multi->guard, &visit, call->request);
	visit_leave(&visit);
	if (result == GUARD_OK)
		session_ok(call);
	else
		resp_error(call->output, "%s", failures[result]);
}

void
multi_unwatch(struct session_call *call)
{
	guard_clear(&call->session->multi.guard);
	session_ok(call);
}
