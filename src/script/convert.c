/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * convert.c - replies as values of Lua, and back.
 *
 *	integer			an integer
 *	bulk			a string
 *	simple, error		{ ok = text }, { err = text }
 *	array			a table from 1 on
 *	null			false; after setresp(3), nil
 *	map, set		{ map = {...} }, { set = { x = true, ... } }
 *	double			{ double = number }
 *	boolean			a boolean
 *	verbatim		{ verbatim_string = { format =, string = } }
 *	big number		{ big_number = digits }
 *
 * On the way back a number loses its fraction, nil is null, and a table ends
 * before its first nil; true is 1 and false null but after setresp(3).
 */
#include <stdlib.h>

#include "proto/resp.h"
#include "script/interpreter.h"

/* Tables within tables, of a value to reply with. */
#define DEPTH_MAX	128

/* What is left of a reply. */
struct reader {
	lua_State	*lua;
	const char	*at;
	bool		 v3;
};

static void	read_value(struct reader *);

/* The line at hand, without its type and its end. */
static struct slice
read_line(struct reader *reader)
{
	const char *start = reader->at + 1;
	const char *end = start;

	while (*end != '\r')
		end++;
	reader->at = end + 2;
	return (struct slice){ start, (size_t)(end - start) };
}

static int64_t
read_number(struct reader *reader)
{
	int64_t number = 0;

	decimal_parse_signed(read_line(reader), &number);
	return number;
}

static void
push(lua_State *lua, struct slice text)
{
	lua_pushlstring(lua, text.bytes, text.length);
}

/* The value at the top becomes the only field of a table. */
static void
wrap(lua_State *lua, const char *name)
{
	lua_createtable(lua, 0, 1);
	lua_insert(lua, -2);
	lua_setfield(lua, -2, name);
}

static void
push_null(struct reader *reader)
{
	if (reader->v3)
		lua_pushnil(reader->lua);
	else
		lua_pushboolean(reader->lua, false);
}

static void
read_bulk(struct reader *reader)
{
	int64_t length = read_number(reader);

	if (length < 0) {
		push_null(reader);
		return;
	}
	lua_pushlstring(reader->lua, reader->at, (size_t)length);
	reader->at += length + 2;
}

static void
read_array(struct reader *reader)
{
	int64_t count = read_number(reader);

	if (count < 0) {
		push_null(reader);
		return;
	}
	lua_createtable(reader->lua, (int)count, 0);
	for (int64_t i = 1; i <= count; i++) {
		read_value(reader);
		lua_rawseti(reader->lua, -2, i);
	}
}

static void
read_map(struct reader *reader)
{
	int64_t count = read_number(reader);

	lua_createtable(reader->lua, 0, (int)count);
	while (count-- > 0) {
		read_value(reader);
		read_value(reader);
		lua_rawset(reader->lua, -3);
	}
	wrap(reader->lua, "map");
}

static void
read_set(struct reader *reader)
{
	int64_t count = read_number(reader);

	lua_createtable(reader->lua, 0, (int)count);
	while (count-- > 0) {
		read_value(reader);
		lua_pushboolean(reader->lua, true);
		lua_rawset(reader->lua, -3);
	}
	wrap(reader->lua, "set");
}

/* "=15\r\ntxt:" and the text. */
static void
read_verbatim(struct reader *reader)
{
	int64_t length = read_number(reader);

	lua_createtable(reader->lua, 0, 2);
	lua_pushlstring(reader->lua, reader->at, 3);
	lua_setfield(reader->lua, -2, "format");
	lua_pushlstring(reader->lua, reader->at + 4, (size_t)length - 4);
	lua_setfield(reader->lua, -2, "string");
	wrap(reader->lua, "verbatim_string");
	reader->at += length + 2;
}

static void
read_double(struct reader *reader)
{
	struct slice text = read_line(reader);

	push(reader->lua, text);
	lua_pushnumber(reader->lua, strtod(lua_tostring(reader->lua, -1),
	    NULL));
	lua_remove(reader->lua, -2);
	wrap(reader->lua, "double");
}

static void
read_value(struct reader *reader)
{
	lua_State *lua = reader->lua;

	luaL_checkstack(lua, 8, "the reply of a call is too deep");
	switch (*reader->at) {
	case ':':
		lua_pushinteger(lua, read_number(reader));
		break;
	case '$':
		read_bulk(reader);
		break;
	case '+':
		push(lua, read_line(reader));
		wrap(lua, "ok");
		break;
	case '-':
		push(lua, read_line(reader));
		wrap(lua, "err");
		break;
	case '*':
	case '>':
		read_array(reader);
		break;
	case '_':
		read_line(reader);
		push_null(reader);
		break;
	case '%':
		read_map(reader);
		break;
	case '~':
		read_set(reader);
		break;
	case ',':
		read_double(reader);
		break;
	case '#':
		lua_pushboolean(lua, *read_line(reader).bytes == 't');
		break;
	case '=':
		read_verbatim(reader);
		break;
	case '(':
		push(lua, read_line(reader));
		wrap(lua, "big_number");
		break;
	default:
		luaL_error(lua, "a call replied with what is no reply");
	}
}

void
convert_reply(lua_State *lua, struct slice reply, bool v3)
{
	struct reader reader = { lua, reply.bytes, v3 };

	read_value(&reader);
}

/* A reply that is being written. */
struct writer {
	lua_State	*lua;
	struct output	*output;
	bool		 v3;
	const char	*wrong;		/* NULL: nothing */
	unsigned	 depth;
};

static void	write_value(struct writer *);

static struct slice
top(lua_State *lua)
{
	struct slice text = { NULL, 0 };

	text.bytes = lua_tolstring(lua, -1, &text.length);
	return text;
}

/* As the conversion of C truncates it, and x86 what has no integer. */
static int64_t
truncated(double number)
{
	return number >= -0x1p63 && number < 0x1p63 ? (int64_t)number :
	    INT64_MIN;
}

static void
write_number(struct writer *writer)
{
	lua_State *lua = writer->lua;

	resp_integer(writer->output, lua_isinteger(lua, -1) ?
	    lua_tointeger(lua, -1) : truncated(lua_tonumber(lua, -1)));
}

/* A script that asked for RESP3 has booleans, others only true. */
static void
write_boolean(struct writer *writer)
{
	bool value = lua_toboolean(writer->lua, -1);

	if (lua_scripts(writer->lua)->v3)
		resp_boolean(writer->output, writer->v3, value);
	else if (value)
		resp_integer(writer->output, 1);
	else
		resp_null(writer->output, writer->v3);
}

/* A line has no other within it. */
static void
write_line(struct writer *writer, char type)
{
	struct slice text = top(writer->lua);

	output_bytes(writer->output, &type, 1);
	for (size_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		if (c == '\r' || c == '\n')
			c = ' ';
		output_bytes(writer->output, &c, 1);
	}
	resp_end(writer->output);
}

static void
write_status(struct writer *writer)
{
	write_line(writer, '+');
}

static void
write_error(struct writer *writer)
{
	write_line(writer, '-');
}

static void
write_double(struct writer *writer)
{
	resp_double(writer->output, writer->v3,
	    lua_tonumber(writer->lua, -1));
}

static void
write_big_number(struct writer *writer)
{
	if (writer->v3)
		write_line(writer, '(');
	else
		resp_bulk(writer->output, top(writer->lua));
}

/* Without its format, which is "txt" for all that this server says. */
static void
write_verbatim(struct writer *writer)
{
	lua_State *lua = writer->lua;

	lua_pushliteral(lua, "string");
	if (lua_rawget(lua, -2) == LUA_TSTRING)
		resp_verbatim(writer->output, writer->v3, top(lua));
	else
		resp_null(writer->output, writer->v3);
	lua_pop(lua, 1);
}

static size_t
count_fields(lua_State *lua)
{
	size_t count = 0;

	for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1))
		count++;
	return count;
}

static void
write_map(struct writer *writer)
{
	lua_State *lua = writer->lua;

	resp_map(writer->output, writer->v3, count_fields(lua));
	for (lua_pushnil(lua); lua_next(lua, -2) != 0; ) {
		/* A copy, as lua_next() must find the key unchanged. */
		lua_pushvalue(lua, -2);
		write_value(writer);
		write_value(writer);
	}
}

static void
write_set(struct writer *writer)
{
	lua_State *lua = writer->lua;

	resp_set(writer->output, writer->v3, count_fields(lua));
	for (lua_pushnil(lua); lua_next(lua, -2) != 0; ) {
		lua_pop(lua, 1);
		lua_pushvalue(lua, -1);
		write_value(writer);
	}
}

static void
write_array(struct writer *writer)
{
	lua_State *lua = writer->lua;
	lua_Integer count = 0;

	while (lua_rawgeti(lua, -1, count + 1) != LUA_TNIL) {
		lua_pop(lua, 1);
		count++;
	}
	lua_pop(lua, 1);
	resp_array(writer->output, (size_t)count);
	for (lua_Integer i = 1; i <= count && writer->wrong == NULL; i++) {
		lua_rawgeti(lua, -1, i);
		write_value(writer);
	}
}

/* Tables that stand for what Lua has no type for, by their field. */
static const struct {
	const char	*field;
	int		 type;
	void		(*write)(struct writer *);
} marked[] = {
	{ "err", LUA_TSTRING, write_error },
	{ "ok", LUA_TSTRING, write_status },
	{ "double", LUA_TNUMBER, write_double },
	{ "map", LUA_TTABLE, write_map },
	{ "set", LUA_TTABLE, write_set },
	{ "big_number", LUA_TSTRING, write_big_number },
	{ "verbatim_string", LUA_TTABLE, write_verbatim },
};

static void
write_table(struct writer *writer)
{
	lua_State *lua = writer->lua;

	for (size_t i = 0; i < sizeof marked / sizeof *marked; i++) {
		lua_pushstring(lua, marked[i].field);
		if (lua_rawget(lua, -2) == marked[i].type) {
			marked[i].write(writer);
			lua_pop(lua, 1);
			return;
		}
		lua_pop(lua, 1);
	}
	write_array(writer);
}

/* May the reply become longer, and deeper? */
static bool
has_room(struct writer *writer)
{
	if (writer->depth == DEPTH_MAX || !lua_checkstack(writer->lua, 8))
		writer->wrong = "ERR reached lua stack limit";
	if (output_length(writer->output) > SCRIPT_REPLY_MAX)
		writer->wrong = "ERR the reply of the script is too long";
	return writer->wrong == NULL;
}

/* Takes it off the stack. */
static void
write_value(struct writer *writer)
{
	lua_State *lua = writer->lua;

	if (!has_room(writer)) {
		lua_pop(lua, 1);
		return;
	}
	writer->depth++;
	switch (lua_type(lua, -1)) {
	case LUA_TSTRING:
		resp_bulk(writer->output, top(lua));
		break;
	case LUA_TNUMBER:
		write_number(writer);
		break;
	case LUA_TBOOLEAN:
		write_boolean(writer);
		break;
	case LUA_TTABLE:
		write_table(writer);
		break;
	default:
		resp_null(writer->output, writer->v3);
	}
	writer->depth--;
	lua_pop(lua, 1);
}

const char *
convert_value(lua_State *lua, bool v3, struct output *output)
{
	struct writer writer = { .lua = lua, .output = output, .v3 = v3 };

	write_value(&writer);
	return writer.wrong;
}
