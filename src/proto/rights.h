/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rights.h - what a user may do: which calls and commands, on which keys.
 *
 * Rights are made of words, those of Redis: `+@read` gives a class of calls,
 * `-keys` takes one away, `~user:*` gives keys by a pattern. A user without
 * rights of this kind may do everything, and costs nothing.
 *
 * Rights do not change once somebody holds them; the last holder frees them.
 */
#ifndef PROTO_RIGHTS_H
#define PROTO_RIGHTS_H

#include <stdbool.h>

#include "base/error.h"
#include "proto/request.h"

struct call_row;
struct rights;

/* What may be done with a key. */
enum rights_way {
	RIGHTS_READ = 1,
	RIGHTS_WRITE = 2,
	RIGHTS_ALL = 3,
};

/* May somebody do that? What not, if not. */
enum rights_answer {
	RIGHTS_OK,
	RIGHTS_NO_CALL,
	RIGHTS_NO_KEY,
	RIGHTS_NO_CHANNEL,
};

/* To do nothing on no key. NULL: out of memory. One holder. */
struct rights *rights_new(void);
struct rights *rights_hold(struct rights *);
void	rights_release(struct rights *);	/* may be NULL */

/* Add a word, before anybody else holds them. -1: it is none. */
int	rights_add(struct rights *, struct slice word, struct error *);

/* Add all words of others. -1: out of memory. */
int	rights_join(struct rights *, const struct rights *others,
	    struct error *);

/* The words that these rights are made of, with spaces between. */
struct slice rights_calls(const struct rights *);
struct slice rights_keys(const struct rights *);
struct slice rights_channels(const struct rights *);

/*
 * May it be called in these words, the name first? `*word` is the number of
 * the one that may not be.
 */
enum rights_answer rights_to_call(const struct rights *,
	    const struct call_row *, const struct slice *words, size_t count,
	    size_t *word);

/* May a request of another protocol, on one key or on the server, be done? */
bool	rights_to_request(const struct rights *, const struct request *);

bool	rights_to_key(const struct rights *, struct slice key,
	    enum rights_way);

#endif
