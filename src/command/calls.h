/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * calls.h - what the functions of calls.def share. Private to src/command/.
 */
#ifndef COMMAND_CALLS_H
#define COMMAND_CALLS_H

#include "command/call.h"
#include "proto/resp.h"

/* The store of the key that is word number `n`. */
static inline struct store *
call_store(struct call *call, size_t n, struct store_key *key)
{
	return call->store_of(call->context, call->words[n], key);
}

/* A found value as a bulk. */
void	call_put_item(struct call *, struct store *, struct store_item *);

/* An integer argument. False: the reply is the error that says so. */
bool	call_integer(struct call *, size_t n, int64_t *);

/* What a value that could not be stored is answered with. */
void	call_fail(struct call *, enum store_result);

void	call_syntax_error(struct call *);

/* The functions, by group. */
typedef void call_function(struct call *);

call_function	strings_append, strings_count, strings_get, strings_mget,
	    strings_mset, strings_msetnx, strings_set, strings_strlen;
call_function	generic_delete, generic_exists, generic_touch;

#endif
