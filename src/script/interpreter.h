/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interpreter.h - what the parts of the interpreter share. Private to
 * src/script/.
 */
#ifndef SCRIPT_INTERPRETER_H
#define SCRIPT_INTERPRETER_H

#include <pthread.h>
#include <stdatomic.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "base/table.h"
#include "proto/call.h"
#include "script/script.h"

/* A compiled script. */
struct kept {
	struct table_node	 node;
	struct kept		*newer, *older;	/* by their last use */
	int			 function;	/* where the registry has it */
	size_t			 bytes;		/* that it takes */
	char			 digits[SHA1_DIGITS + 1];
};

/* How far the script that runs has come. */
enum progress { IDLE, READS, WRITES, KILLED };

struct scripts {
	pthread_mutex_t		 lock;
	_Atomic int		 progress;	/* others may kill it */
	struct script_config	 config;
	lua_State		*lua;
	_Atomic size_t		 used;		/* bytes of it; others read
						   this, and what is kept */
	int			 globals;	/* their place in the registry */
	struct table		 table;
	struct kept		*newest, *oldest;
	_Atomic size_t		 kept_count, kept_bytes;
	/* Of the script that runs. */
	const struct script_run	*run;
	uint64_t		 steps;		/* it has left */
	int64_t			 deadline;	/* monotonic us */
	bool			 v3;		/* replies to its calls are */
	struct args		 words;		/* of a call */
	struct evbuffer		*replies;	/* to calls, or NULL */
};

/* Whose interpreter it is. */
static inline struct scripts *
lua_scripts(lua_State *lua)
{
	return *(struct scripts **)lua_getextraspace(lua);
}

/* sandbox.c: push the globals of scripts. */
void	sandbox_open(lua_State *);

/* Let nobody change or replace what is in the table at the top. */
void	sandbox_seal(lua_State *);

/* Raise an error, which no script can catch, when the time is over. */
void	sandbox_check(lua_State *);

/* What is about to be done is so many steps; the same. */
void	sandbox_spend(lua_State *, unsigned steps);

/* Begin to count. */
void	sandbox_begin(lua_State *);

/* text.c: functions of "string". */
int	text_find(lua_State *);
int	text_gmatch(lua_State *);
int	text_gsub(lua_State *);
int	text_match(lua_State *);

/* calls.c: "redis", the table at the top of the stack. */
void	calls_open(lua_State *);

/*
 * convert.c: push the value of a reply, whose bytes are all there. A reply
 * that is an error becomes a table with the field "err".
 */
void	convert_reply(lua_State *, struct slice reply, bool v3);

/*
 * Add the value at the top of the stack as a reply, and take it off. Returns
 * the error, if it is too deep or too long; NULL: it is not.
 */
const char *convert_value(lua_State *, bool v3, struct output *);

#endif
