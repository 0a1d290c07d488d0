/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * client.h - one connection, and the requests that wait on it.
 *
 *	requests, a ring:  | first ... answered from here on
 *	                   | ... first + sent: written but for `offset` bytes
 *	                   | ... first + pending: the end
 *
 * A request keeps its keys and nothing else, as all other bytes of it come
 * from them. What the socket did not take is written anew, so a connection
 * has no buffers but for the beginning of a token that is not all there.
 *
 * The clients of a thread share an engine: buffers, counts and the time.
 */
#ifndef LOAD_CLIENT_H
#define LOAD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "load/batch.h"
#include "load/link.h"
#include "load/load.h"
#include "load/tally.h"
#include "load/wire.h"

struct event;
struct event_base;
struct client;

/* What is received at once. */
#define ENGINE_ROOM	((size_t)256 << 10)

struct engine {
	const struct load	*load;
	struct event_base	*base;
	struct batch		 batch;
	char			*room;		/* to receive into */
	struct tally		 tally;
	bool			 counting;
	int64_t			 now;		/* ns */
	uint64_t		 in_flight;	/* requests of all clients */
	uint64_t		 owed;		/* misses to be stored */
	unsigned		 alive;		/* connections */
	uint64_t		 done;		/* replies so far */
	uint64_t		 latency;	/* ns of these together */
	/* Replies came, or the connection is lost. */
	void			(*answered)(struct client *);
};

struct pending {
	int64_t		due;		/* ns: latency counts from here */
	uint16_t	count;		/* of keys */
	uint8_t		op;		/* enum op */
	bool		counted;
};

struct client {
	struct engine	*engine;
	struct link	 link;
	struct event	*readable, *writable;
	struct pending	*requests;
	uint64_t	*keys;		/* `stride` of each request */
	unsigned	 stride;
	unsigned	 slots;
	unsigned	 first, sent, pending;
	size_t		 offset;
	bool		 blocked;	/* the socket takes no more */
	bool		 queued;	/* the worker's: it is in a list */
	bool		 touched;	/* the worker's, too */
	int64_t		 heard;		/* ns: last sign of life */
	/* The reply that is being read. */
	struct wire_reply reply;
	bool		 reading;
	unsigned	 answered;	/* keys whose fate is known */
	bool		 in_value, wrong;
	struct slice	 expected;	/* the rest of the value */
	uint64_t	 value_left;
	size_t		 tail_left;
	char		*kept;		/* of a token */
	size_t		 kept_length;
	/* Keys that were missed and are to be stored, a ring. */
	uint64_t	*debts;
	unsigned	 debt_first, debt_count;
};

/* Connect. -1: client_close() is due all the same. */
int	client_open(struct client *, struct engine *, unsigned slots,
	    struct error *);
void	client_close(struct client *);

static inline bool
client_is_lost(const struct client *client)
{
	return client->link.fd == -1;
}

static inline bool
client_has_room(const struct client *client)
{
	return client->pending < client->slots && !client_is_lost(client);
}

/* A new request; there is room. The caller fills its keys in. */
uint64_t *client_add(struct client *, enum op, unsigned count, int64_t due,
	    bool counted);

/* Requests to store what was missed, as many as there is room for. */
void	client_pay(struct client *, unsigned most);

/* Send what waits to be sent, as much as the socket takes. */
void	client_flush(struct client *);

/* Give it up if it waits for longer than that for a sign of life. */
void	client_check(struct client *, int64_t patience);

#endif
