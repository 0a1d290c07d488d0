/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * call.h - carry out a call of calls.def whose scope is KEYS.
 *
 * The shards of all its keys have been entered, so it is atomic; a call that
 * is about all keys names none, and enters one shard after the other. It
 * writes its reply itself; a call that fails replies with an error and has
 * changed nothing.
 */
#ifndef COMMAND_CALL_H
#define COMMAND_CALL_H

#include "base/output.h"
#include "proto/call.h"
#include "proto/rights.h"
#include "store/store.h"

/* What the operator does not allow. Constant after start. */
struct call_rules {
	bool	no_flush;
	bool	no_listing;	/* of keys that a client does not know */
};

struct call {
	const struct call_row	*row;
	const struct slice	*words;	/* the name first */
	size_t			 count;
	struct output		*output;
	bool			 v3;	/* the reply is for RESP3 */
	int64_t			 now;	/* unix ms */
	unsigned		 space;	/* of the keys: the database */
	const struct rights	*rights;	/* NULL: to all keys */
	/*
	 * The store of the key that is word number n, which is described. Its
	 * shard is entered.
	 */
	struct store		*(*store_of)(void *context, size_t n,
				    struct store_key *);
	/*
	 * Enter store number n, from 0 on. One at a time is entered so, and
	 * left before the next.
	 */
	unsigned		 store_count;
	struct store		*(*enter)(void *context, unsigned n);
	void			(*leave)(void *context, unsigned n);
	/* All keys, or those of a database, are others now. */
	void			(*flushed)(void *context);
	uint64_t		(*random)(void *context);
	/* Something was looked for, and was there or not: to be counted. */
	void			(*note_read)(void *context,
				    const struct store_key *, bool hit);
	/* The hash of a key that is no word of the call. */
	uint64_t		(*hash)(void *context,
				    const struct store_key *);
	const struct call_rules	*rules;
	/* Add a value to the reply, copied or by reference. */
	void			(*put_value)(void *context, struct store *,
				    struct store_item *, struct output *);
	void			*context;
};

/* Carry it out; its number of words is right. */
void	call_execute(struct call *);

#endif
