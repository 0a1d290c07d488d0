/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hashes.h - what the calls on hashes share. Private to src/command/.
 */
#ifndef COMMAND_HASHES_H
#define COMMAND_HASHES_H

#include "command/calls.h"
#include "store/fields.h"

/* The hash of a call; without fields if nothing is there. */
struct hash {
	struct store_key	key;
	struct fields		fields;
};

/*
 * Open the hash that the key, word number 1, has. False: it has something
 * else, and the reply says so.
 */
bool	hashes_open(struct call *, enum fields_use, struct hash *);

/* The value of a field as a bulk. */
void	hashes_put_value(struct call *, const struct hash *,
	    const struct field *);

/* The value of the field that word number `n` names, or null. */
void	hashes_put_word(struct call *, const struct hash *, size_t n);

#endif
