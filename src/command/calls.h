/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * calls.h - what the functions of calls.def share. Private to src/command/.
 */
#ifndef COMMAND_CALLS_H
#define COMMAND_CALLS_H

#include "command/call.h"
#include "proto/resp.h"

/* A key of a call, and what is there. */
struct place {
	struct store		*store;
	struct store_key	 key;
	struct store_item	 item;	/* zeros when nothing is there */
	bool			 there;
};

/* The store of the key that is word number `n`. */
static inline struct store *
call_store(struct call *call, size_t n, struct store_key *key)
{
	return call->store_of(call->context, n, key);
}

/* Count that a client looked for a key. */
static inline void
call_note_read(struct call *call, const struct store_key *key, bool hit)
{
	call->note_read(call->context, key, hit);
}

/* What the key that is word number `n` holds, whatever it is. */
void	call_look(struct call *, size_t n, struct place *);

/* And in another space. */
void	call_look_in(struct call *, size_t n, uint8_t space, struct place *);

/*
 * The string that it holds: read, which makes it hotter, or merely looked at.
 * False: it holds something else, and the reply is the error that says so.
 */
bool	call_read_string(struct call *, size_t n, struct place *);
bool	call_look_string(struct call *, size_t n, struct place *);

/* The reply is the error that a key holds something else. */
void	call_wrong_type(struct call *);

/* A found value as a bulk; null, if nothing is there. */
void	call_put_item(struct call *, struct store *, struct store_item *);
void	call_put_place(struct call *, struct place *);

/*
 * Numbers as Redis reads them: without white space, a plus sign or zeros in
 * front. False: it is none.
 */
bool	call_parse_integer(struct slice, int64_t *);
bool	call_parse_float(struct slice, long double *);

/* The longest text of a finite long double. */
#define CALL_FLOAT_MAX	5120

/* At most 17 decimals, zeros at the end left out. Returns the length. */
size_t	call_format_float(char text[CALL_FLOAT_MAX], long double);
/* Room for DECIMAL_MAX digits and a sign. */
size_t	call_format_integer(char text[1 + DECIMAL_MAX], int64_t);

/* A number as an argument. False: the reply is the error that says so. */
bool	call_integer(struct call *, size_t n, int64_t *);
bool	call_float(struct call *, size_t n, long double *);

/* The number of a database. False: the reply is the error. */
bool	call_space(struct call *, size_t n, uint8_t *space);

/*
 * The time of expiry, unix ms, that word number `n` says. False: the reply is
 * an error.
 */
struct time_unit {
	bool	seconds;	/* or milliseconds */
	bool	relative;	/* from now on, or since 1970 */
};

bool	call_expiry(struct call *, size_t n, struct time_unit, int64_t *);

/*
 * Store what takes the place of a value and keeps its flags and its expiry;
 * when that fails the value stays.
 */
enum store_result call_replace(struct place *, struct slice);

/* Errors. */
void	call_fail(struct call *, enum store_result);	/* could not be stored */
void	call_syntax_error(struct call *);
void	call_wrong_arity(struct call *);
void	call_not_an_integer(struct call *);
void	call_invalid_expiry(struct call *);

/* What TYPE calls a value. */
const char *call_type(const struct store_item *);

/* The functions, by group. */
typedef void call_function(struct call *);

call_function	strings_delifeq, strings_get, strings_getdel, strings_getex,
	    strings_getset, strings_mget, strings_mset, strings_msetnx,
	    strings_set, strings_setex, strings_setnx;
call_function	numbers_add, numbers_add_float;
call_function	ranges_append, ranges_get, ranges_set, ranges_strlen;
call_function	generic_copy, generic_delete, generic_exists, generic_move,
	    generic_rename,
	    generic_touch, generic_type;
call_function	object_encoding, object_frequency, object_idle,
	    object_memory, object_references;
call_function	expire_at, expire_left, expire_persist;
call_function	hashes_add, hashes_add_float, hashes_all, hashes_count,
	    hashes_delete, hashes_expire, hashes_get, hashes_getdel,
	    hashes_getex, hashes_left, hashes_look, hashes_mget,
	    hashes_persist, hashes_random, hashes_scan, hashes_set,
	    hashes_setex, hashes_setnx;
call_function	keyspace_count, keyspace_flush, keyspace_keys,
	    keyspace_random, keyspace_scan, keyspace_swap;

#endif
