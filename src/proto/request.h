/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.h - what every protocol is translated into, and what it gets back.
 *
 * A command on several keys is one request per key; REQUEST_LAST marks the
 * last. The slices of a request borrow the bytes that were parsed.
 */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/output.h"

#define KEY_MAX	250

enum op {
#define OP(name, scope, access, function)	OP_##name,
#include "proto/commands.def"
	OP_COUNT
};

enum status {
#define STATUS(name, ...)	STATUS_##name,
#include "proto/statuses.def"
	STATUS_COUNT
};

enum scope { SCOPE_KEY, SCOPE_SERVER, SCOPE_CONNECTION };

enum request_flags {
	REQUEST_NOREPLY = 1,
	REQUEST_LAST = 2,	/* the line's last key: END follows */
	REQUEST_HAS_NUMBER = 4,	/* an optional argument was given */
	REQUEST_TOO_LARGE = 8,	/* its value was refused unseen */
	REQUEST_WANT_CAS = 16,	/* the reply has the written item's unique */
	REQUEST_HAS_CAS = 32,	/* only if the item has the unique `cas` */
	REQUEST_CREATE = 64,	/* a missing number starts with `initial` */
	REQUEST_PIPELINED = 128,	/* replies to others are still to be sent */
};

struct protocol;
struct source;

struct request {
	const struct protocol *protocol;	/* to answer in; never NULL */
	enum op		op;
	unsigned	flags;		/* enum request_flags */
	struct slice	key;
	uint64_t	hash;		/* of the key; set by the router */
	struct slice	value;		/* to store; bytes NULL: see draft */
	uint32_t	draft;		/* store's name of a received value */
	uint32_t	client_flags;
	int64_t		expiry;		/* unix ms, 0 = never */
	uint64_t	number;		/* delta, or argument */
	uint64_t	initial;	/* of a number, see REQUEST_CREATE */
	uint64_t	cas;		/* unique to compare with */
	struct slice	argument;	/* the words after the verb */
	enum status	status;		/* of OP_REJECT, OP_FLUSH: what is wrong */
};

struct reply {
	enum status	status;
	uint32_t	client_flags;
	uint64_t	cas;		/* 0: not asked for, or there is none */
	uint64_t	number;
	struct slice	value;
	/* When set, it adds value.length bytes; value.bytes is NULL then. */
	void		(*add_value)(void *context, struct output *);
	void		*context;
	/* Output that follows the reply; the connection owns it then. */
	struct source	*source;
};

/* Where an op is carried out. */
enum scope	request_scope(enum op);

#endif
