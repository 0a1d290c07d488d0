/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_tracking.c - CLIENT CACHING, GETREDIR and TRACKINGINFO. CLIENT
 * TRACKING, which has to know of other connections, is the server's.
 */
#include "net/session_calls.h"

#include "proto/resp.h"

/* The flags of TRACKINGINFO in their order. */
static const struct {
	unsigned	 mode;
	const char	*name;
	const char	*caching;	/* when CLIENT CACHING was called */
} flags[] = {
	{ TRACKER_ON, "on", NULL },
	{ TRACKER_BCAST, "bcast", NULL },
	{ TRACKER_OPTIN, "optin", "caching-yes" },
	{ TRACKER_OPTOUT, "optout", "caching-no" },
	{ TRACKER_NOLOOP, "noloop", NULL },
	{ TRACKER_BROKEN, "broken_redirect", NULL },
};

#define FLAGS	(sizeof flags / sizeof *flags)

void
client_caching(struct session_call *call)
{
	struct tracker *tracker = &call->session->tracker;
	bool yes = call_word_is(call->words[2], "yes");

	if (!(tracker->modes & (TRACKER_OPTIN | TRACKER_OPTOUT))) {
		resp_error(call->output, "ERR CLIENT CACHING can be called "
		    "only when the client is in tracking mode with OPTIN or "
		    "OPTOUT mode enabled");
	} else if (!yes && !call_word_is(call->words[2], "no")) {
		session_syntax_error(call);
	} else if (yes && !(tracker->modes & TRACKER_OPTIN)) {
		resp_error(call->output, "ERR CLIENT CACHING YES is only "
		    "valid when tracking is enabled in OPTIN mode.");
	} else if (!yes && !(tracker->modes & TRACKER_OPTOUT)) {
		resp_error(call->output, "ERR CLIENT CACHING NO is only valid "
		    "when tracking is enabled in OPTOUT mode.");
	} else {
		tracker->caching = true;
		session_ok(call);
	}
}

/* Whom invalidations go to; 0: the client itself, -1: none are told. */
static int64_t
redirect(const struct tracker *tracker)
{
	return tracker_is_on(tracker) ? (int64_t)tracker->redirect : -1;
}

void
client_getredir(struct session_call *call)
{
	resp_integer(call->output, redirect(&call->session->tracker));
}

static void
put_flags(struct session_call *call, const struct tracker *tracker)
{
	size_t count = tracker->caching;

	for (size_t i = 0; i < FLAGS; i++)
		count += (tracker->modes & flags[i].mode) != 0;
	resp_set(call->output, call->v3, count > 0 ? count : 1);
	if (count == 0)
		resp_bulk_text(call->output, "off");
	for (size_t i = 0; i < FLAGS; i++) {
		if (!(tracker->modes & flags[i].mode))
			continue;
		resp_bulk_text(call->output, flags[i].name);
		if (tracker->caching && flags[i].caching != NULL)
			resp_bulk_text(call->output, flags[i].caching);
	}
}

static void
put_prefixes(struct session_call *call, const struct tracker *tracker)
{
	struct slice prefix;
	size_t count = 0;

	for (size_t at = 0; tracker_prefix(tracker, &at, &prefix); )
		count++;
	resp_array(call->output, count);
	for (size_t at = 0; tracker_prefix(tracker, &at, &prefix); )
		resp_bulk(call->output, prefix);
}

void
client_trackinginfo(struct session_call *call)
{
	const struct tracker *tracker = &call->session->tracker;
	struct output *output = call->output;

	resp_map(output, call->v3, 3);
	resp_bulk_text(output, "flags");
	put_flags(call, tracker);
	resp_bulk_text(output, "redirect");
	resp_integer(output, redirect(tracker));
	resp_bulk_text(output, "prefixes");
	put_prefixes(call, tracker);
}
