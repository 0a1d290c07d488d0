/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * publish.c - how a message gets to its subscribers, see pubsub.h.
 *
 * A message is one piece of memory, which the letters share:
 *
 *   message   what counts its users | letters | topics | bulks
 *
 * The bulks are the channel and what is said there, as RESP has them; what
 * stands before them depends on the topic and on what the client speaks. A
 * long message leaves by reference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "net/push.h"
#include "net/topic.h"

/* A message up to so many bytes is copied for each subscriber. */
#define COPIED_MAX	1024

/* "$", digits, "\r\n". */
#define HEAD_MAX	(3 + DECIMAL_MAX)

struct message;

struct message_letter {
	struct letter	 letter;	/* first: it is cast back */
	struct message	*message;
	unsigned	 worker;	/* whom it is to */
};

struct message {
	struct pubsub		*hub;
	_Atomic unsigned	 users;		/* letters, and outputs */
	size_t			 topic_count;
	struct topic		**topics;
	struct slice		 bulks;
	struct message_letter	 letters[];
};

/* What stands before a message, in RESP2 but for its first byte. */
static const char *const words[PUBSUB_KINDS] = {
	[PUBSUB_CHANNEL] = "3\r\n$7\r\nmessage\r\n",
	[PUBSUB_PATTERN] = "4\r\n$8\r\npmessage\r\n",
	[PUBSUB_SHARD] = "3\r\n$8\r\nsmessage\r\n",
	[PUBSUB_MONITOR] = NULL,	/* nothing */
};

static void
release_message(struct message *message)
{
	struct pubsub *hub = message->hub;

	if (atomic_fetch_sub(&message->users, 1) > 1)
		return;
	pthread_mutex_lock(&hub->lock);
	for (size_t i = 0; i < message->topic_count; i++)
		topic_release(message->topics[i]);
	pthread_mutex_unlock(&hub->lock);
	free(message);
}

static void
bulks_sent(const void *bytes, size_t length, void *context)
{
	(void)bytes;
	(void)length;
	release_message(context);
}

static char *
put_bulk_head(char *at, size_t length)
{
	*at++ = '$';
	at += decimal_format(at, length);
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

/* What a subscriber sees before the bulks. */
static void
push_head(const struct subscriber *subscriber, const struct topic *topic)
{
	char head[64];
	int length = snprintf(head, sizeof head, "%c%s",
	    *subscriber->v3 ? '>' : '*', words[topic->kind]);
	struct push_end *push = subscriber->push;

	CHECK(length > 0 && (size_t)length < sizeof head - HEAD_MAX);
	if (topic->kind == PUBSUB_PATTERN)
		length = (int)(put_bulk_head(head + length,
		    topic->name.length) - head);
	push_bytes(push, (struct slice){ head, (size_t)length });
	if (topic->kind == PUBSUB_PATTERN) {
		push_bytes(push, topic->name);
		push_bytes(push, SLICE("\r\n"));
	}
}

static void
push_message(struct message *message, const struct subscriber *subscriber,
    const struct topic *topic)
{
	if (topic->kind != PUBSUB_MONITOR)
		push_head(subscriber, topic);
	if (message->bulks.length <= COPIED_MAX) {
		push_bytes(subscriber->push, message->bulks);
		return;
	}
	atomic_fetch_add(&message->users, 1);
	push_reference(subscriber->push, message->bulks, bulks_sent, message);
}

/* A worker reads it. */
static void
open_letter(struct letter *letter, void *reader)
{
	struct message_letter *own = (struct message_letter *)letter;
	struct message *message = own->message;

	for (size_t i = 0; reader != NULL && i < message->topic_count; i++) {
		const struct topic *topic = message->topics[i];

		for (const struct subscription *at =
		    topic->parts[own->worker].first; at != NULL; at = at->next)
			push_message(message, at->subscriber, topic);
	}
	release_message(message);
}

/* The lock is held in what follows, up to the next remark. */

static bool
add_match(struct pubsub *hub, struct topic *topic)
{
	struct pubsub_matches *matches = &hub->matches;

	if (matches->count == matches->room) {
		size_t room = matches->room == 0 ? 16 : 2 * matches->room;
		struct topic **topics = realloc(matches->topics,
		    room * sizeof(*topics));

		if (topics == NULL)
			return false;
		matches->topics = topics;
		matches->room = room;
	}
	matches->topics[matches->count++] = topic;
	return true;
}

/* The topics of a message: its channel, patterns in the order of their age. */
static bool
match(struct pubsub *hub, enum pubsub_kind kind, struct slice channel)
{
	struct topic *topic = topic_find(hub, kind, channel);

	hub->matches.count = 0;
	if (topic != NULL && !add_match(hub, topic))
		return false;
	if (kind != PUBSUB_CHANNEL)
		return true;
	for (topic = hub->first; topic != NULL; topic = topic->next)
		if (glob_matches(topic->name, channel) &&
		    !add_match(hub, topic))
			return false;
	return true;
}

static size_t
count_receivers(const struct pubsub_matches *matches)
{
	size_t receivers = 0;

	for (size_t i = 0; i < matches->count; i++)
		receivers += matches->topics[i]->total;
	return receivers;
}

static bool
is_concerned(const struct pubsub_matches *matches, unsigned worker)
{
	for (size_t i = 0; i < matches->count; i++)
		if (matches->topics[i]->parts[worker].count > 0)
			return true;
	return false;
}

/* Workers to write to; 0: one of them has too much to read already. */
static unsigned
count_letters(const struct pubsub *hub)
{
	unsigned letters = 0;

	for (unsigned i = 0; i < hub->mail->count; i++) {
		if (!is_concerned(&hub->matches, i))
			continue;
		if (mail_bytes(hub->mail, i) >= MAIL_MAX)
			return 0;
		letters++;
	}
	return letters;
}

static char *
put_bulk(char *at, struct slice bytes)
{
	at = put_bulk_head(at, bytes.length);
	if (bytes.length > 0)
		memcpy(at, bytes.bytes, bytes.length);
	at += bytes.length;
	*at++ = '\r';
	*at++ = '\n';
	return at;
}

/*
 * A message to the topics that match, with room for its letters. Channel NULL:
 * it is all that is pushed.
 */
static struct message *
make_message(struct pubsub *hub, unsigned letters,
    const struct slice *channel, struct slice text)
{
	const struct pubsub_matches *matches = &hub->matches;
	size_t head = sizeof(struct message) +
	    letters * sizeof(struct message_letter);
	size_t topics = matches->count * sizeof(struct topic *);
	struct message *message = malloc(head + topics + text.length +
	    (channel == NULL ? 0 : channel->length +
	    2 * (HEAD_MAX + sizeof "\r\n")));
	char *bulks, *end;

	if (message == NULL)
		return NULL;
	*message = (struct message){
		.hub = hub, .users = letters, .topic_count = matches->count,
		.topics = (struct topic **)((char *)message + head),
	};
	memcpy(message->topics, matches->topics, topics);
	bulks = (char *)message + head + topics;
	if (channel != NULL)
		end = put_bulk(put_bulk(bulks, *channel), text);
	else
		end = (char *)memcpy(bulks, text.bytes, text.length) +
		    text.length;
	message->bulks = (struct slice){ bulks, (size_t)(end - bulks) };
	for (size_t i = 0; i < matches->count; i++)
		matches->topics[i]->users++;
	return message;
}

/* False: nobody has it. */
static bool
post(struct pubsub *hub, const struct slice *channel, struct slice text)
{
	unsigned letters = count_letters(hub), n = 0;
	struct message *message = letters == 0 ? NULL :
	    make_message(hub, letters, channel, text);

	if (message == NULL)
		return false;
	for (unsigned i = 0; n < letters; i++) {
		struct message_letter *letter = &message->letters[n];

		if (!is_concerned(&hub->matches, i))
			continue;
		*letter = (struct message_letter){
			.letter = {
				.size = sizeof *message +
				    message->bulks.length,
				.open = open_letter,
			},
			.message = message, .worker = i,
		};
		mail_post(hub->mail, i, &letter->letter);
		n++;
	}
	return true;
}

/* From here on the lock is not held. */

bool
pubsub_publish(struct pubsub_part *part, enum pubsub_kind kind,
    struct slice channel, struct slice text, size_t *receivers)
{
	struct pubsub *hub = part->hub;
	struct letter *letters = NULL;
	bool posted;

	pthread_mutex_lock(&hub->lock);
	posted = match(hub, kind, channel);
	*receivers = count_receivers(&hub->matches);
	if (posted && *receivers > 0) {
		posted = post(hub, &channel, text);
		letters = mail_take(hub->mail, part->worker);
	}
	pthread_mutex_unlock(&hub->lock);
	mail_wake(hub->mail);
	mail_read(letters, part->reader);
	return posted;
}

void
pubsub_tell_monitors(struct pubsub_part *part, struct slice text)
{
	struct pubsub *hub = part->hub;
	struct letter *letters;

	if (mail_is_full(hub->mail))
		return;
	pthread_mutex_lock(&hub->lock);
	if (match(hub, PUBSUB_MONITOR, SLICE("")) && hub->matches.count > 0)
		post(hub, NULL, text);
	letters = mail_take(hub->mail, part->worker);
	pthread_mutex_unlock(&hub->lock);
	mail_wake(hub->mail);
	mail_read(letters, part->reader);
}
