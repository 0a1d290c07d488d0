/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_script.c - EVAL and its like, and SCRIPT.
 *
 * A script is a visit: the shards of its keys are entered before it begins,
 * those of other keys when it comes to them, and all are left when it ends. So
 * nobody sees a part of what it does.
 */
#include "net/session_calls.h"

#include <string.h>

#include "net/conn.h"
#include "net/permit.h"
#include "proto/resp.h"
#include "script/script.h"
#include "shard/visit.h"

/* What a script may call besides what is about keys. */
static const bool allowed[CALL_COUNT] = {
	[CALL_CLUSTER_COUNTKEYSINSLOT] = true,
	[CALL_CLUSTER_HELP] = true,
	[CALL_CLUSTER_INFO] = true,
	[CALL_CLUSTER_KEYSLOT] = true,
	[CALL_CLUSTER_MYID] = true,
	[CALL_CLUSTER_NODES] = true,
	[CALL_CLUSTER_SHARDS] = true,
	[CALL_CLUSTER_SLOTS] = true,
	[CALL_COMMAND] = true,
	[CALL_COMMAND_COUNT] = true,
	[CALL_COMMAND_DOCS] = true,
	[CALL_COMMAND_GETKEYS] = true,
	[CALL_COMMAND_HELP] = true,
	[CALL_COMMAND_INFO] = true,
	[CALL_COMMAND_LIST] = true,
	[CALL_ECHO] = true,
	[CALL_INFO] = true,
	[CALL_MEMORY_HELP] = true,
	[CALL_MEMORY_STATS] = true,
	[CALL_OBJECT_HELP] = true,
	[CALL_PING] = true,
	[CALL_PUBLISH] = true,
	[CALL_PUBSUB_CHANNELS] = true,
	[CALL_PUBSUB_HELP] = true,
	[CALL_PUBSUB_NUMPAT] = true,
	[CALL_PUBSUB_NUMSUB] = true,
	[CALL_PUBSUB_SHARDCHANNELS] = true,
	[CALL_PUBSUB_SHARDNUMSUB] = true,
	[CALL_READONLY] = true,
	[CALL_READWRITE] = true,
	[CALL_SELECT] = true,
	[CALL_SLOWLOG_LEN] = true,
	[CALL_SPUBLISH] = true,
	[CALL_TIME] = true,
};

bool
script_is_needed(const struct call_row *row)
{
	return strcmp(row->group, "scripting") == 0;
}

/* A script that runs. */
struct scene {
	struct session_call	*call;		/* EVAL or its like */
	struct visit		*visit;
	bool			 reads_only;
};

/* Others find out what it has changed, or hear of it. */
static bool
has_effects(const struct call_row *row)
{
	return row->access == CALL_WRITE || row->id == CALL_PUBLISH ||
	    row->id == CALL_SPUBLISH;
}

/* The call of a script: its row, or its part's. NULL: there is none. */
static const struct call_row *
find_row(const struct slice *words, size_t count)
{
	const struct call_row *row = call_find(words[0]);

	if (row == NULL || call_is_part(row))
		return NULL;
	return count < 2 || call_parts(row) == 0 ? row :
	    call_part(row, words[1]);
}

/* Why a script may not do that. NULL: it may. */
static const char *
refusal(const struct scene *scene, const struct request *request)
{
	const struct call_row *row = request->call;

	if (row == NULL)
		return "ERR Unknown Redis command called from script";
	if (!call_arity_valid(row, request->word_count))
		return "ERR Wrong number of args calling Redis command from "
		    "script";
	if (row->scope != CALL_KEYS && !allowed[row->id])
		return "ERR This Redis command is not allowed from script";
	if (scene->reads_only && has_effects(row))
		return "ERR Write commands are not allowed from read-only "
		    "scripts.";
	return NULL;
}

static void
perform(const struct scene *scene, struct session_call *call)
{
	struct conn_env *env = call->session->env;
	const struct call_row *row = call->request->call;

	if (has_effects(row) && !script_may_write(env->scripts)) {
		resp_error(call->output, "ERR the script is being killed");
		return;
	}
	if (row->scope == CALL_KEYS)
		visit_reach(scene->visit, call->request);
	session_perform(call);
}

/* A call of the script. */
static void
call_back(void *context, const struct slice *words, size_t count, bool v3,
    struct output *output)
{
	struct scene *scene = context;
	struct session *session = scene->call->session;
	struct request request = {
		.protocol = &resp_protocol, .op = OP_CALL,
		.flags = v3 ? REQUEST_RESP3 : 0,
		.space = session->codec->resp.space,
		.call = find_row(words, count), .words = words,
		.word_count = (uint32_t)count,
	};
	struct session_call call = {
		.session = session, .request = &request, .words = words,
		.count = count, .output = output, .v3 = v3,
		.now = scene->call->now, .visit = scene->visit,
		.scripted = true,
	};
	const char *wrong = refusal(scene, &request);

	if (wrong != NULL)
		resp_error(output, "%s", wrong);
	else if (session_keys_valid(&call) &&
	    permit_call(session->visit, &request, output))
		perform(scene, &call);
}

/* How many keys there are. False: the error is told. */
static bool
read_key_count(struct session_call *call, size_t *count)
{
	int64_t number;

	if (!decimal_parse_signed(call->words[2], &number))
		resp_error(call->output,
		    "ERR value is not an integer or out of range");
	else if (number < 0)
		resp_error(call->output,
		    "ERR Number of keys can't be negative");
	else if ((uint64_t)number > call->count - 3)
		resp_error(call->output, "ERR Number of keys can't be greater "
		    "than number of args");
	else {
		*count = (size_t)number;
		return true;
	}
	return false;
}

/* The digest of the script, which is known then. False: the error is told. */
static bool
find_script(struct session_call *call, char digits[SHA1_DIGITS + 1])
{
	struct scripts *scripts = call->session->env->scripts;
	enum call_id id = call->request->call->id;

	if (id == CALL_EVAL || id == CALL_EVAL_RO)
		return script_load(scripts, call->words[1], digits,
		    call->output);
	if (!script_find(scripts, call->words[1], digits)) {
		resp_error(call->output,
		    "NOSCRIPT No matching script. Please use EVAL.");
		return false;
	}
	return true;
}

/* In a visit of its own, to begin with that of the shards of its keys. */
static void
run_alone(struct scene *scene, const struct script_run *run)
{
	struct session_call *call = scene->call;
	struct conn_env *env = call->session->env;
	struct tracker_turn turn;
	struct visit visit;

	visit_open(&visit, env->router, call->now, &env->journal);
	visit.reader = tracker_begin_turn(call, &turn);
	for (size_t i = 0; i < run->key_count; i++)
		visit_add_hash(&visit, visit_key(&visit, run->keys[i],
		    0).hash);
	visit_enter(&visit);
	scene->visit = &visit;
	script_run(env->scripts, run, call->output);
	visit_leave(&visit);
	tracker_end_turn(call, &turn);
}

/* What SELECT chose is for the script. */
static void
run(struct scene *scene, const struct script_run *run)
{
	struct session_call *call = scene->call;
	struct session *session = call->session;
	uint8_t space = session->codec->resp.space;

	scene->visit = call->visit;
	if (call->visit == NULL)
		run_alone(scene, run);
	else
		script_run(session->env->scripts, run, call->output);
	session->codec->resp.space = space;
}

static void
evaluate(struct session_call *call)
{
	enum call_id id = call->request->call->id;
	struct scene scene = {
		.call = call,
		.reads_only = id == CALL_EVAL_RO || id == CALL_EVALSHA_RO,
	};
	char digits[SHA1_DIGITS + 1];
	struct script_run script = {
		.digits = digits, .keys = call->words + 3, .v3 = call->v3,
		.call = call_back, .context = &scene,
	};

	if (!read_key_count(call, &script.key_count) ||
	    !find_script(call, digits))
		return;
	script.arguments = script.keys + script.key_count;
	script.argument_count = call->count - 3 - script.key_count;
	run(&scene, &script);
}

/* In a transaction the interpreter has been entered. */
static void
with_scripts(struct session_call *call, session_function *function)
{
	struct scripts *scripts = call->session->env->scripts;

	if (call->visit == NULL)
		script_enter(scripts);
	function(call);
	if (call->visit == NULL)
		script_leave(scripts);
}

void
script_eval(struct session_call *call)
{
	with_scripts(call, evaluate);
}

static void
load(struct session_call *call)
{
	char digits[SHA1_DIGITS + 1];

	if (script_load(call->session->env->scripts, call->words[2], digits,
	    call->output))
		resp_bulk_text(call->output, digits);
}

void
script_load_text(struct session_call *call)
{
	with_scripts(call, load);
}

static void
tell_which(struct session_call *call)
{
	char digits[SHA1_DIGITS + 1];

	resp_array(call->output, call->count - 2);
	for (size_t n = 2; n < call->count; n++)
		resp_integer(call->output, script_find(
		    call->session->env->scripts, call->words[n], digits));
}

void
script_exists(struct session_call *call)
{
	with_scripts(call, tell_which);
}

static void
flush(struct session_call *call)
{
	script_flush(call->session->env->scripts);
	session_ok(call);
}

void
script_flush_all(struct session_call *call)
{
	if (call->count > 3 || (call->count == 3 &&
	    !call_word_is(call->words[2], "async") &&
	    !call_word_is(call->words[2], "sync")))
		resp_error(call->output,
		    "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
	else
		with_scripts(call, flush);
}

/* Of another connection: this one is not in a script. */
void
script_kill_running(struct session_call *call)
{
	switch (script_kill(call->session->env->scripts)) {
	case SCRIPT_KILLED:
		session_ok(call);
		break;
	case SCRIPT_NONE_RUNS:
		resp_error(call->output,
		    "NOTBUSY No scripts in execution right now.");
		break;
	case SCRIPT_HAS_WRITTEN:
		resp_error(call->output, "UNKILLABLE Sorry the script already "
		    "executed write commands against the dataset. It ends by "
		    "itself when it has taken too long.");
		break;
	}
}
