/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * monitor.h - MONITOR: a client is told of each request, whoever made it.
 *
 *	+<seconds>.<us> [<database> <address>] "<word>" "<word>" ...
 *
 * A line is a message to those who monitor (net/pubsub.h), and is lost when
 * they have much to read already: nobody waits for them. Calls of access ADMIN
 * are not told, nor are passwords. While nobody monitors, a pass costs a look.
 */
#ifndef NET_MONITOR_H
#define NET_MONITOR_H

#include "net/session.h"

/* What is told of a word, bytes; and how many words. */
#define MONITOR_WORD_MAX	4096
#define MONITOR_WORDS_MAX	256

/* Does anybody monitor? */
static inline bool
monitor_wanted(const struct pubsub *hub)
{
	return atomic_load_explicit(&hub->monitors, memory_order_relaxed) > 0;
}

/* A plain request is carried out. */
void	monitor_tell(struct session *, const struct request *);

/*
 * A call is about to be carried out, or was: scripts are told before what they
 * call, others when it is known what they have changed.
 */
void	monitor_tell_call(struct session_call *, bool before);


/* A line of the text protocol is carried out, up to its end. */
void	monitor_tell_line(struct session *, struct slice);

/* MONITOR. */
void	monitor_begin(struct session_call *);

#endif
