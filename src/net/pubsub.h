/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub.h - channels, patterns, and who is subscribed to them.
 *
 * A topic is a channel or pattern that has subscribers. The server's hub knows
 * all topics, and how many subscribers of each a worker has; who these are
 * only that worker knows:
 *
 *   hub ── topic ──┬── part of worker 0: how many | first ── ... ── last
 *     behind its   ├── part of worker 1: how many | ...
 *     lock         └── ...             hub's lock | its worker's alone
 *
 * To publish is to find the topics of a message and to post a letter with it
 * to each worker concerned, all behind the hub's lock: so every subscriber
 * sees messages in the same order. The worker pushes it to its own. A letter
 * keeps its topics, whose subscribers may have gone meanwhile.
 *
 * Who subscribes, or leaves, does so between two letters: what was posted
 * before is read first.
 */
#ifndef NET_PUBSUB_H
#define NET_PUBSUB_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/table.h"
#include "shard/mail.h"

struct output;
struct push_end;
struct topic;

enum pubsub_kind {
	PUBSUB_CHANNEL,
	PUBSUB_PATTERN,
	PUBSUB_SHARD,		/* a channel of Redis' clusters */
	PUBSUB_MONITOR,		/* all requests: its only name is "" */
	PUBSUB_KINDS,
};

/* The longest name, and what the subscriptions of a connection may take. */
#define PUBSUB_NAME_MAX		65535
#define PUBSUB_BYTES_MAX	((size_t)16 << 20)

/* The topics of the message that is being published. */
struct pubsub_matches {
	struct topic		**topics;
	size_t			 count, room;
};

struct pubsub {
	struct mail		*mail;
	uint64_t		 seed;		/* of hashes */
	pthread_mutex_t		 lock;		/* of what follows */
	struct table		 topics[PUBSUB_KINDS];
	struct topic		*first, *last;	/* patterns, the oldest first */
	struct pubsub_matches	 matches;
	_Atomic size_t		 clients;	/* with subscriptions */
	_Atomic size_t		 monitors;	/* and who monitor */
};

void	pubsub_open(struct pubsub *, struct mail *, uint64_t seed);

/* Nobody is subscribed, and no letter is on its way. */
void	pubsub_close(struct pubsub *);

/* A worker's part. */
struct pubsub_part {
	struct pubsub		*hub;
	unsigned		 worker;
	void			*reader;	/* who reads its letters */
	struct table		 subscriptions;
};

void	pubsub_part_close(struct pubsub_part *);

/* What a connection is subscribed to. */
struct subscriber {
	struct push_end		*push;
	const bool		*v3;		/* it speaks RESP3 */
	struct subscription	*first, *last;	/* the oldest first */
	size_t			 bytes;		/* that they take */
	_Atomic uint32_t	 counts[PUBSUB_KINDS];	/* others' to read */
};

/* Subscriptions of all kinds but one, which Redis counts apart. */
static inline uint32_t
pubsub_count(const struct subscriber *subscriber)
{
	return subscriber->counts[PUBSUB_CHANNEL] +
	    subscriber->counts[PUBSUB_PATTERN];
}

static inline bool
pubsub_is_subscribed(const struct subscriber *subscriber)
{
	return pubsub_count(subscriber) > 0 ||
	    subscriber->counts[PUBSUB_SHARD] > 0;
}

static inline bool
pubsub_monitors(const struct subscriber *subscriber)
{
	return subscriber->counts[PUBSUB_MONITOR] > 0;
}

enum pubsub_result {
	PUBSUB_OK,		/* or it was so already */
	PUBSUB_TOO_LONG,
	PUBSUB_TOO_MANY,
	PUBSUB_NO_MEMORY,
};

enum pubsub_result pubsub_subscribe(struct pubsub_part *,
	    struct subscriber *, enum pubsub_kind, struct slice name);

/* Nothing happens to one that is not subscribed. */
void	pubsub_unsubscribe(struct pubsub_part *, struct subscriber *,
	    enum pubsub_kind, struct slice name);

/* The oldest subscription of a kind. False: there is none. */
bool	pubsub_oldest(const struct subscriber *, enum pubsub_kind,
	    struct slice *name);

/* Leave all. */
void	pubsub_leave(struct pubsub_part *, struct subscriber *);

/*
 * Send a message to the subscribers of a channel and, unless it is one of
 * clusters, of the patterns that match. The reader's own have it when this
 * returns. Sets how many have it or will. False: out of memory, or there is
 * too much to be read already; then nobody has it.
 */
bool	pubsub_publish(struct pubsub_part *, enum pubsub_kind,
	    struct slice channel, struct slice message, size_t *receivers);

/* Push bytes to all who monitor, unless they have much to read. */
void	pubsub_tell_monitors(struct pubsub_part *, struct slice);

/* How many subscribers has a topic? How many topics of a kind are there? */
size_t	pubsub_subscribers(struct pubsub *, enum pubsub_kind,
	    struct slice name);
size_t	pubsub_topics(struct pubsub *, enum pubsub_kind);

/* Visit the names of all topics of a kind, behind the lock. */
void	pubsub_visit(struct pubsub *, enum pubsub_kind,
	    void (*visit)(void *context, struct slice name), void *context);

#endif
