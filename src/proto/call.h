/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * call.h - a request as the row of a table and its words.
 *
 * calls.def lists what RESP clients can call. The table is ordered for a
 * binary search by name, which call_table() builds.
 */
#ifndef PROTO_CALL_H
#define PROTO_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum call_id {
#define CALL(name, id, ...)	CALL_##id,
#include "proto/calls.def"
	CALL_COUNT
};

/* Where a call is carried out. */
enum call_scope {
	CALL_KEYS,		/* in the shards of its keys, by command/ */
	CALL_CONNECTION,	/* by net/session.c */
	CALL_SERVER,		/* by server/ */
};

enum call_access { CALL_READ, CALL_WRITE, CALL_ADMIN };

struct call_row {
	const char	*name;		/* in lower case; "a|b" is a part of a */
	enum call_id	 id;
	int		 arity;		/* words with the name; -n: or more */
	enum call_scope	 scope;
	enum call_access access;
	int		 first, last, step;	/* where the keys are, 0: none;
						   last may count from the end */
	const char	*group;
	const char	*synopsis;
	const char	*sentence;
};

extern const struct call_row call_rows[CALL_COUNT];

/* The row of that name, in any case of letters; NULL: there is none. */
const struct call_row *call_find(struct slice name);

/*
 * A call that has parts, "client", is the first of its rows, and all parts
 * follow. How many are there; which has that name, "id"; NULL: there is none;
 * which call is this part of, or itself?
 */
size_t	call_parts(const struct call_row *);
const struct call_row *call_part(const struct call_row *, struct slice name);
const struct call_row *call_whole(const struct call_row *);
bool	call_is_part(const struct call_row *);

/* Is this the number of words that it takes? */
static inline bool
call_arity_valid(const struct call_row *row, size_t count)
{
	return row->arity >= 0 ? count == (size_t)row->arity :
	    count >= (size_t)-row->arity;
}

/*
 * Where the keys of a call with `count` words are: first, first + step, ...
 * up to `*last`. False: it has none.
 */
bool	call_keys(const struct call_row *, size_t count, size_t *first,
	    size_t *last, size_t *step);

/* Are the bytes this word, given in lower case, in any case of letters? */
bool	call_word_is(struct slice, const char *word);

/* Words of requests. They move when there have to be more. */
struct args {
	struct slice	*words;
	size_t		 used, room;
};

/* Room for `count` more. NULL: out of memory; the others are as they were. */
struct slice *args_reserve(struct args *, size_t count);
void	args_reset(struct args *);
void	args_free(struct args *);

#endif
