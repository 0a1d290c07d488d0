/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_misc.c - calls that are answered in a line or two: WAIT, LATENCY,
 * MEMORY, CLUSTER, SHUTDOWN, DEBUG.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "net/conn.h"
#include "proto/resp.h"
#include "server/redis_calls.h"

/* The longest DEBUG SLEEP. */
#define SLEEP_MAX_MS	10000

void
redis_wait(struct admin *admin, struct session_call *call)
{
	int64_t replicas, timeout;

	(void)admin;
	if (!decimal_parse_signed(call->words[1], &replicas))
		resp_error(call->output,
		    "ERR value is not an integer or out of range");
	else if (!decimal_parse_signed(call->words[2], &timeout))
		resp_error(call->output,
		    "ERR timeout is not an integer or out of range");
	else if (timeout < 0)
		resp_error(call->output, "ERR timeout is negative");
	else
		resp_integer(call->output, 0);
}

void
redis_cluster(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_error(call->output,
	    "ERR This instance has cluster support disabled");
}

/* No events are kept that took long. */
void
latency_nothing(struct admin *admin, struct session_call *call)
{
	(void)admin;
	if (call->request->call->id == CALL_LATENCY_RESET)
		resp_integer(call->output, 0);
	else
		resp_array(call->output, 0);
}

void
memory_doctor(struct admin *admin, struct session_call *call)
{
	(void)admin;
	resp_verbatim(call->output, call->v3, SLICE("Memory is in slab "
	    "classes, whose pages move by themselves. See INFO memory, and "
	    "stats slabs of memcached's protocol."));
}

void
memory_purge(struct admin *admin, struct session_call *call)
{
	(void)admin;
	session_ok(call);
}

static void
put_pair(struct session_call *call, const char *name, uint64_t value)
{
	resp_bulk_text(call->output, name);
	resp_integer(call->output, (int64_t)value);
}

void
memory_stats(struct admin *admin, struct session_call *call)
{
	struct route_totals totals;
	uint64_t used;

	route_totals(admin->router, call->now, &totals);
	used = totals.store.bytes;
	resp_map(call->output, call->v3, 6);
	put_pair(call, "total.allocated", used + totals.index_bytes);
	put_pair(call, "startup.allocated", admin->own_memory);
	put_pair(call, "overhead.total", totals.index_bytes);
	put_pair(call, "keys.count", totals.store.items);
	put_pair(call, "keys.bytes-per-key",
	    totals.store.items == 0 ? 0 : used / totals.store.items);
	put_pair(call, "dataset.bytes", used);
}

void
redis_shutdown(struct admin *admin, struct session_call *call)
{
	static const char *const modes[] = { "nosave", "save", "now", "force" };

	for (size_t n = 1; n < call->count; n++) {
		bool known = false;

		for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
			known |= call_word_is(call->words[n], modes[i]);
		if (!known) {
			session_syntax_error(call);
			return;
		}
	}
	if (!admin->options->shutdown) {
		resp_error(call->output, "ERR shutdown is not enabled");
		return;
	}
	call->request->flags |= REQUEST_CLOSE;
	admin->shutdown(admin->shutdown_context);
}

/* In debugging builds only, as the server is not to stand still. */
void
debug_sleep(struct admin *admin, struct session_call *call)
{
	char text[32], *end;
	double seconds;
	struct timespec time;

	if (!admin->debug) {
		resp_error(call->output, "ERR DEBUG command not allowed.");
		return;
	}
	snprintf(text, sizeof text, "%.*s", (int)(call->words[2].length <
	    sizeof text ? call->words[2].length : sizeof text - 1),
	    call->words[2].bytes);
	seconds = strtod(text, &end);
	if (*end != '\0' || !(seconds >= 0) ||
	    seconds * 1000 > SLEEP_MAX_MS) {
		resp_error(call->output, "ERR value is not a valid float");
		return;
	}
	time.tv_sec = (time_t)seconds;
	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL);
	session_ok(call);
}
