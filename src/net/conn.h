/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * conn.h - one client: read, parse, route, reply, in this order.
 *
 * A connection belongs to one worker and is touched by its thread only. What
 * a client can make it hold is bounded: a line, one value that is arriving
 * (in the store's memory), and replies up to OUTPUT_MAX beyond one request's;
 * when the replies are not taken, nothing more is read. A source of output
 * (base/source.h) is asked for more only when all before was taken.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/gate.h"
#include "net/origin.h"
#include "net/pubsub.h"
#include "net/push.h"
#include "net/supply.h"
#include "proto/proto.h"
#include "script/script.h"
#include "shard/route.h"
#include "shard/watch.h"

struct conn;
struct evbuffer;
struct event_base;
struct session;
struct session_call;
struct timeval;
struct tls;

/* Written by the worker's thread, read by any. */
struct conn_counts {
	_Atomic uint64_t	current;	/* connections handed over */
	_Atomic uint64_t	bytes_read;
	_Atomic uint64_t	bytes_written;
	_Atomic uint64_t	requests;
	_Atomic uint64_t	yields;		/* passes cut short, see -R */
	_Atomic uint64_t	idle_kicks;
};

/* So many times, each twice the one before, up to 8 s. */
#define CALL_TIMES	24

/*
 * How often a call was made, refused for its words or its client's rights,
 * and ended in an error; those with one key that ended so the shards count.
 * Of the time that batches take a part is measured, see conn.c.
 */
struct call_counts {
	_Atomic uint64_t	calls;
	_Atomic uint64_t	us;
	_Atomic uint64_t	rejected;
	_Atomic uint64_t	failed;
	/* Those timed that took up to 1, 2, 4, ... us; the last: or more. */
	_Atomic uint64_t	took[CALL_TIMES];
};

/* What all connections of a worker share; the worker owns it. */
struct conn_env {
	struct event_base		*base;
	struct router			*router;
	struct scripts			*scripts;	/* NULL: no Lua */
	const struct clock		*clock;
	struct log			*log;
	const struct codec_config	*codec;
	struct tls			*tls;		/* NULL: none */
	const struct gate		*gate;		/* NULL: all are let in */
	const struct timeval		*idle_timeout;	/* NULL: none */
	unsigned			 requests_per_pass;	/* 0: no limit */
	char				*receive;	/* CONN_RECEIVE_SIZE */
	char				*answer;	/* CONN_ANSWER_SIZE: the
							   replies of a pass */
	struct args			 args;		/* of a batch of calls */
	/* Of connections; no two workers give the same. */
	uint64_t			 next_id, id_step;
	struct conn_counts		 counts;
	struct call_counts		 calls[CALL_COUNT];
	unsigned			 batches;	/* for measuring */
	struct supplies			 supplies;
	struct journal			 journal;	/* of its thread */
	struct pubsub_part		 pubsub;
	struct pushes			 pushes;
	unsigned			 number;	/* of the worker */
	struct evbuffer			*apart;		/* a reply in work */
	struct table			 sessions;	/* by their ids */
	struct conn			*first;		/* the worker's list */
	pthread_mutex_t			 list_lock;	/* to change it, or to
							   read it elsewhere */
	/* Requests of scope SERVER are carried out by this. */
	void				(*serve)(void *context,
					    const struct request *,
					    struct reply *, struct output *);
	void				*serve_context;
	/* And calls of scope SERVER by this, with the same context. */
	void				(*call)(void *context,
					    struct session_call *);
	/* A call on keys took so long. */
	void				(*note_slow)(void *context,
					    const struct session_call *,
					    int64_t us);
	/* A connection is gone. */
	void				(*closed)(void *context);
	void				*closed_context;
};

/* The longest line, a get with many keys. */
#define CONN_LINE_MAX		((size_t)4 << 20)

/* The longest request of RESP, but for one item, which may be longer. */
#define CONN_REQUEST_MAX	((size_t)32 << 20)

/* What is received at once, behind what a connection kept if that is short. */
#define CONN_RECEIVE_MAX	((size_t)64 << 10)
#define CONN_COPIED_MAX		((size_t)32 << 10)
#define CONN_RECEIVE_SIZE	(CONN_COPIED_MAX + CONN_RECEIVE_MAX)

/* Replies that leave in one write without being kept anywhere. */
#define CONN_ANSWER_SIZE	((size_t)64 << 10)

/*
 * Serve a connected, non-blocking socket. Its origin outlives it. -1: no
 * memory; fd is closed.
 */
int	conn_open(struct conn_env *, int fd, const struct origin *);

/* Close at once. */
void	conn_close(struct conn *);

/* From its thread: close the one with this id, if it is still there. */
void	conn_close_id(struct conn_env *, uint64_t id);

/* From its thread: the session with this id; NULL: there is none. And all. */
struct session *conn_session(const struct conn_env *, uint64_t id);
void	conn_each(struct conn_env *, void (*visit)(void *context,
	    struct session *), void *context);

/* Where the peer is, "127.0.0.1:4711" or "unix:/path". */
void	conn_address(const struct conn *, char out[ORIGIN_ADDRESS_SIZE]);

/* Answer what has arrived, send it, and close. */
void	conn_finish(struct conn *);

/*
 * From its thread, while no connection is served: send the pushes that wait.
 * Connections that do not take them are closed.
 */
void	conn_send_pushes(struct conn_env *);

struct conn *conn_next(const struct conn *);

/* What others may know of a connection. */
struct conn_view {
	const struct session	*session;
	int			 fd;
	const struct origin	*origin;
	char			 peer[ORIGIN_ADDRESS_SIZE];
	const char		*state;		/* as memcached calls it */
	bool			 blocked;	/* it has replies to take */
	int64_t			 used;		/* last, unix ms */
};

/*
 * From any thread: visit up to `count` connections, those with ids below
 * `*below`, and set that to go on; UINT64_MAX begins. False: there are no more.
 */
bool	conn_visit(struct conn_env *, uint64_t *below, unsigned count,
	    void (*visit)(void *context, const struct conn_view *),
	    void *context);

const struct origin *conn_origin(const struct conn *);

/* Which of the times is that? */
static inline unsigned
call_time_of(uint64_t us)
{
	unsigned time = us <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(us - 1);

	return time < CALL_TIMES ? time : CALL_TIMES - 1;
}

/* Add to a counter that only this thread writes. */
static inline void
conn_count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, more +
	    atomic_load_explicit(counter, memory_order_relaxed),
	    memory_order_relaxed);
}

#endif
