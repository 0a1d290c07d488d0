/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.h - what a connection that makes calls has agreed on, and the calls
 * about that.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/records.h"
#include "net/gate.h"
#include "net/pubsub.h"
#include "net/push.h"
#include "net/tracker.h"
#include "proto/proto.h"
#include "shard/guard.h"

struct conn;
struct conn_env;

/* Clients decide by it what they may send. */
#define SESSION_VERSION		"7.4.0"

/* Databases that SELECT knows. */
#define SESSION_SPACES		16

/* What a client says about itself. */
enum session_text {
	SESSION_NAME,
	SESSION_USER,		/* NULL: "default" */
	SESSION_LIBRARY,
	SESSION_LIBRARY_VERSION,
	SESSION_TEXTS,
};

/* Whose replies it wants. */
enum session_replies {
	SESSION_REPLIES,
	SESSION_NO_REPLIES,
	SESSION_SKIP_NEXT,	/* not the next one's */
};

/* A transaction, see session_multi.c. */
struct session_multi {
	bool		 open;		/* since MULTI */
	bool		 refused;	/* a call of it was */
	int		 count;		/* of calls that wait */
	struct records	 calls;		/* these */
	struct guard	 guard;		/* the keys of WATCH */
};

struct session {
	struct table_node	 node;		/* first: it is cast back */
	struct conn_env		*env;
	struct codec		*codec;		/* of the connection */
	struct gate_visit	*visit;		/* of the connection */
	uint64_t		 id;		/* of the connection, from 1 */
	int64_t			 opened;	/* unix ms */
	enum session_replies	 replies;
	struct push_end		 push;
	struct subscriber	 subscriber;
	struct tracker		 tracker;
	struct output		*outer;		/* of the pass in work */
	bool			 crowded;	/* others have much to read
						   that it has published */
	struct session_multi	 multi;
	/* Others may read these behind the lock of the worker's list. */
	char			*texts[SESSION_TEXTS];	/* or NULL */
	/* And these at any time: of the last call. */
	const struct call_row	*_Atomic call;
	_Atomic uint8_t		 space;
	_Atomic bool		 v3;
	_Atomic int		 waiting;	/* calls of a transaction,
						   -1: there is none */
};

/* A call that is in work. */
struct session_call {
	struct session		*session;
	struct request		*request;
	const struct slice	*words;		/* the name first */
	size_t			 count;
	struct output		*output;
	bool			 v3;
	int64_t			 now;		/* unix ms */
	struct visit		*visit;		/* NULL, or its shards are
						   entered */
	bool			 scripted;	/* a script calls */
};

void	session_open(struct session *, struct conn_env *, struct codec *,
	    struct gate_visit *, struct conn *, uint64_t id, int64_t now);
void	session_close(struct session *);

/*
 * Carry out a request and add its reply, and the pushes that wait. It may set
 * REQUEST_CLOSE: nothing is to follow the reply. What is not a call is refused:
 * its client is outside.
 */
void	session_serve(struct session *, struct request *, int64_t now,
	    struct output *);

/* Replies that all calls may have to give. */
void	session_syntax_error(struct session_call *);
void	session_wrong_arity(struct session_call *);
void	session_ok(struct session_call *);

/* The lines of HELP: "CLIENT <subcommand> [<arg> ...]. ..." comes first. */
void	session_help(struct session_call *);

#endif
