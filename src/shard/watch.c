/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch.c - see watch.h.
 *
 * A journal is a row of entries, a ring a row of lines:
 *
 *   entry   kind (4 bytes), length (4 bytes), line
 *   line    ts=<s>.<us> gid=<number> <what>\n
 *
 * The number is given when the event happens, not when it is told, and lines
 * of two workers may be told in another order; so the numbers can be used to
 * put them in order.
 */
#include "shard/watch.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/line.h"
#include "base/output.h"

/* "ts=", seconds, microseconds, "gid=", number. */
#define HEAD_MAX	(16 + 3 * DECIMAL_MAX)

/* Of a journal or a ring. */
#define SIZE_MIN	((size_t)4 << 10)

/* The most that a watcher sends at once. */
#define TURN_MAX	((size_t)32 << 10)

struct entry {
	uint32_t	kind;
	uint32_t	length;
};

struct watcher {
	struct source		 source;	/* first: it is cast back */
	struct watch_hub	*hub;
	unsigned		 kinds;
	/* Behind the hub's lock: */
	bool			 waiting;	/* to be woken */
	uint64_t		 skipped;	/* that it was not told of */
	size_t			 from, length;	/* of what is in the ring */
	struct watcher		*next;
	char			 ring[];
};

_Static_assert(sizeof(struct entry) + HEAD_MAX + WATCH_LINE_MAX + 1 <=
    SIZE_MIN, "a journal has room for any line");

void
watch_open(struct watch_hub *hub, const struct clock *clock,
    size_t journal_size, size_t ring_size)
{
	*hub = (struct watch_hub){
		.clock = clock,
		.journal_size = journal_size > SIZE_MIN ?
		    journal_size : SIZE_MIN,
		.ring_size = ring_size > SIZE_MIN ? ring_size : SIZE_MIN,
	};
	CHECK(pthread_mutex_init(&hub->lock, NULL) == 0);
}

void
watch_close(struct watch_hub *hub)
{
	CHECK(hub->first == NULL);
	pthread_mutex_destroy(&hub->lock);
}

static void
count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* The list has changed; the lock is held. */
static void
update_wanted(struct watch_hub *hub)
{
	unsigned wanted = 0, number = 0;

	for (const struct watcher *at = hub->first; at != NULL;
	    at = at->next) {
		wanted |= at->kinds;
		number++;
	}
	hub->wanted = wanted;
	hub->counts.watchers = number;
}

/* Add bytes to the ring, which has room for them. */
static void
add(struct watcher *watcher, const char *bytes, size_t length)
{
	size_t size = watcher->hub->ring_size;
	size_t at = (watcher->from + watcher->length) % size;
	size_t first = length < size - at ? length : size - at;

	memcpy(watcher->ring + at, bytes, first);
	memcpy(watcher->ring, bytes + first, length - first);
	watcher->length += length;
}

/* Say how many lines are missing, if any are and there is room to say so. */
static bool
confess(struct watcher *watcher)
{
	char line[16 + DECIMAL_MAX], *end;

	if (watcher->skipped == 0)
		return true;
	end = line_number(line, "skipped=", watcher->skipped);
	*end++ = '\n';
	if ((size_t)(end - line) > watcher->hub->ring_size - watcher->length)
		return false;
	add(watcher, line, (size_t)(end - line));
	watcher->skipped = 0;
	return true;
}

static void
tell(struct watcher *watcher, const char *line, size_t length)
{
	struct watch_counts *counts = &watcher->hub->counts;

	if (confess(watcher) &&
	    length <= watcher->hub->ring_size - watcher->length) {
		add(watcher, line, length);
		count(&counts->sent, 1);
	} else {
		watcher->skipped++;
		count(&counts->skipped, 1);
	}
}

/* Of a row of entries, tell those that the watcher wants. */
static void
tell_entries(struct watcher *watcher, const char *at, size_t length)
{
	const char *end = at + length;
	struct entry entry;

	for (; at < end; at += sizeof entry + entry.length) {
		memcpy(&entry, at, sizeof entry);
		if (entry.kind & watcher->kinds)
			tell(watcher, at + sizeof entry, entry.length);
	}
	if (watcher->waiting && watcher->length > 0) {
		watcher->waiting = false;
		source_wake(&watcher->source);
	}
}

void
journal_deliver(struct journal *journal)
{
	struct watch_hub *hub = journal->hub;

	if (journal->length == 0)
		return;
	pthread_mutex_lock(&hub->lock);
	for (struct watcher *at = hub->first; at != NULL; at = at->next)
		tell_entries(at, journal->lines, journal->length);
	pthread_mutex_unlock(&hub->lock);
	journal->length = 0;
}

/* Move bytes from the ring to the output. */
static void
take(struct watcher *watcher, struct output *output)
{
	size_t size = watcher->hub->ring_size;

	for (size_t left = TURN_MAX; left > 0 && watcher->length > 0;) {
		size_t part = size - watcher->from;

		if (part > watcher->length)
			part = watcher->length;
		if (part > left)
			part = left;
		output_bytes(output, watcher->ring + watcher->from, part);
		watcher->from = (watcher->from + part) % size;
		watcher->length -= part;
		left -= part;
	}
}

/*
 * Whoever just had something is asked again soon without being woken: a
 * server that is busy does not wake its watchers with each pass.
 */
static enum source_state
produce(struct source *source, struct output *output)
{
	struct watcher *watcher = (struct watcher *)source;
	struct watch_hub *hub = watcher->hub;
	enum source_state state = SOURCE_SOON;

	pthread_mutex_lock(&hub->lock);
	confess(watcher);
	if (watcher->length == 0) {
		watcher->waiting = true;
		state = SOURCE_WAIT;
	}
	take(watcher, output);
	if (watcher->length > 0)
		state = SOURCE_MORE;
	pthread_mutex_unlock(&hub->lock);
	return state;
}

static void
close_watcher(struct source *source)
{
	struct watcher *watcher = (struct watcher *)source;
	struct watch_hub *hub = watcher->hub;
	struct watcher **at = &hub->first;

	pthread_mutex_lock(&hub->lock);
	while (*at != watcher)
		at = &(*at)->next;
	*at = watcher->next;
	update_wanted(hub);
	pthread_mutex_unlock(&hub->lock);
	free(watcher);
}

enum watch_result
watch_begin(struct watch_hub *hub, unsigned kinds, struct source **source)
{
	struct watcher *watcher = malloc(sizeof *watcher + hub->ring_size);
	bool room;

	if (watcher == NULL)
		return WATCH_NO_MEMORY;
	*watcher = (struct watcher){
		.source = {
			.produce = produce, .close = close_watcher,
			.deaf = true,
		},
		.hub = hub, .kinds = kinds,
	};
	pthread_mutex_lock(&hub->lock);
	room = hub->counts.watchers < WATCH_MAX;
	if (room) {
		watcher->next = hub->first;
		hub->first = watcher;
		update_wanted(hub);
	}
	pthread_mutex_unlock(&hub->lock);
	if (!room) {
		free(watcher);
		return WATCH_TOO_MANY;
	}
	*source = &watcher->source;
	return WATCH_OK;
}

void
journal_open(struct journal *journal, struct watch_hub *hub)
{
	*journal = (struct journal){ .hub = hub, .fd = -1 };
}

void
journal_close(struct journal *journal)
{
	free(journal->lines);
	journal->lines = NULL;
}

/* Room for one more entry of any length. */
static bool
make_room(struct journal *journal)
{
	size_t size = journal->hub->journal_size;

	if (journal->lines == NULL)
		journal->lines = malloc(size);
	if (journal->lines == NULL)
		return false;
	if (size - journal->length < sizeof(struct entry) + HEAD_MAX +
	    WATCH_LINE_MAX + 1)
		journal_deliver(journal);
	return true;
}

char *
journal_begin(struct journal *journal)
{
	struct watch_hub *hub = journal->hub;
	uint64_t now;
	char *at;

	if (!make_room(journal)) {
		count(&hub->counts.dropped, 1);
		return NULL;
	}
	now = (uint64_t)clock_unix_us(hub->clock);
	at = journal->lines + journal->length + sizeof(struct entry);
	at = line_number(at, "ts=", now / 1000000);
	*at++ = '.';
	for (uint64_t unit = 100000; unit > 0; unit /= 10)
		*at++ = (char)('0' + now / unit % 10);
	at = line_number(at, " gid=", atomic_fetch_add_explicit(&hub->number,
	    1, memory_order_relaxed) + 1);
	*at++ = ' ';
	return at;
}

void
journal_end(struct journal *journal, enum watch_kind kind, char *end)
{
	char *start = journal->lines + journal->length;
	struct entry entry = { .kind = kind };

	*end++ = '\n';
	entry.length = (uint32_t)(end - start - (ptrdiff_t)sizeof entry);
	memcpy(start, &entry, sizeof entry);
	journal->length += sizeof entry + entry.length;
	CHECK(journal->length <= journal->hub->journal_size);
	count(&journal->hub->counts.written, 1);
}
