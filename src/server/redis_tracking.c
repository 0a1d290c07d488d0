/* SPDX-License-Identifier: BSD-3-Clause */
/* redis_tracking.c - CLIENT TRACKING, whose REDIRECT names another client. */
#include "net/conn.h"
#include "proto/resp.h"
#include "server/redis_calls.h"

/* What the words say. */
struct wanted {
	unsigned	modes;		/* enum tracker_mode */
	uint64_t	redirect;	/* 0: none */
	size_t		prefixes;	/* words that are one, ... */
	size_t		first;		/* the first, if there are any */
};

static void
found(void *context, const struct conn_view *view)
{
	uint64_t *id = context;

	*id = view->session->id;
}

static bool
is_connected(const struct admin *admin, uint64_t id)
{
	for (unsigned i = 0; i < admin->worker_count; i++) {
		uint64_t below = id + 1, next = 0;

		worker_visit(admin->workers[i], &below, 1, found, &next);
		if (next == id)
			return true;
	}
	return false;
}

/* False: the error is told. */
static bool
read_redirect(struct admin *admin, struct session_call *call,
    struct slice word, struct wanted *wanted)
{
	int64_t id;

	if (wanted->redirect != 0)
		resp_error(call->output, "ERR A client can only redirect to "
		    "a single other client");
	else if (!decimal_parse_signed(word, &id))
		resp_error(call->output,
		    "ERR value is not an integer or out of range");
	else if (id <= 0 || !is_connected(admin, (uint64_t)id))
		resp_error(call->output, "ERR The client ID you want redirect "
		    "to does not exist");
	else {
		wanted->redirect = (uint64_t)id;
		return true;
	}
	return false;
}

static unsigned
find_mode(struct slice word)
{
	static const struct {
		const char	*word;
		unsigned	 mode;
	} modes[] = {
		{ "bcast", TRACKER_BCAST }, { "optin", TRACKER_OPTIN },
		{ "optout", TRACKER_OPTOUT }, { "noloop", TRACKER_NOLOOP },
	};

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (call_word_is(word, modes[i].word))
			return modes[i].mode;
	return 0;
}

/* False: the error is told. */
static bool
read_words(struct admin *admin, struct session_call *call,
    struct wanted *wanted)
{
	*wanted = (struct wanted){ .modes = 0 };
	for (size_t n = 3; n < call->count; n++) {
		struct slice word = call->words[n];
		bool more = n + 1 < call->count;
		unsigned mode = find_mode(word);

		if (mode != 0) {
			wanted->modes |= mode;
		} else if (more && call_word_is(word, "redirect")) {
			if (!read_redirect(admin, call, call->words[++n],
			    wanted))
				return false;
		} else if (more && call_word_is(word, "prefix")) {
			if (wanted->prefixes++ == 0)
				wanted->first = n;
			n++;
		} else {
			session_syntax_error(call);
			return false;
		}
	}
	return true;
}

/* Can the client change to that? NULL: it can. */
static const char *
find_conflict(const struct tracker *tracker, const struct wanted *wanted)
{
	unsigned modes = wanted->modes, before = tracker->modes;
	bool in = modes & TRACKER_OPTIN, out = modes & TRACKER_OPTOUT;

	if (!(modes & TRACKER_BCAST) && wanted->prefixes > 0)
		return "PREFIX option requires BCAST mode to be enabled";
	if (before != 0 && (before ^ modes) & TRACKER_BCAST)
		return "You can't switch BCAST mode on/off before disabling "
		    "tracking for this client, and then re-enabling it with "
		    "a different mode.";
	if (modes & TRACKER_BCAST && (in || out))
		return "OPTIN and OPTOUT are not compatible with BCAST";
	if (in && out)
		return "You can't specify both OPTIN mode and OPTOUT mode";
	if ((in && before & TRACKER_OPTOUT) ||
	    (out && before & TRACKER_OPTIN))
		return "You can't switch OPTIN/OPTOUT mode before disabling "
		    "tracking for this client, and then re-enabling it with "
		    "a different mode.";
	return NULL;
}

static bool
overlap(struct slice a, struct slice b)
{
	size_t length = a.length < b.length ? a.length : b.length;

	return length == 0 || memcmp(a.bytes, b.bytes, length) == 0;
}

/* The word of the next prefix at or behind word `n`, or the end. */
static size_t
next_prefix(const struct session_call *call, size_t n)
{
	while (n < call->count && !call_word_is(call->words[n], "prefix"))
		n += call_word_is(call->words[n], "redirect") ? 2 : 1;
	return n + 1;
}

static void
tell_overlap(struct session_call *call, struct slice a, const char *kind,
    struct slice b)
{
	resp_error(call->output, "ERR Prefix '%.*s' overlaps with %s prefix "
	    "'%.*s'. Prefixes for a single client must not overlap.",
	    (int)(a.length < 128 ? a.length : 128), a.bytes, kind,
	    (int)(b.length < 128 ? b.length : 128), b.bytes);
}

/* Do the prefixes overlap with others? Then the error is told. */
static bool
prefixes_overlap(struct session_call *call, const struct wanted *wanted)
{
	const struct tracker *tracker = &call->session->tracker;
	size_t left = wanted->prefixes;

	for (size_t n = next_prefix(call, wanted->first); left > 0;
	    n = next_prefix(call, n + 1), left--) {
		struct slice prefix = call->words[n], other;

		for (size_t at = 0; tracker_prefix(tracker, &at, &other); ) {
			if (!overlap(prefix, other))
				continue;
			tell_overlap(call, prefix, "an existing", other);
			return true;
		}
		for (size_t m = next_prefix(call, n + 1); m < call->count;
		    m = next_prefix(call, m + 1)) {
			if (!overlap(prefix, call->words[m]))
				continue;
			tell_overlap(call, prefix, "another provided",
			    call->words[m]);
			return true;
		}
	}
	return false;
}

/* False: there is no room for them. */
static bool
add_prefixes(struct session_call *call, const struct wanted *wanted)
{
	struct session *session = call->session;
	size_t left = wanted->prefixes;

	if (left == 0 && session->tracker.prefix_bytes == 0)
		return tracker_add_prefix(session, SLICE(""));
	for (size_t n = next_prefix(call, wanted->first); left > 0;
	    n = next_prefix(call, n + 1), left--)
		if (!tracker_add_prefix(session, call->words[n]))
			return false;
	return true;
}

static void
begin(struct admin *admin, struct session_call *call,
    const struct wanted *wanted)
{
	struct session *session = call->session;
	const char *conflict = find_conflict(&session->tracker, wanted);

	if (conflict != NULL) {
		resp_error(call->output, "ERR %s", conflict);
		return;
	}
	if (wanted->modes & TRACKER_BCAST &&
	    prefixes_overlap(call, wanted))
		return;
	tracker_begin(session, wanted->modes, wanted->redirect);
	if (!(wanted->modes & TRACKER_BCAST) || (add_prefixes(call, wanted) &&
	    route_listen(admin->router, call->now))) {
		session_ok(call);
		return;
	}
	tracker_end(session);
	resp_error(call->output, "ERR too many prefixes");
}

void
client_tracking(struct admin *admin, struct session_call *call)
{
	struct wanted wanted;

	if (!read_words(admin, call, &wanted))
		return;
	if (call_word_is(call->words[2], "on")) {
		begin(admin, call, &wanted);
	} else if (call_word_is(call->words[2], "off")) {
		tracker_end(call->session);
		session_ok(call);
	} else {
		session_syntax_error(call);
	}
}
