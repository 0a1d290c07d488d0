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

#define KEY_MAX			250
#define REQUEST_OPAQUE_MAX	32
#define REQUEST_RETURNS_MAX	8

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
	REQUEST_CREATE = 64,	/* what is missing is made, see below */
	REQUEST_TOUCH = 128,	/* let it expire at `expiry` */
	REQUEST_UNNOTICED = 256,	/* reading makes no difference */
	REQUEST_WANT_VALUE = 512,
	REQUEST_RECACHE = 1024,	/* win when less than `recache` is left */
	REQUEST_INVALIDATE = 2048,	/* mark as stale */
	REQUEST_DROP_VALUE = 4096,	/* keep the item without it */
	REQUEST_QUIET = 8192,	/* do not tell what is expected */
	REQUEST_BASE64 = 16384,	/* the client spells the key in base64 */
	REQUEST_CLOSE = 131072,	/* nothing is to follow the reply */
	REQUEST_RESP3 = 262144,	/* so is its reply to be */
	REQUEST_PIPELINED = 32768,	/* replies to others are still to be
					   sent */
	REQUEST_WITH_KEY = 65536,	/* the reply has the key */
	REQUEST_TYPED = 524288,	/* a hash is an error, not a miss */
};

struct call_row;
struct protocol;
struct rights;
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
	uint64_t	initial;	/* of a number that is made */
	int64_t		create_expiry;	/* of what is made, unix ms */
	uint64_t	cas;		/* unique to compare with */
	uint64_t	new_cas;	/* unique to give, 0 = the next */
	uint32_t	recache;	/* seconds */
	enum op		as;		/* of a meta set: on which condition */
	const struct call_row *call;	/* of OP_CALL and, never
					   NULL, OP_KEY_CALL */
	const struct slice *words;	/* of a call, the name first */
	uint32_t	word_count;
	const struct rights *rights;	/* of who calls; NULL: all */
	struct slice	argument;	/* the words after the verb, or an
					   opaque to send back */
	char		mode;		/* of a meta command, while parsed */
	char		returns[REQUEST_RETURNS_MAX + 1];	/* its reply's
					   letters in their order */
	enum status	status;		/* of OP_REJECT, OP_FLUSH: what is wrong */
	uint32_t	opaque;		/* goes back with the reply */
	uint8_t		opcode;		/* so does this */
	uint8_t		space;		/* that the key is in */
};

enum reply_mark {
	REPLY_FETCHED = 1,	/* the item was read before */
	REPLY_STALE = 2,
	REPLY_TOKEN_SENT = 4,	/* somebody else is to renew it */
	REPLY_WON = 8,		/* this client is */
};

struct reply {
	enum status	status;
	uint32_t	client_flags;
	uint64_t	cas;		/* 0: not asked for, or there is none */
	uint64_t	number;
	int64_t		ttl;		/* seconds left, -1 = unlimited */
	uint32_t	idle;		/* seconds since the last access */
	unsigned	marks;		/* enum reply_mark */
	unsigned	class;		/* slab class, from 1 */
	struct slice	value;
	/* When set, it adds value.length bytes; value.bytes is NULL then. */
	void		(*add_value)(void *context, struct output *);
	void		*context;
	/* Output that follows the reply; the connection owns it then. */
	struct source	*source;
};

/*
 * Move what a request borrows to `room`, so that it outlives the bytes that
 * were parsed; its value is not part of that.
 */
#define REQUEST_DETACHED_MAX	(KEY_MAX + REQUEST_OPAQUE_MAX)

void	request_detach(struct request *, char room[REQUEST_DETACHED_MAX]);

/* Where an op is carried out. */
enum scope	request_scope(enum op);

#endif
