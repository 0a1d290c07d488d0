/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redis_slowlog.c - SLOWLOG: the calls that took long. Those that are carried
 * out in batches, which have one key, are not timed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/resp.h"
#include "server/redis_calls.h"

/* What is kept of a call: so many words, so much of each. */
#define WORDS_MAX	32
#define WORD_MAX	128
#define WORD_ROOM	(WORD_MAX + 64)

#define DEFAULT_GET	10

static void
take_peer(void *context, const struct conn_view *conn)
{
	struct redis_slow *slow = context;
	const char *name = conn->session->texts[SESSION_NAME];
	const char *colon = strchr(conn->peer, ':');

	snprintf(slow->peer, sizeof slow->peer, "%s",
	    colon == NULL ? conn->peer : colon + 1);
	snprintf(slow->name, sizeof slow->name, "%s",
	    name == NULL ? "" : name);
}

/* One word as a bulk; returns its length. */
static size_t
write_word(char *at, struct slice word)
{
	char text[WORD_ROOM - 16];
	int length;

	if (word.length <= WORD_MAX) {
		length = (int)word.length;
		memcpy(text, word.bytes, word.length);
	} else {
		memcpy(text, word.bytes, WORD_MAX);
		length = WORD_MAX + snprintf(text + WORD_MAX, sizeof text -
		    WORD_MAX, "... (%zu more bytes)", word.length - WORD_MAX);
	}
	at += snprintf(at, 16, "$%d\r\n", length);
	memcpy(at, text, (size_t)length);
	memcpy(at + length, "\r\n", 2);
	return (size_t)length + 2 + strlen("$\r\n") + (length < 10 ? 1 :
	    length < 100 ? 2 : 3);
}

/* The words as the array of a reply. NULL: out of memory. */
static char *
write_words(const struct session_call *call, size_t *length)
{
	size_t count = call->count <= WORDS_MAX ? call->count : WORDS_MAX;
	char *text = malloc(16 + count * WORD_ROOM);
	char more[64];

	if (text == NULL)
		return NULL;
	*length = (size_t)snprintf(text, 16, "*%zu\r\n", count);
	for (size_t n = 0; n < count; n++) {
		struct slice word = call->words[n];

		if (n == WORDS_MAX - 1 && call->count > WORDS_MAX) {
			snprintf(more, sizeof more, "... (%zu more arguments)",
			    call->count - n);
			word = slice_of(more);
		}
		*length += write_word(text + *length, word);
	}
	return text;
}

void
redis_note_slow(struct admin *admin, const struct session_call *call,
    int64_t us)
{
	struct redis_slowlog *log = &admin->slowlog;
	int64_t least = atomic_load_explicit(&log->least_us,
	    memory_order_relaxed);
	uint64_t id = call->session->id, below = id + 1;
	struct redis_slow slow = { .us = us, .time = call->now / 1000 }, *at;

	if (least < 0 || us < least)
		return;
	slow.words = write_words(call, &slow.length);
	if (slow.words == NULL)
		return;
	worker_visit(admin->workers[(id - 1) % admin->worker_count], &below,
	    1, take_peer, &slow);
	pthread_mutex_lock(&admin->settings.lock);
	slow.id = log->next++;
	at = &log->entries[slow.id % REDIS_SLOWLOG_MAX];
	free(at->words);
	*at = slow;
	if (log->count < REDIS_SLOWLOG_MAX)
		log->count++;
	pthread_mutex_unlock(&admin->settings.lock);
}

static void
put_entry(struct output *output, const struct redis_slow *slow)
{
	resp_array(output, 6);
	resp_integer(output, (int64_t)slow->id);
	resp_integer(output, slow->time);
	resp_integer(output, slow->us);
	output_bytes(output, slow->words, slow->length);
	resp_bulk_text(output, slow->peer);
	resp_bulk_text(output, slow->name);
}

void
slowlog_get(struct admin *admin, struct session_call *call)
{
	struct redis_slowlog *log = &admin->slowlog;
	int64_t wanted = DEFAULT_GET;
	size_t count;

	if (call->count > 3) {
		resp_error(call->output, "ERR unknown subcommand or wrong "
		    "number of arguments for '%.*s'. Try SLOWLOG HELP.",
		    (int)call->words[1].length, call->words[1].bytes);
		return;
	}
	if (call->count == 3 && (!decimal_parse_signed(call->words[2],
	    &wanted) || wanted < -1)) {
		resp_error(call->output,
		    "ERR count should be greater than or equal to -1");
		return;
	}
	pthread_mutex_lock(&admin->settings.lock);
	count = wanted == -1 || (uint64_t)wanted > log->count ?
	    log->count : (size_t)wanted;
	resp_array(call->output, count);
	for (size_t n = 1; n <= count; n++)
		put_entry(call->output,
		    &log->entries[(log->next - n) % REDIS_SLOWLOG_MAX]);
	pthread_mutex_unlock(&admin->settings.lock);
}

void
slowlog_len(struct admin *admin, struct session_call *call)
{
	size_t count;

	pthread_mutex_lock(&admin->settings.lock);
	count = admin->slowlog.count;
	pthread_mutex_unlock(&admin->settings.lock);
	resp_integer(call->output, (int64_t)count);
}

void
slowlog_reset(struct admin *admin, struct session_call *call)
{
	pthread_mutex_lock(&admin->settings.lock);
	admin->slowlog.count = 0;
	pthread_mutex_unlock(&admin->settings.lock);
	session_ok(call);
}

void
redis_close(struct admin *admin)
{
	for (size_t i = 0; i < REDIS_SLOWLOG_MAX; i++)
		free(admin->slowlog.entries[i].words);
}
