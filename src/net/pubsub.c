/* SPDX-License-Identifier: BSD-3-Clause */
/* pubsub.c - see pubsub.h: topics, and who is subscribed to them. */
#include "net/pubsub.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "net/topic.h"

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

struct topic *
topic_find(const struct pubsub *hub, enum pubsub_kind kind, struct slice name)
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

void
topic_release(struct topic *topic)
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
	topic_release(topic);
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
	topic = topic_find(hub, kind, name);
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
	topic_release(topic);
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

size_t
pubsub_subscribers(struct pubsub *hub, enum pubsub_kind kind,
    struct slice name)
{
	const struct topic *topic;
	size_t count;

	pthread_mutex_lock(&hub->lock);
	topic = topic_find(hub, kind, name);
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
