/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pubsub.c - see pubsub.h.
 *
 * A message is one piece of memory, which the letters share:
 *
 *   message   what counts its users | letters | topics | bulks
 *
 * The bulks are the channel and what is said there, as RESP has them; what
 * stands before them depends on the topic and on what the client speaks. A
 * long message leaves by reference.
 */
#include "net/pubsub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/glob.h"
#include "base/hash.h"
#include "net/push.h"

/* A message up to so many bytes is copied for each subscriber. */
#define COPIED_MAX	1024

/* "$", digits, "\r\n". */
#define HEAD_MAX	(3 + DECIMAL_MAX)

struct topic_part {
	size_t			 count;		/* behind the hub's lock */
	struct subscription	*first, *last;	/* its worker's */
};

struct topic {
	struct table_node	 node;		/* in the hub's table */
	struct topic		*next, *prev;	/* of a pattern */
	enum pubsub_kind	 kind;
	size_t			 total;		/* subscriptions */
	size_t			 users;		/* messages, and the hub */
	struct slice		 name;
	struct topic_part	 parts[];
};

struct subscription {
	struct table_node	 node;		/* in its worker's table */
	struct topic		*topic;
	struct subscriber	*subscriber;
	struct subscription	*next, *prev;		/* of the topic's part */
	struct subscription	*newer, *older;		/* the subscriber's */
};

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

void
pubsub_open(struct pubsub *hub, struct mail *mail, uint64_t seed)
{
	*hub = (struct pubsub){ .mail = mail, .seed = seed };
	CHECK(pthread_mutex_init(&hub->lock, NULL) == 0);
}

void
pubsub_close(struct pubsub *hub)
{
	for (unsigned i = 0; i < PUBSUB_KINDS; i++)
		table_close(&hub->topics[i]);
	free(hub->matches.topics);
	pthread_mutex_destroy(&hub->lock);
}

void
pubsub_part_close(struct pubsub_part *part)
{
	table_close(&part->subscriptions);
}

static uint64_t
hash_name(const struct pubsub *hub, struct slice name)
{
	return hash_bytes(hub->seed, name.bytes, name.length);
}

/* The lock is held in what follows, up to the next remark. */

static struct topic *
find_topic(const struct pubsub *hub, enum pubsub_kind kind, struct slice name)
{
	struct table_node *node = table_first(&hub->topics[kind],
	    hash_name(hub, name));

	while (node != NULL &&
	    !slice_equal(((struct topic *)node)->name, name))
		node = table_next(node);
	return (struct topic *)node;
}

static void
list_pattern(struct pubsub *hub, struct topic *topic)
{
	topic->prev = hub->last;
	if (topic->prev != NULL)
		topic->prev->next = topic;
	else
		hub->first = topic;
	hub->last = topic;
}

static void
unlist_pattern(struct pubsub *hub, struct topic *topic)
{
	if (topic->prev != NULL)
		topic->prev->next = topic->next;
	else
		hub->first = topic->next;
	if (topic->next != NULL)
		topic->next->prev = topic->prev;
	else
		hub->last = topic->prev;
}

static size_t
topic_size(const struct pubsub *hub, size_t name_length)
{
	return sizeof(struct topic) + hub->mail->count *
	    sizeof(struct topic_part) + name_length;
}

static struct topic *
make_topic(struct pubsub *hub, enum pubsub_kind kind, struct slice name)
{
	struct topic *topic = calloc(1, topic_size(hub, name.length));
	char *bytes;

	if (topic == NULL)
		return NULL;
	if (!table_add(&hub->topics[kind], &topic->node,
	    hash_name(hub, name))) {
		free(topic);
		return NULL;
	}
	bytes = (char *)&topic->parts[hub->mail->count];
	if (name.length > 0)
		memcpy(bytes, name.bytes, name.length);
	topic->name = (struct slice){ bytes, name.length };
	topic->kind = kind;
	topic->users = 1;
	if (kind == PUBSUB_PATTERN)
		list_pattern(hub, topic);
	return topic;
}

static void
release_topic(struct topic *topic)
{
	if (--topic->users == 0)
		free(topic);
}

/* One subscription less. A topic without any is none any more. */
static void
leave_topic(struct pubsub *hub, struct topic *topic, unsigned worker)
{
	topic->parts[worker].count--;
	if (--topic->total > 0)
		return;
	table_remove(&hub->topics[topic->kind], &topic->node);
	if (topic->kind == PUBSUB_PATTERN)
		unlist_pattern(hub, topic);
	release_topic(topic);
}

/* From here on the lock is not held. */

/* One subscription more, after all that was posted before. */
static struct topic *
enter_topic(struct pubsub_part *part, enum pubsub_kind kind,
    struct slice name)
{
	struct pubsub *hub = part->hub;
	struct letter *letters = NULL;
	struct topic *topic;

	pthread_mutex_lock(&hub->lock);
	topic = find_topic(hub, kind, name);
	if (topic == NULL)
		topic = make_topic(hub, kind, name);
	if (topic != NULL) {
		topic->total++;
		topic->parts[part->worker].count++;
		letters = mail_take(hub->mail, part->worker);
	}
	pthread_mutex_unlock(&hub->lock);
	mail_read(letters, part->reader);
	return topic;
}

static uint64_t
subscription_hash(const struct subscriber *subscriber, uint64_t name_hash)
{
	return name_hash ^ (uintptr_t)subscriber * 0x9e3779b97f4a7c15;
}

static struct subscription *
find_subscription(const struct pubsub_part *part,
    const struct subscriber *subscriber, enum pubsub_kind kind,
    struct slice name)
{
	struct table_node *node = table_first(&part->subscriptions,
	    subscription_hash(subscriber, hash_name(part->hub, name)));

	for (; node != NULL; node = table_next(node)) {
		struct subscription *found = (struct subscription *)node;

		if (found->subscriber == subscriber &&
		    found->topic->kind == kind &&
		    slice_equal(found->topic->name, name))
			return found;
	}
	return NULL;
}

/* What a subscription takes, as if it alone had its topic. */
static size_t
subscription_size(const struct pubsub_part *part, size_t name_length)
{
	return sizeof(struct subscription) +
	    topic_size(part->hub, name_length);
}

static void
link_subscription(struct subscription *at, struct topic_part *part)
{
	struct subscriber *subscriber = at->subscriber;

	at->prev = part->last;
	if (at->prev != NULL)
		at->prev->next = at;
	else
		part->first = at;
	part->last = at;
	at->older = subscriber->last;
	if (at->older != NULL)
		at->older->newer = at;
	else
		subscriber->first = at;
	subscriber->last = at;
}

static void
unlink_subscription(struct subscription *at, struct topic_part *part)
{
	struct subscriber *subscriber = at->subscriber;

	if (at->prev != NULL)
		at->prev->next = at->next;
	else
		part->first = at->next;
	if (at->next != NULL)
		at->next->prev = at->prev;
	else
		part->last = at->prev;
	if (at->older != NULL)
		at->older->newer = at->newer;
	else
		subscriber->first = at->newer;
	if (at->newer != NULL)
		at->newer->older = at->older;
	else
		subscriber->last = at->older;
}

/* One more, or one less. */
static void
count(struct pubsub *hub, struct subscriber *subscriber,
    enum pubsub_kind kind, int more)
{
	bool before = pubsub_is_subscribed(subscriber), now;

	atomic_store_explicit(&subscriber->counts[kind],
	    subscriber->counts[kind] + (uint32_t)more, memory_order_relaxed);
	now = pubsub_is_subscribed(subscriber);
	if (now != before)
		hub->clients += now ? 1 : (size_t)-1;
	if (kind == PUBSUB_MONITOR)
		hub->monitors += (size_t)more;
}

enum pubsub_result
pubsub_subscribe(struct pubsub_part *part, struct subscriber *subscriber,
    enum pubsub_kind kind, struct slice name)
{
	size_t size = subscription_size(part, name.length);
	struct subscription *at;
	uint64_t hash;

	if (find_subscription(part, subscriber, kind, name) != NULL)
		return PUBSUB_OK;
	if (name.length > PUBSUB_NAME_MAX)
		return PUBSUB_TOO_LONG;
	if (subscriber->bytes + size > PUBSUB_BYTES_MAX)
		return PUBSUB_TOO_MANY;
	at = calloc(1, sizeof *at);
	if (at == NULL)
		return PUBSUB_NO_MEMORY;
	hash = subscription_hash(subscriber, hash_name(part->hub, name));
	if (!table_add(&part->subscriptions, &at->node, hash))
		goto fail;
	at->subscriber = subscriber;
	at->topic = enter_topic(part, kind, name);
	if (at->topic == NULL)
		goto fail_added;
	link_subscription(at, &at->topic->parts[part->worker]);
	subscriber->bytes += size;
	count(part->hub, subscriber, kind, 1);
	return PUBSUB_OK;
fail_added:
	table_remove(&part->subscriptions, &at->node);
fail:
	free(at);
	return PUBSUB_NO_MEMORY;
}

/* The subscription ends; `reads`: after what was posted before is read. */
static void
end_subscription(struct pubsub_part *part, struct subscription *at,
    bool reads)
{
	struct pubsub *hub = part->hub;
	struct subscriber *subscriber = at->subscriber;
	struct topic *topic = at->topic;
	struct letter *letters = NULL;

	pthread_mutex_lock(&hub->lock);
	topic->users++;
	leave_topic(hub, topic, part->worker);
	if (reads)
		letters = mail_take(hub->mail, part->worker);
	pthread_mutex_unlock(&hub->lock);
	mail_read(letters, part->reader);
	table_remove(&part->subscriptions, &at->node);
	unlink_subscription(at, &topic->parts[part->worker]);
	subscriber->bytes -= subscription_size(part, topic->name.length);
	count(hub, subscriber, topic->kind, -1);
	pthread_mutex_lock(&hub->lock);
	release_topic(topic);
	pthread_mutex_unlock(&hub->lock);
	free(at);
}

void
pubsub_unsubscribe(struct pubsub_part *part, struct subscriber *subscriber,
    enum pubsub_kind kind, struct slice name)
{
	struct subscription *at = find_subscription(part, subscriber, kind,
	    name);

	if (at != NULL)
		end_subscription(part, at, true);
}

bool
pubsub_oldest(const struct subscriber *subscriber, enum pubsub_kind kind,
    struct slice *name)
{
	for (const struct subscription *at = subscriber->first; at != NULL;
	    at = at->newer)
		if (at->topic->kind == kind) {
			*name = at->topic->name;
			return true;
		}
	return false;
}

void
pubsub_leave(struct pubsub_part *part, struct subscriber *subscriber)
{
	while (subscriber->first != NULL)
		end_subscription(part, subscriber->first, false);
}

static void
release_message(struct message *message)
{
	struct pubsub *hub = message->hub;

	if (atomic_fetch_sub(&message->users, 1) > 1)
		return;
	pthread_mutex_lock(&hub->lock);
	for (size_t i = 0; i < message->topic_count; i++)
		release_topic(message->topics[i]);
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
	struct topic *topic = find_topic(hub, kind, channel);

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

size_t
pubsub_subscribers(struct pubsub *hub, enum pubsub_kind kind,
    struct slice name)
{
	const struct topic *topic;
	size_t count;

	pthread_mutex_lock(&hub->lock);
	topic = find_topic(hub, kind, name);
	count = topic == NULL ? 0 : topic->total;
	pthread_mutex_unlock(&hub->lock);
	return count;
}

size_t
pubsub_topics(struct pubsub *hub, enum pubsub_kind kind)
{
	size_t count;

	pthread_mutex_lock(&hub->lock);
	count = hub->topics[kind].count;
	pthread_mutex_unlock(&hub->lock);
	return count;
}

void
pubsub_visit(struct pubsub *hub, enum pubsub_kind kind,
    void (*visit)(void *, struct slice), void *context)
{
	const struct table *topics = &hub->topics[kind];

	pthread_mutex_lock(&hub->lock);
	for (struct table_node *node = table_begin(topics); node != NULL;
	    node = table_behind(topics, node))
		visit(context, ((struct topic *)node)->name);
	pthread_mutex_unlock(&hub->lock);
}
