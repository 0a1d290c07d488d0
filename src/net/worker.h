/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worker.h - a thread with its event base, its connections, and the
 * housekeeping of its share of the shards.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <stddef.h>

#include "base/error.h"
#include "net/conn.h"

struct worker;

struct worker_config {
	unsigned			 number;	/* of this worker */
	unsigned			 worker_count;
	struct router			*router;	/* outlives it */
	struct scripts			*scripts;	/* so do they; NULL:
							   there is no Lua */
	const struct clock		*clock;
	struct log			*log;
	const struct codec_config	*codec;
	struct tls			*tls;		/* NULL: none */
	struct watch_hub		*watch;		/* outlives it */
	struct pubsub			*pubsub;	/* outlives it */
	const struct gate		*gate;		/* NULL: none */
	unsigned			 idle_seconds;	/* 0: no limit */
	unsigned			 requests_per_pass;	/* 0: none */
	void				(*serve)(void *context,
					    const struct request *,
					    struct reply *, struct output *);
	void				(*call)(void *context,
					    struct session_call *);
	void				(*note_slow)(void *context,
					    const struct session_call *,
					    int64_t us);
	void				(*closed)(void *context);
	void				*context;	/* of these */
};

/* Start a worker. NULL: `error` says why. */
struct worker *worker_start(const struct worker_config *, struct error *);

/*
 * Hand over a connected, non-blocking socket, from any thread. Its origin
 * outlives the worker.
 */
void	worker_give(struct worker *, int fd, const struct origin *);

/*
 * From any thread: close a connection by its id, soon. False: out of memory.
 */
bool	worker_close(struct worker *, uint64_t id);

/* From any thread: some of its connections, as conn_visit() has it. */
bool	worker_visit(struct worker *, uint64_t *below, unsigned count,
	    void (*visit)(void *context, const struct conn_view *),
	    void *context);

/* From any thread; plain reading of what the worker counts. */
const struct conn_counts *worker_counts(const struct worker *);

/* The same, of each call. */
const struct call_counts *worker_calls(const struct worker *);

/*
 * Stop: answer what has arrived, but take no longer than `ms`. Returns at
 * once; worker_join() waits for the end. Workers look at each other's counts,
 * so all are joined before the first is freed.
 */
void	worker_stop(struct worker *, unsigned ms);
void	worker_join(struct worker *);
void	worker_free(struct worker *);

#endif
