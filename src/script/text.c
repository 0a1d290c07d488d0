/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * text.c - find, match, gmatch and gsub, as the library string of Lua 5.4 has
 * them, with patterns whose steps are counted.
 */
#include <ctype.h>
#include <string.h>

#include "script/pattern.h"

/* The arguments that all four have: the text and the pattern. */
static const char *
open_matcher(struct matcher *matcher, lua_State *lua, int text, int pattern)
{
	size_t text_length, length;
	const char *start;

	sandbox_check(lua);
	matcher->lua = lua;
	matcher->text = luaL_checklstring(lua, text, &text_length);
	matcher->text_end = matcher->text + text_length;
	start = luaL_checklstring(lua, pattern, &length);
	matcher->end = start + length;
	matcher->count = 0;
	matcher->steps = 0;
	return start;
}

/* Capture number n, from 0 on; without captures the first is the match. */
static void
push_capture(struct matcher *matcher, int n, const char *from,
    const char *to)
{
	const struct capture *capture = &matcher->captures[n];

	if (n >= matcher->count) {
		if (n > 0)
			luaL_error(matcher->lua, "invalid capture index "
			    "%%%d", n + 1);
		lua_pushlstring(matcher->lua, from, (size_t)(to - from));
	} else if (capture->length == CAPTURE_POSITION) {
		lua_pushinteger(matcher->lua,
		    capture->start - matcher->text + 1);
	} else if (capture->length == CAPTURE_OPEN) {
		luaL_error(matcher->lua, "unfinished capture");
	} else {
		lua_pushlstring(matcher->lua, capture->start,
		    (size_t)capture->length);
	}
}

/* All of them, or the match if there is none but `from` is. */
static int
push_captures(struct matcher *matcher, const char *from, const char *to)
{
	int count = matcher->count == 0 && from != NULL ? 1 : matcher->count;

	luaL_checkstack(matcher->lua, count, "too many captures");
	for (int n = 0; n < count; n++)
		push_capture(matcher, n, from, to);
	return count;
}

/* Where to begin: from 1 on, below 0 from the end. NULL: behind the text. */
static const char *
read_start(struct matcher *matcher, int argument)
{
	lua_Integer length = matcher->text_end - matcher->text;
	lua_Integer start = luaL_optinteger(matcher->lua, argument, 1);

	if (start < 0)
		start = start < -length ? 1 : length + start + 1;
	else if (start == 0)
		start = 1;
	return start - 1 > length ? NULL : matcher->text + start - 1;
}

/* The first match from `at` on, which moves there. NULL: there is none. */
static const char *
search(struct matcher *matcher, const char **at, const char *pattern)
{
	bool anchored = pattern < matcher->end && *pattern == '^';

	for (pattern += anchored; *at <= matcher->text_end; ++*at) {
		const char *found = pattern_match(matcher, *at, pattern);

		if (found != NULL || anchored)
			return found;
	}
	return NULL;
}

static bool
is_plain(const char *pattern, const char *end)
{
	for (; pattern < end; pattern++)
		if (*pattern != '\0' && strchr("^$*+?.([%-", *pattern) !=
		    NULL)
			return false;
	return true;
}

/* The same for a text without patterns. */
static const char *
search_plain(struct matcher *matcher, const char **at, const char *wanted)
{
	size_t length = (size_t)(matcher->end - wanted);

	for (; (size_t)(matcher->text_end - *at) >= length; ++*at) {
		if (length == 0)
			return *at;
		*at = memchr(*at, *wanted, (size_t)(matcher->text_end -
		    *at) - length + 1);
		if (*at == NULL)
			return NULL;
		pattern_spend(matcher, 1 + length / 16);
		if (memcmp(*at, wanted, length) == 0)
			return *at + length;
	}
	return NULL;
}

int
text_find(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2), *end = NULL;
	const char *at = read_start(&matcher, 3);

	if (at != NULL)
		end = lua_toboolean(lua, 4) ||
		    is_plain(pattern, matcher.end) ?
		    search_plain(&matcher, &at, pattern) :
		    search(&matcher, &at, pattern);
	if (end == NULL) {
		lua_pushnil(lua);
		return 1;
	}
	lua_pushinteger(lua, at - matcher.text + 1);
	lua_pushinteger(lua, end - matcher.text);
	return 2 + push_captures(&matcher, NULL, NULL);
}

int
text_match(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2), *end = NULL;
	const char *at = read_start(&matcher, 3);

	if (at != NULL)
		end = search(&matcher, &at, pattern);
	if (end != NULL)
		return push_captures(&matcher, at, end);
	lua_pushnil(lua);
	return 1;
}

/*
 * The upvalues are text, pattern, where to go on, and where the last match
 * ended: an empty one there is no other.
 */
static int
next_match(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, lua_upvalueindex(1),
	    lua_upvalueindex(2));
	const char *at = matcher.text +
	    lua_tointeger(lua, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));

	for (; at <= matcher.text_end; at++) {
		const char *end = pattern_match(&matcher, at, pattern);

		if (end == NULL || end - matcher.text == last)
			continue;
		lua_pushinteger(lua, end - matcher.text);
		lua_copy(lua, -1, lua_upvalueindex(3));
		lua_replace(lua, lua_upvalueindex(4));
		return push_captures(&matcher, at, end);
	}
	return 0;
}

int
text_gmatch(lua_State *lua)
{
	struct matcher matcher;
	const char *at;

	open_matcher(&matcher, lua, 1, 2);
	at = read_start(&matcher, 3);
	lua_settop(lua, 2);
	lua_pushinteger(lua, (at == NULL ? matcher.text_end + 1 : at) -
	    matcher.text);
	lua_pushinteger(lua, -1);
	lua_pushcclosure(lua, next_match, 4);
	return 1;
}

/* "%1" is a capture, "%0" the match, "%%" itself. */
static void
add_text(struct matcher *matcher, luaL_Buffer *buffer, const char *from,
    const char *to)
{
	size_t length;
	const char *at = lua_tolstring(matcher->lua, 3, &length);

	for (const char *end = at + length; at < end; at++) {
		if (*at != '%') {
			luaL_addchar(buffer, *at);
		} else if (++at < end && *at == '%') {
			luaL_addchar(buffer, '%');
		} else if (at < end && *at == '0') {
			luaL_addlstring(buffer, from, (size_t)(to - from));
		} else if (at < end && isdigit((unsigned char)*at)) {
			push_capture(matcher, *at - '1', from, to);
			luaL_tolstring(matcher->lua, -1, NULL);
			lua_remove(matcher->lua, -2);
			luaL_addvalue(buffer);
		} else {
			luaL_error(matcher->lua, "invalid use of '%%' in "
			    "replacement string");
		}
	}
}

/* What a table or function has for the match; false or nil: it stays. */
static void
add_value(struct matcher *matcher, luaL_Buffer *buffer, const char *from,
    const char *to)
{
	lua_State *lua = matcher->lua;

	if (lua_type(lua, 3) == LUA_TFUNCTION) {
		lua_pushvalue(lua, 3);
		lua_call(lua, push_captures(matcher, from, to), 1);
	} else {
		push_capture(matcher, 0, from, to);
		lua_gettable(lua, 3);
	}
	if (!lua_toboolean(lua, -1)) {
		lua_pop(lua, 1);
		luaL_addlstring(buffer, from, (size_t)(to - from));
	} else if (!lua_isstring(lua, -1)) {
		luaL_error(lua, "invalid replacement value (a %s)",
		    luaL_typename(lua, -1));
	} else {
		luaL_addvalue(buffer);
	}
}

static void
check_replacement(lua_State *lua)
{
	int type = lua_type(lua, 3);

	luaL_argexpected(lua, type == LUA_TNUMBER || type == LUA_TSTRING ||
	    type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
	    "string/function/table");
}

int
text_gsub(lua_State *lua)
{
	struct matcher matcher;
	const char *pattern = open_matcher(&matcher, lua, 1, 2);
	const char *at = matcher.text, *last = NULL;
	lua_Integer most = luaL_optinteger(lua, 4,
	    matcher.text_end - matcher.text + 1), count = 0;
	bool anchored = pattern < matcher.end && *pattern == '^';
	luaL_Buffer buffer;

	check_replacement(lua);
	pattern += anchored;
	luaL_buffinit(lua, &buffer);
	while (count < most) {
		const char *end = pattern_match(&matcher, at, pattern);

		if (end != NULL && end != last) {
			count++;
			if (lua_isstring(lua, 3))
				add_text(&matcher, &buffer, at, end);
			else
				add_value(&matcher, &buffer, at, end);
			at = last = end;
		} else if (at < matcher.text_end) {
			luaL_addchar(&buffer, *at++);
		} else {
			break;
		}
		if (anchored)
			break;
	}
	luaL_addlstring(&buffer, at, (size_t)(matcher.text_end - at));
	luaL_pushresult(&buffer);
	lua_pushinteger(lua, count);
	return 2;
}
