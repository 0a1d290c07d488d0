/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script.c - see script.h: the interpreter, the scripts that it keeps, and
 * how one is run.
 *
 * Whatever may raise an error of Lua, which may be no more than a string that
 * there is no memory for, is done by a function that protect() calls.
 */
#include "script/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "base/check.h"
#include "base/hash.h"
#include "proto/resp.h"
#include "script/interpreter.h"

/* What errors call a script, after an '@' of Lua's. */
#define CHUNK		"user_script"

/* With what was kept, what a script may leave to the collector. */
#define GARBAGE_MAX	(SCRIPT_MEMORY_MAX / 2)

_Static_assert(SCRIPT_CACHE_BYTES < GARBAGE_MAX, "what is kept is no garbage");

/* What is told of an error of Lua. */
#define ERROR_TEXT_MAX	384

/* To a number that others only read. */
static void
add(_Atomic size_t *number, size_t more)
{
	atomic_store_explicit(number, more + atomic_load_explicit(number,
	    memory_order_relaxed), memory_order_relaxed);
}

static void *
allocate(void *context, void *old, size_t old_size, size_t size)
{
	struct scripts *scripts = context;
	void *new;

	if (old == NULL)
		old_size = 0;	/* it is a type then */
	if (size == 0) {
		free(old);
		add(&scripts->used, 0 - old_size);
		return NULL;
	}
	if (size > old_size &&
	    scripts->used + (size - old_size) > SCRIPT_MEMORY_MAX)
		return NULL;
	new = realloc(old, size);
	if (new != NULL)
		add(&scripts->used, size - old_size);
	return new;
}

/* Call `function` with `context`. It leaves nothing on the stack. */
static bool
protect(struct scripts *scripts, lua_CFunction function, void *context)
{
	lua_State *lua = scripts->lua;
	bool done;

	lua_pushcfunction(lua, function);
	lua_pushlightuserdata(lua, context);
	done = lua_pcall(lua, 1, 0, 0) == LUA_OK;
	lua_settop(lua, 0);
	return done;
}

static int
prepare(lua_State *lua)
{
	struct scripts *scripts = lua_touserdata(lua, 1);

	sandbox_open(lua);
	scripts->globals = luaL_ref(lua, LUA_REGISTRYINDEX);
	return 0;
}

static bool
open_lua(struct scripts *scripts)
{
	scripts->lua = lua_newstate(allocate, scripts);
	if (scripts->lua == NULL)
		return false;
	*(struct scripts **)lua_getextraspace(scripts->lua) = scripts;
	return protect(scripts, prepare, scripts);
}

struct scripts *
script_open(const struct script_config *config, struct error *error)
{
	struct scripts *scripts = calloc(1, sizeof *scripts);

	if (scripts == NULL)
		goto fail;
	scripts->config = *config;
	CHECK(pthread_mutex_init(&scripts->lock, NULL) == 0);
	scripts->replies = evbuffer_new();
	if (scripts->replies == NULL || !open_lua(scripts)) {
		script_close(scripts);
		goto fail;
	}
	return scripts;
fail:
	error_set(error, "out of memory for Lua");
	return NULL;
}

static void
forget(struct scripts *scripts, struct kept *kept)
{
	*(kept->newer != NULL ? &kept->newer->older : &scripts->newest) =
	    kept->older;
	*(kept->older != NULL ? &kept->older->newer : &scripts->oldest) =
	    kept->newer;
	table_remove(&scripts->table, &kept->node);
	add(&scripts->kept_count, (size_t)-1);
	add(&scripts->kept_bytes, 0 - kept->bytes);
	luaL_unref(scripts->lua, LUA_REGISTRYINDEX, kept->function);
	free(kept);
}

/* The interpreter goes, with all that is in it. */
static void
close_lua(struct scripts *scripts)
{
	if (scripts->lua == NULL)
		return;
	while (scripts->oldest != NULL)
		forget(scripts, scripts->oldest);
	lua_close(scripts->lua);
	scripts->lua = NULL;
	CHECK(scripts->used == 0);
}

/* False: out of memory. */
static bool
is_open(struct scripts *scripts)
{
	if (scripts->lua == NULL && !open_lua(scripts))
		close_lua(scripts);
	return scripts->lua != NULL;
}

/* A new interpreter is as empty as one can be. */
void
script_flush(struct scripts *scripts)
{
	close_lua(scripts);
}

/*
 * A script has left much garbage, some of which the collector may be slow to
 * find when memory was short. If it does not find it, all goes.
 */
static void
tidy(struct scripts *scripts)
{
	if (scripts->used < GARBAGE_MAX)
		return;
	lua_gc(scripts->lua, LUA_GCCOLLECT);
	lua_gc(scripts->lua, LUA_GCCOLLECT);
	if (scripts->used >= GARBAGE_MAX)
		close_lua(scripts);
}

void
script_close(struct scripts *scripts)
{
	if (scripts == NULL)
		return;
	close_lua(scripts);
	table_close(&scripts->table);
	args_free(&scripts->words);
	if (scripts->replies != NULL)
		evbuffer_free(scripts->replies);
	pthread_mutex_destroy(&scripts->lock);
	free(scripts);
}

void
script_enter(struct scripts *scripts)
{
	pthread_mutex_lock(&scripts->lock);
}

void
script_leave(struct scripts *scripts)
{
	pthread_mutex_unlock(&scripts->lock);
}

enum script_kill
script_kill(struct scripts *scripts)
{
	int progress = READS;

	if (atomic_compare_exchange_strong(&scripts->progress, &progress,
	    KILLED) || progress == KILLED)
		return SCRIPT_KILLED;
	return progress == IDLE ? SCRIPT_NONE_RUNS : SCRIPT_HAS_WRITTEN;
}

bool
script_may_write(struct scripts *scripts)
{
	int progress = READS;

	return atomic_compare_exchange_strong(&scripts->progress, &progress,
	    WRITES) || progress == WRITES;
}

void
script_count(struct scripts *scripts, struct script_counts *counts)
{
	*counts = (struct script_counts){
		.scripts = scripts->kept_count,
		.script_bytes = scripts->kept_bytes, .bytes = scripts->used,
	};
}

static uint64_t
hash_of(const char *digits)
{
	return hash_bytes(0, digits, SHA1_DIGITS);
}

/* Digits that clients send may be in any case of letters. */
static struct kept *
find(const struct scripts *scripts, struct slice name)
{
	char digits[SHA1_DIGITS + 1] = { 0 };
	struct table_node *node;

	if (name.length != SHA1_DIGITS)
		return NULL;
	for (size_t i = 0; i < SHA1_DIGITS; i++) {
		char c = name.bytes[i];

		digits[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
	}
	for (node = table_first(&scripts->table, hash_of(digits));
	    node != NULL; node = table_next(node)) {
		struct kept *kept = (struct kept *)node;

		if (memcmp(kept->digits, digits, SHA1_DIGITS) == 0)
			return kept;
	}
	return NULL;
}

static void
put_first(struct scripts *scripts, struct kept *kept)
{
	kept->newer = NULL;
	kept->older = scripts->newest;
	*(kept->older != NULL ? &kept->older->newer : &scripts->oldest) =
	    kept;
	scripts->newest = kept;
}

/* It was used just now. */
static void
renew(struct scripts *scripts, struct kept *kept)
{
	if (kept == scripts->newest)
		return;
	kept->newer->older = kept->older;
	*(kept->older != NULL ? &kept->older->newer : &scripts->oldest) =
	    kept->newer;
	put_first(scripts, kept);
}

bool
script_find(struct scripts *scripts, struct slice name,
    char digits[SHA1_DIGITS + 1])
{
	struct kept *kept = find(scripts, name);

	if (kept == NULL)
		return false;
	renew(scripts, kept);
	memcpy(digits, kept->digits, sizeof kept->digits);
	return true;
}

/* One more. False: out of memory. */
static bool
keep(struct scripts *scripts, const struct kept *made)
{
	struct kept *kept = malloc(sizeof *kept);

	if (kept == NULL)
		return false;
	*kept = *made;
	if (!table_add(&scripts->table, &kept->node, hash_of(kept->digits))) {
		free(kept);
		return false;
	}
	put_first(scripts, kept);
	add(&scripts->kept_count, 1);
	add(&scripts->kept_bytes, kept->bytes);
	while (kept != scripts->oldest &&
	    (scripts->kept_count > SCRIPT_CACHE_COUNT ||
	    scripts->kept_bytes > SCRIPT_CACHE_BYTES))
		forget(scripts, scripts->oldest);
	return true;
}

struct compiling {
	struct slice	 body;
	int		 function;
	struct output	*output;	/* for the error */
};

static int
compile(lua_State *lua)
{
	struct compiling *compiling = lua_touserdata(lua, 1);

	if (luaL_loadbufferx(lua, compiling->body.bytes,
	    compiling->body.length, "@" CHUNK, "t") == LUA_OK) {
		compiling->function = luaL_ref(lua, LUA_REGISTRYINDEX);
		return 0;
	}
	resp_error(compiling->output, "ERR Error compiling script (new "
	    "function): %.*s", ERROR_TEXT_MAX, lua_tostring(lua, -1));
	compiling->output = NULL;
	return 0;
}

bool
script_load(struct scripts *scripts, struct slice body,
    char digits[SHA1_DIGITS + 1], struct output *output)
{
	struct compiling compiling = { .body = body, .output = output };
	struct kept made = { .node = { NULL, 0 } }, *kept;
	size_t before;

	sha1_digits(body.bytes, body.length, digits);
	kept = find(scripts, (struct slice){ digits, SHA1_DIGITS });
	if (kept != NULL) {
		renew(scripts, kept);
		return true;
	}
	if (!is_open(scripts)) {
		resp_error(output, "ERR out of memory");
		return false;
	}
	before = scripts->used;
	lua_gc(scripts->lua, LUA_GCSTOP);
	if (!protect(scripts, compile, &compiling)) {
		lua_gc(scripts->lua, LUA_GCRESTART);
		tidy(scripts);
		resp_error(output, "ERR not enough memory for the script");
		return false;
	}
	lua_gc(scripts->lua, LUA_GCRESTART);
	if (compiling.output == NULL) {
		tidy(scripts);
		return false;
	}
	made.function = compiling.function;
	made.bytes = sizeof made +
	    (scripts->used > before ? scripts->used - before : 0);
	memcpy(made.digits, digits, sizeof made.digits);
	if (keep(scripts, &made))
		return true;
	luaL_unref(scripts->lua, LUA_REGISTRYINDEX, made.function);
	resp_error(output, "ERR out of memory");
	return false;
}

/* A script that runs, and how it fails. */
struct running {
	struct scripts		*scripts;
	const struct script_run	*run;
	struct output		*output;
	char			 error[ERROR_TEXT_MAX];
	int			 line;		/* of the script, 0: none */
	bool			 failed;
};

static void
push_list(lua_State *lua, const struct slice *words, size_t count)
{
	lua_createtable(lua, (int)count, 0);
	for (size_t i = 0; i < count; i++) {
		lua_pushlstring(lua, words[i].bytes, words[i].length);
		lua_rawseti(lua, -2, (lua_Integer)i + 1);
	}
}

/* The line of the script where the error was raised. */
static int
find_line(lua_State *lua)
{
	lua_Debug debug;

	for (int level = 1; lua_getstack(lua, level, &debug); level++)
		if (lua_getinfo(lua, "Sl", &debug) && *debug.what != 'C')
			return debug.currentline;
	return 0;
}

static void
note_error(lua_State *lua, struct running *running)
{
	const char *code = "ERR ", *text;

	if (lua_istable(lua, -1)) {
		lua_pushliteral(lua, "err");
		if (lua_rawget(lua, -2) == LUA_TSTRING)
			code = "";
	}
	text = lua_tostring(lua, -1);
	snprintf(running->error, sizeof running->error, "%s%s", code,
	    text != NULL ? text : "an error without a text");
}

/* The message handler: afterwards the stack is gone. */
static int
handle_error(lua_State *lua)
{
	struct running *running = lua_touserdata(lua, lua_upvalueindex(1));

	running->line = find_line(lua);
	lua_settop(lua, 1);
	note_error(lua, running);
	lua_settop(lua, 1);
	return 1;
}

/* What the script has returned. */
static void
reply_value(lua_State *lua, struct running *running)
{
	const char *wrong = convert_value(lua, running->run->v3,
	    running->output);

	running->failed = wrong != NULL;
	if (running->failed)
		snprintf(running->error, sizeof running->error, "%s", wrong);
}

static int
run_protected(lua_State *lua)
{
	struct running *running = lua_touserdata(lua, 1);
	const struct script_run *run = running->run;
	struct scripts *scripts = running->scripts;
	struct kept *kept = find(scripts, (struct slice){ run->digits,
	    SHA1_DIGITS });

	CHECK(kept != NULL);
	lua_rawgeti(lua, LUA_REGISTRYINDEX, scripts->globals);
	push_list(lua, run->keys, run->key_count);
	lua_setfield(lua, -2, "KEYS");
	push_list(lua, run->arguments, run->argument_count);
	lua_setfield(lua, -2, "ARGV");
	lua_pushlightuserdata(lua, running);
	lua_pushcclosure(lua, handle_error, 1);
	lua_rawgeti(lua, LUA_REGISTRYINDEX, kept->function);
	sandbox_begin(lua);
	running->failed = lua_pcall(lua, 0, 1, -2) != LUA_OK;
	lua_sethook(lua, NULL, 0, 0);
	if (!running->failed)
		reply_value(lua, running);
	else if (running->line == 0)
		note_error(lua, running);
	return 0;
}

/* KEYS, ARGV and what the script made are garbage from now on. */
static int
clean_up(lua_State *lua)
{
	struct scripts *scripts = lua_touserdata(lua, 1);

	lua_rawgeti(lua, LUA_REGISTRYINDEX, scripts->globals);
	lua_pushnil(lua);
	lua_setfield(lua, -2, "KEYS");
	lua_pushnil(lua);
	lua_setfield(lua, -2, "ARGV");
	return 0;
}

static void
reply_error(const struct running *running, struct output *output)
{
	if (running->line > 0)
		resp_error(output, "%s script: %s, on @" CHUNK ":%d.",
		    running->error, running->run->digits, running->line);
	else
		resp_error(output, "%s", running->error);
}

void
script_run(struct scripts *scripts, const struct script_run *run,
    struct output *output)
{
	struct output apart;
	struct running running = {
		.scripts = scripts, .run = run, .output = &apart,
		.error = "ERR not enough memory for the script",
	};

	if (output_open_apart(&apart) == -1) {
		resp_error(output, "ERR out of memory");
		return;
	}
	scripts->run = run;
	scripts->v3 = false;
	atomic_store(&scripts->progress, READS);
	running.failed |= !protect(scripts, run_protected, &running);
	lua_sethook(scripts->lua, NULL, 0, 0);
	atomic_store(&scripts->progress, IDLE);
	scripts->run = NULL;
	protect(scripts, clean_up, scripts);
	tidy(scripts);
	evbuffer_drain(scripts->replies,
	    evbuffer_get_length(scripts->replies));
	if (!running.failed) {
		output_join(output, &apart);
		return;
	}
	output_drop(&apart);
	reply_error(&running, output);
}
