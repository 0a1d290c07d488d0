/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_conns.c - `stats conns`: the sockets that listen, then the connections
 * of each worker, the newest first, some at a time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/source.h"
#include "server/stats_group.h"

/* Connections of a slice, some 200 bytes each. */
#define SLICE_CONNS	64

struct report {
	struct source	 source;	/* first: it is cast back */
	struct admin	*admin;
	struct request	 request;	/* a copy, to answer it */
	struct output	*output;	/* of the slice */
	int64_t		 now;		/* unix ms */
	bool		 listed;	/* the sockets that listen */
	unsigned	 worker;
	uint64_t	 below;		/* see conn_visit() */
};

static void
tell(struct report *report, int fd, const char *what, const char *value)
{
	struct answer answer = { report->output, &report->request, NULL };
	char name[32];

	snprintf(name, sizeof name, "%d:%s", fd, what);
	stats_TEXT(&answer, name, value);
}

static void
tell_number(struct report *report, int fd, const char *what, int64_t value)
{
	char text[DECIMAL_MAX + 1];

	text[decimal_format(text, value < 0 ? 0 : (uint64_t)value)] = '\0';
	tell(report, fd, what, text);
}

static void
tell_listener(void *context, int fd, const struct origin *origin)
{
	struct report *report = context;

	tell(report, fd, "addr", origin->address);
	tell(report, fd, "state", "conn_listening");
	tell_number(report, fd, "resps_waiting", 0);
	tell_number(report, fd, "secs_since_last_cmd",
	    (report->now - report->admin->started) / 1000);
}

static void
tell_conn(void *context, const struct conn_view *conn)
{
	struct report *report = context;

	tell(report, conn->fd, "addr", conn->peer);
	tell(report, conn->fd, "listen_addr", conn->origin->address);
	tell(report, conn->fd, "state", conn->state);
	tell_number(report, conn->fd, "resps_waiting", conn->blocked);
	tell_number(report, conn->fd, "secs_since_last_cmd",
	    (report->now - conn->used) / 1000);
}

/* Some connections. False: there are no more. */
static bool
tell_more(struct report *report)
{
	struct admin *admin = report->admin;

	if (worker_visit(admin->workers[report->worker], &report->below,
	    SLICE_CONNS, tell_conn, report))
		return true;
	report->below = UINT64_MAX;
	return ++report->worker < admin->worker_count;
}

static enum source_state
produce(struct source *source, struct output *output)
{
	struct report *report = (struct report *)source;
	struct reply end = { .status = STATUS_STATS };

	report->output = output;
	report->now = clock_unix_ms(report->admin->clock);
	if (!report->listed)
		listener_visit(report->admin->listener, tell_listener,
		    report);
	report->listed = true;
	if (tell_more(report))
		return SOURCE_MORE;
	proto_reply(output, &report->request, &end);
	return SOURCE_END;
}

static void
close_report(struct source *source)
{
	free((struct report *)source);
}

enum status
stats_conns(struct admin *admin, struct slice words,
    const struct answer *answer)
{
	struct report *report = calloc(1, sizeof *report);

	(void)words;
	if (report == NULL)
		return STATUS_OUT_OF_MEMORY;
	*report = (struct report){
		.source = { .produce = produce, .close = close_report },
		.admin = admin, .request = *answer->request,
		.below = UINT64_MAX,
	};
	*answer->source = &report->source;
	return STATUS_NONE;
}
