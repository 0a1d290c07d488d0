/* SPDX-License-Identifier: BSD-3-Clause */
/* watching.c - see watching.h. */
#include "server/watching.h"

#include "proto/words.h"

/* Those of memcached's proxy are taken, and nothing ever happens. */
static const struct {
	struct slice	name;
	unsigned	kinds;
} kinds[] = {
	{ SLICE("fetchers"), WATCH_FETCHERS },
	{ SLICE("mutations"), WATCH_MUTATIONS },
	{ SLICE("evictions"), WATCH_EVICTIONS },
	{ SLICE("connevents"), WATCH_CONNEVENTS },
	{ SLICE("deletions"), WATCH_DELETIONS },
	{ SLICE("rawcmds"), WATCH_RAWCMDS },
	{ SLICE("sysevents"), WATCH_SYSEVENTS },
	{ SLICE("proxyreqs"), 0 },
	{ SLICE("proxyevents"), 0 },
	{ SLICE("proxyuser"), 0 },
};

static bool
add_kind(struct slice name, unsigned *wanted)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_equal(kinds[i].name, name)) {
			*wanted |= kinds[i].kinds;
			return true;
		}
	return false;
}

/* False: one of the words is no kind. */
static bool
read_kinds(struct slice words, unsigned *wanted)
{
	struct slice name;

	*wanted = words.length == 0 ? WATCH_FETCHERS : 0;
	while ((name = words_next(&words)).length > 0)
		if (!add_kind(name, wanted))
			return false;
	return true;
}

static enum status
begin(struct admin *admin, unsigned wanted, struct source **source)
{
	switch (watch_begin(admin->watch, wanted, source)) {
	case WATCH_OK:
		return STATUS_OK;
	case WATCH_TOO_MANY:
		return STATUS_WATCHER_TOO_MANY;
	case WATCH_NO_MEMORY:
		break;
	}
	return STATUS_WATCHER_FAILED;
}

void
watching_serve(struct admin *admin, const struct request *request,
    struct reply *reply)
{
	struct slice words = request->argument.length > 0 ?
	    request->argument : SLICE("");
	unsigned wanted;

	if (!admin->options->watch)
		reply->status = STATUS_NO_WATCH;
	else if (request->flags & REQUEST_PIPELINED)
		reply->status = STATUS_NOT_BEFORE_WATCH;
	else if (!read_kinds(words, &wanted))
		reply->status = STATUS_ERROR;
	else
		reply->status = begin(admin, wanted, &reply->source);
}
