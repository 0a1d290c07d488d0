/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worker.h - a thread with connections of its own: what is asked for when.
 *
 * It shares nothing while it runs, but for two counts that it shows now and
 * then. A phase, filling or the load itself, is a run of its thread.
 */
#ifndef LOAD_WORKER_H
#define LOAD_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/client.h"
#include "load/keys.h"
#include "load/schedule.h"

/* How often it looks whether it is to end, and shows its counts. */
#define WORKER_TICK_US		10000

struct worker {
	struct engine		 engine;
	unsigned		 number;
	pthread_t		 thread;
	struct event		*tick, *due;
	struct client		*clients;
	unsigned		 count;
	struct random		 random;
	struct picker		 picker;
	/* This phase. */
	bool			 filling;
	uint64_t		 fill_next, fill_end;
	uint64_t		 budget;	/* requests to be counted */
	int64_t			 begin, counted_from, end;	/* ns */
	int64_t			 checked;	/* clients, ns */
	/* Open loop. */
	bool			 open;
	struct schedule		 schedule;
	struct client		**idle;		/* with room, a ring */
	unsigned		 idle_first, idle_count;
	struct client		**touched;	/* have to be flushed */
	unsigned		 touched_count;
	/* Read by the main thread. */
	_Atomic uint64_t	 done, latency;
	_Atomic bool		 running;
};

/* Connect all clients. -1: worker_close() is due all the same. */
int	worker_open(struct worker *, const struct load *, unsigned number,
	    struct error *);
void	worker_close(struct worker *);

/* Begin a phase; it ends by itself, or when load->stopped is set. */
int	worker_start_filling(struct worker *, struct error *);
int	worker_start_load(struct worker *, struct error *);

/* Wait for the end of the phase. */
void	worker_join(struct worker *);

#endif
