/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * topic.h - a channel or pattern with its subscribers. Private to
 * src/net/pubsub.c, which makes and ends them, and publish.c.
 */
#ifndef NET_TOPIC_H
#define NET_TOPIC_H

#include "net/pubsub.h"

struct topic_part {
	size_t			 count;		/* behind the hub's lock */
	struct subscription	*first, *last;	/* its worker's */
};

struct topic {
	struct table_node	 node;		/* in the hub's table */
	struct topic		*next, *prev;	/* of a pattern */
	enum pubsub_kind	 kind;
	size_t			 total;		/* subscriptions */
	size_t			 users;		/* messages, and the hub */
	struct slice		 name;
	struct topic_part	 parts[];
};

struct subscription {
	struct table_node	 node;		/* in its worker's table */
	struct topic		*topic;
	struct subscriber	*subscriber;
	struct subscription	*next, *prev;	/* of the topic's part */
	struct subscription	*newer, *older;	/* the subscriber's */
};

/* The hub's lock is held. NULL: nobody is subscribed to it. */
struct topic *topic_find(const struct pubsub *, enum pubsub_kind,
	    struct slice name);

/* The hub's lock is held: one user less. */
void	topic_release(struct topic *);

#endif
