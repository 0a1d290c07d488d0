/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * script.h - scripts of RESP clients, in Lua 5.4.
 *
 * There is one interpreter for the server, so scripts run one at a time: but
 * where it says otherwise, functions are called between script_enter() and
 * script_leave(). A script reaches nothing but the calls it
 * is lent; its memory, its steps and its time are bounded, and it leaves
 * nothing behind in the interpreter but garbage.
 *
 * Source: the documentation of scripts in Redis, and the observed behaviour
 * of redis-server 7.0 where that is silent.
 */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/output.h"
#include "base/sha1.h"

/* All of the interpreter, and what compiled scripts are kept in. */
#define SCRIPT_MEMORY_MAX	((size_t)64 << 20)
#define SCRIPT_CACHE_BYTES	((size_t)16 << 20)
#define SCRIPT_CACHE_COUNT	1000

/* The longest reply. */
#define SCRIPT_REPLY_MAX	((size_t)64 << 20)

/* A script ends after this long, too, if it has no steps to be counted. */
#define SCRIPT_MS_MAX		5000

struct script_config {
	uint64_t	 steps;		/* of a script, instructions of Lua */
	struct log	*log;
	const char	*version;	/* that scripts are told */
};

struct scripts;

/*
 * NULL: `error` says why. Where there is no Lua it is "", and all other
 * functions take NULL.
 */
struct scripts *script_open(const struct script_config *, struct error *);
void	script_close(struct scripts *);

/* Wait until no other script runs. */
void	script_enter(struct scripts *);
void	script_leave(struct scripts *);

/*
 * Compile and keep a script. False: the reply is an error. Those that were
 * not used for the longest time go when there are too many.
 */
bool	script_load(struct scripts *, struct slice body,
	    char digits[SHA1_DIGITS + 1], struct output *);

/*
 * Is the script of this digest kept? Clients may spell it in capitals; it is
 * given as it is spelt here.
 */
bool	script_find(struct scripts *, struct slice name,
	    char digits[SHA1_DIGITS + 1]);
void	script_flush(struct scripts *);

/*
 * From any thread, at any time: end the script that runs, unless it has
 * written something.
 */
enum script_kill {
	SCRIPT_KILLED,
	SCRIPT_NONE_RUNS,
	SCRIPT_HAS_WRITTEN,
};

enum script_kill script_kill(struct scripts *);

/* The script that runs is about to write. False: it is being killed. */
bool	script_may_write(struct scripts *);

/* What they take now; from any thread. */
struct script_counts {
	size_t	scripts;	/* that are kept */
	size_t	script_bytes;
	size_t	bytes;		/* of all of the interpreter */
};

void	script_count(struct scripts *, struct script_counts *);

struct script_run {
	const char	*digits;	/* of a script that is known */
	const struct slice *keys, *arguments;
	size_t		 key_count, argument_count;
	bool		 v3;		/* the reply is for RESP3 */
	/* A call of the script; its reply is added to the output. */
	void		(*call)(void *context, const struct slice *words,
			    size_t count, bool v3, struct output *);
	void		*context;
};

/* Run it, and add its reply. */
void	script_run(struct scripts *, const struct script_run *,
	    struct output *);

#endif
