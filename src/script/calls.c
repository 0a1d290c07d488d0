/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.c - "redis", what scripts do with the server. */
#include <ctype.h>
#include <stdio.h>

#include <event2/buffer.h>

#include "script/interpreter.h"

/* The longest text that a script writes to the log. */
#define LOG_TEXT_MAX	1024

/* The levels of redis.log(), from 0 on. */
static const struct {
	const char	*name;
	enum log_level	 level;
} log_levels[] = {
	{ "LOG_DEBUG", LOG_LEVEL_DEBUG },
	{ "LOG_VERBOSE", LOG_LEVEL_DEBUG },
	{ "LOG_NOTICE", LOG_LEVEL_INFO },
	{ "LOG_WARNING", LOG_LEVEL_NOTICE },
};

#define LOG_LEVELS	(int)(sizeof log_levels / sizeof *log_levels)

/* A reply that is an error. */
static void
push_error(lua_State *lua, const char *text)
{
	lua_createtable(lua, 0, 1);
	lua_pushstring(lua, text);
	lua_setfield(lua, -2, "err");
}

static int
raise(lua_State *lua, const char *text)
{
	push_error(lua, text);
	return lua_error(lua);
}

/* A number as a call has it: without a fraction it needs none. */
static void
spell_number(lua_State *lua, int at)
{
	char text[64];
	int length = lua_isinteger(lua, at) ?
	    snprintf(text, sizeof text, "%lld",
	    (long long)lua_tointeger(lua, at)) :
	    snprintf(text, sizeof text, "%.17g", lua_tonumber(lua, at));

	lua_pushlstring(lua, text, (size_t)length);
	lua_replace(lua, at);
}

/* The arguments as the words of a call. NULL: they are none. */
static const char *
read_words(lua_State *lua, int count)
{
	struct args *args = &lua_scripts(lua)->words;
	struct slice *words;

	if (count == 0)
		return "ERR Please specify at least one argument for this "
		    "redis lib call";
	args_reset(args);
	words = args_reserve(args, (size_t)count);
	if (words == NULL)
		return "ERR out of memory";
	for (int i = 1; i <= count; i++) {
		if (lua_type(lua, i) == LUA_TNUMBER)
			spell_number(lua, i);
		if (lua_type(lua, i) != LUA_TSTRING)
			return "ERR Lua redis lib command arguments must be "
			    "strings or integers";
		words[i - 1].bytes = lua_tolstring(lua, i,
		    &words[i - 1].length);
	}
	return NULL;
}

/* Bytes of earlier replies, that an error left there, go. */
static void
forget_replies(struct scripts *scripts)
{
	evbuffer_drain(scripts->replies,
	    evbuffer_get_length(scripts->replies));
}

/* Carry out the call of the words, and push its reply. */
static void
call_server(lua_State *lua, int count)
{
	struct scripts *scripts = lua_scripts(lua);
	const struct script_run *run = scripts->run;
	struct output output;
	struct slice reply;

	forget_replies(scripts);
	output_open(&output, scripts->replies);
	run->call(run->context, scripts->words.words, (size_t)count,
	    scripts->v3, &output);
	if (output_close(&output) == -1)
		luaL_error(lua, "out of memory");
	reply.length = evbuffer_get_length(scripts->replies);
	if (reply.length > SCRIPT_MEMORY_MAX)
		luaL_error(lua, "the reply of a call is too long");
	reply.bytes = (char *)evbuffer_pullup(scripts->replies, -1);
	if (reply.bytes == NULL)
		luaL_error(lua, "out of memory");
	convert_reply(lua, reply, scripts->v3);
	forget_replies(scripts);
}

static bool
is_error(lua_State *lua)
{
	bool is;

	if (!lua_istable(lua, -1))
		return false;
	lua_pushliteral(lua, "err");
	is = lua_rawget(lua, -2) == LUA_TSTRING;
	lua_pop(lua, 1);
	return is;
}

static int
call_redis(lua_State *lua, bool raises)
{
	int count = lua_gettop(lua);
	const char *wrong;

	sandbox_check(lua);
	wrong = read_words(lua, count);
	if (wrong != NULL)
		push_error(lua, wrong);
	else
		call_server(lua, count);
	return raises && is_error(lua) ? lua_error(lua) : 1;
}

static int
call(lua_State *lua)
{
	return call_redis(lua, true);
}

static int
pcall(lua_State *lua)
{
	return call_redis(lua, false);
}

/* A table with one field that is the only argument. */
static int
make_reply(lua_State *lua, const char *field)
{
	if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
		push_error(lua, "ERR wrong number or type of arguments");
		return 1;
	}
	lua_createtable(lua, 0, 1);
	lua_pushvalue(lua, 1);
	lua_setfield(lua, -2, field);
	return 1;
}

static int
status_reply(lua_State *lua)
{
	return make_reply(lua, "ok");
}

/* A text that does not begin with a code gets one. */
static int
error_reply(lua_State *lua)
{
	if (lua_type(lua, 1) == LUA_TSTRING) {
		const char *text = lua_tostring(lua, 1);

		text += *text == '-';
		lua_pushfstring(lua, "%s%s",
		    strchr(text, ' ') == NULL ? "ERR " : "", text);
		lua_replace(lua, 1);
	}
	return make_reply(lua, "err");
}

static int
sha1hex(lua_State *lua)
{
	char digits[SHA1_DIGITS + 1];
	size_t length;
	const char *bytes;

	if (lua_gettop(lua) != 1)
		return raise(lua, "ERR wrong number of arguments");
	sandbox_check(lua);
	bytes = lua_tolstring(lua, 1, &length);
	sha1_digits(bytes, bytes == NULL ? 0 : length, digits);
	lua_pushlstring(lua, digits, SHA1_DIGITS);
	return 1;
}

static int
setresp(lua_State *lua)
{
	lua_Integer version;

	if (lua_gettop(lua) != 1)
		return raise(lua, "ERR redis.setresp() requires one "
		    "argument.");
	version = lua_tointeger(lua, 1);
	if (version != 2 && version != 3)
		return raise(lua, "ERR RESP version must be 2 or 3.");
	lua_scripts(lua)->v3 = version == 3;
	return 0;
}

/* One line of the log, whatever the arguments have in them. */
static void
join(lua_State *lua, int count, char text[LOG_TEXT_MAX])
{
	size_t used = 0;

	for (int i = 2; i <= count; i++) {
		size_t length;
		const char *bytes = lua_tolstring(lua, i, &length);

		if (i > 2 && used < LOG_TEXT_MAX - 1)
			text[used++] = ' ';
		for (size_t n = 0; bytes != NULL && n < length &&
		    used < LOG_TEXT_MAX - 1; n++)
			text[used++] = isprint((unsigned char)bytes[n]) ?
			    bytes[n] : '?';
	}
	text[used] = '\0';
}

static int
log_text(lua_State *lua)
{
	struct scripts *scripts = lua_scripts(lua);
	int count = lua_gettop(lua);
	char text[LOG_TEXT_MAX];
	lua_Integer level;

	if (count < 2)
		return raise(lua, "ERR redis.log() requires two arguments or "
		    "more.");
	if (!lua_isnumber(lua, 1))
		return raise(lua, "ERR First argument must be a number (log "
		    "level).");
	level = lua_tointeger(lua, 1);
	if (level < 0 || level >= LOG_LEVELS)
		return raise(lua, "ERR Invalid debug level.");
	join(lua, count, text);
	log_write(scripts->config.log, log_levels[level].level, "script: %s",
	    text);
	return 0;
}

/* There are no replicas, so their commands are what they always were. */
static int
replicate_commands(lua_State *lua)
{
	lua_pushboolean(lua, true);
	return 1;
}

static int
set_repl(lua_State *lua)
{
	(void)lua;
	return 0;
}

/* Nor is there a debugger. */
static int
breakpoint(lua_State *lua)
{
	lua_pushboolean(lua, false);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "breakpoint", breakpoint },
	{ "call", call },
	{ "error_reply", error_reply },
	{ "log", log_text },
	{ "pcall", pcall },
	{ "replicate_commands", replicate_commands },
	{ "set_repl", set_repl },
	{ "setresp", setresp },
	{ "sha1hex", sha1hex },
	{ "status_reply", status_reply },
	{ NULL, NULL },
};

/* What set_repl() takes. */
static const struct {
	const char	*name;
	lua_Integer	 value;
} constants[] = {
	{ "REPL_NONE", 0 },
	{ "REPL_AOF", 1 },
	{ "REPL_SLAVE", 2 },
	{ "REPL_REPLICA", 2 },
	{ "REPL_ALL", 3 },
};

/* "7.4.0" as a text, and as 0x070400. */
static void
add_version(lua_State *lua)
{
	const char *version = lua_scripts(lua)->config.version;
	unsigned major = 0, minor = 0, patch = 0;

	sscanf(version, "%u.%u.%u", &major, &minor, &patch);
	lua_pushstring(lua, version);
	lua_setfield(lua, -2, "REDIS_VERSION");
	lua_pushinteger(lua, (lua_Integer)(major << 16 | minor << 8 | patch));
	lua_setfield(lua, -2, "REDIS_VERSION_NUM");
}

void
calls_open(lua_State *lua)
{
	luaL_newlib(lua, functions);
	for (int i = 0; i < LOG_LEVELS; i++) {
		lua_pushinteger(lua, i);
		lua_setfield(lua, -2, log_levels[i].name);
	}
	for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
		lua_pushinteger(lua, constants[i].value);
		lua_setfield(lua, -2, constants[i].name);
	}
	add_version(lua);
}
