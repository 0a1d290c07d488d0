/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.c - what scripts can see, and what ends them.
 *
 * Scripts see the world, an empty table that shows the globals and that nobody
 * can write to:
 *
 *	world --__index--> globals --__index--> an error: no such global
 *	                   KEYS ARGV pcall string redis ...
 *
 * The libraries are sealed likewise. So a script leaves nothing for the next
 * one. What loads code, reaches files, runs behind the script's back (__gc) or
 * takes long without a step (functions of the libraries, on ranges that a
 * script can name freely, and patterns) is not there, is checked first or is
 * replaced.
 *
 * A hook counts steps. When there are none left, or the time is over, each
 * further step is an error, so that no pcall can keep a script going.
 */
#include "base/check.h"
#include "base/clock.h"
#include "script/interpreter.h"

/* Steps from one look to the next. */
#define STEPS		100

/* The longest range that table.move() takes. */
#define MOVE_MAX	(1 << 24)

/* In the registry's view of a sealed table's metatable. */
static const char sealed;

static void	stop(lua_State *, lua_Debug *);

/* This step, and each that may come, is an error. */
static void
end(lua_State *lua, const char *why)
{
	lua_sethook(lua, stop, LUA_MASKCOUNT, 1);
	lua_pushstring(lua, why);
	lua_error(lua);
}

static void
stop(lua_State *lua, lua_Debug *debug)
{
	struct scripts *scripts = lua_scripts(lua);

	(void)debug;
	if (atomic_load(&scripts->progress) == KILLED)
		end(lua, "Script killed by user with SCRIPT KILL...");
	if (scripts->steps > STEPS &&
	    clock_monotonic_us() < scripts->deadline) {
		scripts->steps -= STEPS;
		return;
	}
	scripts->steps = 0;
	end(lua, "the script takes too long");
}

void
sandbox_begin(lua_State *lua)
{
	struct scripts *scripts = lua_scripts(lua);

	scripts->steps = scripts->config.steps;
	scripts->deadline = clock_monotonic_us() + SCRIPT_MS_MAX * 1000;
	lua_sethook(lua, stop, LUA_MASKCOUNT, STEPS);
}

void
sandbox_check(lua_State *lua)
{
	if (clock_monotonic_us() >= lua_scripts(lua)->deadline)
		stop(lua, NULL);
}

void
sandbox_spend(lua_State *lua, unsigned steps)
{
	struct scripts *scripts = lua_scripts(lua);

	scripts->steps = scripts->steps > steps ? scripts->steps - steps : 0;
	stop(lua, NULL);
}

static int
refuse_write(lua_State *lua)
{
	return luaL_error(lua, "Attempt to modify a readonly table");
}

static int
refuse_read(lua_State *lua)
{
	return luaL_error(lua, "Script attempted to access nonexistent global "
	    "variable '%s'", luaL_tolstring(lua, 2, NULL));
}

void
sandbox_seal(lua_State *lua)
{
	lua_newtable(lua);
	lua_createtable(lua, 0, 4);
	lua_rotate(lua, -3, -1);
	lua_setfield(lua, -2, "__index");
	lua_pushcfunction(lua, refuse_write);
	lua_setfield(lua, -2, "__newindex");
	lua_pushboolean(lua, false);
	lua_setfield(lua, -2, "__metatable");
	lua_pushboolean(lua, true);
	lua_rawsetp(lua, -2, &sealed);
	lua_setmetatable(lua, -2);
}

static void
refuse_sealed(lua_State *lua)
{
	if (!lua_getmetatable(lua, 1))
		return;
	if (lua_rawgetp(lua, -1, &sealed) != LUA_TNIL) {
		lua_pushliteral(lua, "Attempt to modify a readonly table");
		lua_error(lua);
	}
	lua_pop(lua, 2);
}

static int
set_raw(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	luaL_checkany(lua, 3);
	lua_settop(lua, 3);
	refuse_sealed(lua);
	lua_rawset(lua, 1);
	return 1;
}

/* The function of the library is the upvalue. */
static int
call_original(lua_State *lua)
{
	lua_pushvalue(lua, lua_upvalueindex(1));
	lua_insert(lua, 1);
	lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
	return lua_gettop(lua);
}

/* A finalizer would run whenever garbage is collected. */
static int
set_metatable(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	refuse_sealed(lua);
	if (lua_istable(lua, 2)) {
		lua_pushliteral(lua, "__gc");
		if (lua_rawget(lua, 2) != LUA_TNIL)
			return luaL_error(lua, "__gc is not allowed");
		lua_pop(lua, 1);
	}
	return call_original(lua);
}

/* On success what the function gave; an error that is a reply is its text. */
static int
call_protected(lua_State *lua)
{
	luaL_checkany(lua, 1);
	lua_pushboolean(lua, true);
	lua_insert(lua, 1);
	if (lua_pcall(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0) == LUA_OK)
		return lua_gettop(lua);
	lua_pushboolean(lua, false);
	lua_replace(lua, 1);
	if (lua_istable(lua, 2)) {
		lua_pushliteral(lua, "err");
		if (lua_rawget(lua, 2) != LUA_TNIL)
			lua_replace(lua, 2);
	}
	lua_settop(lua, 2);
	return 2;
}

/*
 * The handler is called when the error is over, not where it was raised: there
 * it would be out of reach of the hook, which was perhaps what raised it.
 */
static int
call_handled(lua_State *lua)
{
	int count = lua_gettop(lua);

	luaL_checktype(lua, 2, LUA_TFUNCTION);
	lua_pushvalue(lua, 1);
	lua_rotate(lua, 3, 1);
	if (lua_pcall(lua, count - 2, LUA_MULTRET, 0) == LUA_OK) {
		lua_pushboolean(lua, true);
		lua_replace(lua, 2);
		return lua_gettop(lua) - 1;
	}
	lua_pushvalue(lua, 2);
	lua_insert(lua, 3);
	lua_call(lua, 1, 1);
	lua_pushboolean(lua, false);
	lua_insert(lua, 3);
	return 2;
}

/* Garbage is the server's business; a script may ask how much there is. */
static int
count_garbage(lua_State *lua)
{
	static const char *const options[] = {
		"collect", "count", "generational", "incremental",
		"isrunning", "restart", "setpause", "setstepmul", "step",
		"stop", NULL,
	};
	bool count = luaL_checkoption(lua, 1, "collect", options) == 1;

	lua_pushnumber(lua, count ?
	    (double)lua_scripts(lua)->used / 1024 : 0);
	return 1;
}

/* The length of a table is what it has, not what a script says. */
static int
call_on_plain(lua_State *lua)
{
	sandbox_check(lua);
	if (luaL_getmetafield(lua, 1, "__len") != LUA_TNIL)
		return luaL_error(lua, "a table with __len is not allowed "
		    "here");
	return call_original(lua);
}

static int
move(lua_State *lua)
{
	lua_Integer first = luaL_checkinteger(lua, 2);
	lua_Integer last = luaL_checkinteger(lua, 3), count;

	sandbox_check(lua);
	if (last >= first && (__builtin_sub_overflow(last, first, &count) ||
	    count >= MOVE_MAX))
		return luaL_error(lua, "too many elements to move");
	return call_original(lua);
}

/*
 * Nothing, repeated any number of times, is nothing; and what cannot be is not
 * begun.
 */
static int
repeat(lua_State *lua)
{
	size_t length, between, unit;
	lua_Integer count;

	luaL_checklstring(lua, 1, &length);
	count = luaL_checkinteger(lua, 2);
	luaL_optlstring(lua, 3, "", &between);
	sandbox_check(lua);
	unit = length + between;
	if (unit == 0 || count < 1) {
		lua_pushliteral(lua, "");
		return 1;
	}
	if ((uint64_t)count > SCRIPT_MEMORY_MAX / unit)
		return luaL_error(lua, "not enough memory");
	return call_original(lua);
}

/*
 * What of a library scripts have: as it is, NULL, or another function, which
 * has it as its upvalue.
 */
static const luaL_Reg base_parts[] = {
	{ "_VERSION", NULL },
	{ "assert", NULL },
	{ "collectgarbage", count_garbage },
	{ "error", NULL },
	{ "getmetatable", NULL },
	{ "ipairs", NULL },
	{ "next", NULL },
	{ "pairs", NULL },
	{ "pcall", call_protected },
	{ "rawequal", NULL },
	{ "rawget", NULL },
	{ "rawlen", NULL },
	{ "rawset", set_raw },
	{ "select", NULL },
	{ "setmetatable", set_metatable },
	{ "tonumber", NULL },
	{ "tostring", NULL },
	{ "type", NULL },
	{ "xpcall", call_handled },
	{ NULL, NULL },
};
static const luaL_Reg string_parts[] = {
	{ "byte", NULL },
	{ "char", NULL },
	{ "find", text_find },
	{ "format", NULL },
	{ "gmatch", text_gmatch },
	{ "gsub", text_gsub },
	{ "len", NULL },
	{ "lower", NULL },
	{ "match", text_match },
	{ "pack", NULL },
	{ "packsize", NULL },
	{ "rep", repeat },
	{ "reverse", NULL },
	{ "sub", NULL },
	{ "unpack", NULL },
	{ "upper", NULL },
	{ NULL, NULL },
};
static const luaL_Reg table_parts[] = {
	{ "concat", call_on_plain },
	{ "insert", call_on_plain },
	{ "move", move },
	{ "pack", NULL },
	{ "remove", call_on_plain },
	{ "sort", call_on_plain },
	{ "unpack", call_on_plain },
	{ NULL, NULL },
};

/* From the library at the top of the stack to the table below it. */
static void
take_parts(lua_State *lua, const luaL_Reg *parts)
{
	for (; parts->name != NULL; parts++) {
		lua_getfield(lua, -1, parts->name);
		if (parts->func != NULL)
			lua_pushcclosure(lua, parts->func, 1);
		lua_setfield(lua, -3, parts->name);
	}
}

/* Into the globals at the top of the stack. */
static void
add_library(lua_State *lua, const char *name, lua_CFunction open,
    const luaL_Reg *parts)
{
	lua_newtable(lua);
	luaL_requiref(lua, name, open, false);
	take_parts(lua, parts);
	lua_pop(lua, 1);
	sandbox_seal(lua);
	lua_setfield(lua, -2, name);
}

/* There is nothing in it that a script might misuse. */
static void
add_math(lua_State *lua)
{
	luaL_requiref(lua, LUA_MATHLIBNAME, luaopen_math, false);
	sandbox_seal(lua);
	lua_setfield(lua, -2, LUA_MATHLIBNAME);
}

/* The methods of strings are what scripts have of the library. */
static void
set_methods(lua_State *lua)
{
	lua_pushliteral(lua, "");
	CHECK(lua_getmetatable(lua, -1));
	lua_getfield(lua, -3, LUA_STRLIBNAME);
	lua_setfield(lua, -2, "__index");
	lua_pushboolean(lua, false);
	lua_setfield(lua, -2, "__metatable");
	lua_pop(lua, 2);
}

/* As scripts for Lua 5.1 call it. */
static void
add_unpack(lua_State *lua)
{
	lua_getfield(lua, -1, "table");
	lua_getfield(lua, -1, "unpack");
	lua_setfield(lua, -3, "unpack");
	lua_pop(lua, 1);
}

/* The table at the top becomes the world, which new chunks have. */
static void
make_world(lua_State *lua)
{
	lua_createtable(lua, 0, 1);
	lua_pushcfunction(lua, refuse_read);
	lua_setfield(lua, -2, "__index");
	lua_setmetatable(lua, -2);
	lua_pushvalue(lua, -1);
	sandbox_seal(lua);
	lua_pushvalue(lua, -1);
	lua_setfield(lua, -3, "_G");
	lua_rawseti(lua, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

void
sandbox_open(lua_State *lua)
{
	lua_newtable(lua);
	luaL_requiref(lua, LUA_GNAME, luaopen_base, false);
	take_parts(lua, base_parts);
	lua_pop(lua, 1);
	add_library(lua, LUA_STRLIBNAME, luaopen_string, string_parts);
	add_library(lua, LUA_TABLIBNAME, luaopen_table, table_parts);
	add_math(lua);
	set_methods(lua);
	add_unpack(lua);
	calls_open(lua);
	sandbox_seal(lua);
	lua_setfield(lua, -2, "redis");
	make_world(lua);
}
