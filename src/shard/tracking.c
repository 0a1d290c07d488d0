/* SPDX-License-Identifier: BSD-3-Clause */
/* tracking.c - see tracking.h. */
#include "shard/tracking.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "store/store.h"

/* Numbers of clients in their order, each once. */
struct client_set {
	uint64_t	*numbers;
	size_t		 count, room;
};

/* A key that clients have read. */
struct tracked_key {
	struct table_node	 node;
	struct tracked_key	*newer, *older;
	struct client_set	 clients;
	uint32_t		 length;
	char			 bytes[];
};

struct tracked {
	struct tracking		*tracking;
	struct store		*store;
	struct table		 keys;
	struct tracked_key	*oldest, *newest;
	size_t			 bytes;
	uint64_t		 writer;
	bool			 wrote;		/* letters, in this visit */
};

struct tracking_prefix {
	struct tracking_prefix	*next;
	struct client_set	 clients, quiet;	/* with NOLOOP */
	size_t			 length;
	char			 bytes[];
};

/* Where a number is in a set, or would be. */
static size_t
place_of(const struct client_set *set, uint64_t number)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (set->numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
set_has(const struct client_set *set, uint64_t number)
{
	size_t at = place_of(set, number);

	return at < set->count && set->numbers[at] == number;
}

/* False: out of memory. */
static bool
set_add(struct client_set *set, uint64_t number)
{
	size_t at = place_of(set, number);

	if (at < set->count && set->numbers[at] == number)
		return true;
	if (set->count == set->room) {
		size_t room = set->room == 0 ? 1 : 2 * set->room;
		uint64_t *numbers = realloc(set->numbers,
		    room * sizeof *numbers);

		if (numbers == NULL)
			return false;
		set->numbers = numbers;
		set->room = room;
	}
	memmove(set->numbers + at + 1, set->numbers + at,
	    (set->count - at) * sizeof *set->numbers);
	set->numbers[at] = number;
	set->count++;
	return true;
}

static void
set_remove(struct client_set *set, uint64_t number)
{
	size_t at = place_of(set, number);

	if (at == set->count || set->numbers[at] != number)
		return;
	set->count--;
	memmove(set->numbers + at, set->numbers + at + 1,
	    (set->count - at) * sizeof *set->numbers);
}

void
tracking_open(struct tracking *tracking, struct mail *mail, unsigned shards,
    uint64_t seed, void (*open)(struct letter *, void *))
{
	*tracking = (struct tracking){
		.mail = mail, .seed = seed, .shard_count = shards, .open = open,
		.keys_max = TRACKING_KEYS,
	};
	CHECK(pthread_mutex_init(&tracking->lock, NULL) == 0);
}

void
tracking_close(struct tracking *tracking)
{
	CHECK(tracking->first == NULL);
	pthread_mutex_destroy(&tracking->lock);
}

void
tracking_write(struct tracking *tracking, unsigned worker,
    enum tracking_news news, uint64_t behalf, struct slice key,
    const uint64_t *clients, size_t count)
{
	size_t size = sizeof(struct tracking_letter) +
	    count * sizeof *clients + key.length;
	size_t limit = news == TRACKING_CHANGED ? MAIL_FULL : MAIL_MAX;
	struct tracking_letter *letter = mail_bytes(tracking->mail, worker) >=
	    limit ? NULL : malloc(size);
	char *bytes;

	if (letter == NULL) {
		mail_lose(tracking->mail, worker);
		return;
	}
	*letter = (struct tracking_letter){
		.letter = { .size = size, .open = tracking->open },
		.news = news, .behalf = behalf, .client_count = count,
	};
	if (count > 0)
		memcpy(letter->clients, clients, count * sizeof *clients);
	bytes = (char *)&letter->clients[count];
	if (key.length > 0)
		memcpy(bytes, key.bytes, key.length);
	if (key.bytes != NULL)
		letter->key = (struct slice){ bytes, key.length };
	mail_post(tracking->mail, worker, &letter->letter);
}

static void
write_flushed(struct tracking *tracking)
{
	for (unsigned i = 0; i < tracking->mail->count; i++)
		tracking_write(tracking, i, TRACKING_FLUSHED, 0,
		    (struct slice){ NULL, 0 }, NULL, 0);
}

void
tracking_tell_flushed(struct tracking *tracking)
{
	if (tracking->clients == 0)
		return;
	write_flushed(tracking);
	mail_wake(tracking->mail);
}

void
tracking_tell(struct tracking *tracking, struct slice key, uint64_t client)
{
	tracking_write(tracking, tracking_worker(tracking, client),
	    TRACKING_CHANGED, 0, key, &client, 1);
}

/* Clients that are written to at once. */
#define CLIENTS_AT_ONCE	128

/* Write to the clients of a set, but for one that has changed the key. */
static void
tell_set(struct tracking *tracking, struct slice key,
    const struct client_set *set, uint64_t writer)
{
	uint64_t own[CLIENTS_AT_ONCE];

	for (unsigned w = 0; w < tracking->mail->count; w++) {
		size_t count = 0;

		for (size_t i = 0; i < set->count; i++) {
			uint64_t client = set->numbers[i];

			if (client == writer ||
			    tracking_worker(tracking, client) != w)
				continue;
			own[count++] = client;
			if (count < CLIENTS_AT_ONCE)
				continue;
			tracking_write(tracking, w, TRACKING_CHANGED, 0, key,
			    own, count);
			count = 0;
		}
		if (count > 0)
			tracking_write(tracking, w, TRACKING_CHANGED, 0, key,
			    own, count);
	}
}

static void
tell_prefixes(struct tracked *tracked, struct slice key, uint64_t writer)
{
	struct tracking *tracking = tracked->tracking;

	tracked->wrote = true;
	pthread_mutex_lock(&tracking->lock);
	for (const struct tracking_prefix *at = tracking->first; at != NULL;
	    at = at->next) {
		if (at->length > key.length ||
		    memcmp(at->bytes, key.bytes, at->length) != 0)
			continue;
		tell_set(tracking, key, &at->clients,
		    set_has(&at->quiet, writer) ? writer : 0);
	}
	pthread_mutex_unlock(&tracking->lock);
}

static size_t
key_size(const struct tracked_key *key)
{
	return sizeof *key + key->length +
	    key->clients.room * sizeof *key->clients.numbers;
}

static void
forget(struct tracked *tracked, struct tracked_key *key)
{
	struct tracking *tracking = tracked->tracking;

	table_remove(&tracked->keys, &key->node);
	if (key->older != NULL)
		key->older->newer = key->newer;
	else
		tracked->oldest = key->newer;
	if (key->newer != NULL)
		key->newer->older = key->older;
	else
		tracked->newest = key->older;
	tracked->bytes -= key_size(key);
	tracking->keys--;
	tracking->items -= key->clients.count;
	free(key->clients.numbers);
	free(key);
}

static void
tell_and_forget(struct tracked *tracked, struct tracked_key *key,
    uint64_t writer)
{
	tell_set(tracked->tracking, (struct slice){ key->bytes, key->length },
	    &key->clients, writer);
	tracked->wrote = true;
	forget(tracked, key);
}

static uint64_t
hash_key(const struct tracked *tracked, struct slice key)
{
	return store_hash(tracked->tracking->seed, key.bytes, key.length);
}

static struct tracked_key *
find(const struct tracked *tracked, struct slice key)
{
	struct table_node *node = table_first(&tracked->keys,
	    hash_key(tracked, key));

	for (; node != NULL; node = table_next(node)) {
		struct tracked_key *found = (struct tracked_key *)node;

		if (slice_equal(key, (struct slice){
		    found->bytes, found->length }))
			return found;
	}
	return NULL;
}

/* Told by the store. */
static void
changed(void *context, struct slice key, bool asked)
{
	struct tracked *tracked = context;
	struct tracking *tracking = tracked->tracking;
	uint64_t writer = asked ? tracked->writer : 0;
	struct tracked_key *known;

	if (key.bytes == NULL) {
		while (tracked->oldest != NULL)
			forget(tracked, tracked->oldest);
	} else {
		known = find(tracked, key);
		if (known != NULL)
			tell_and_forget(tracked, known, writer);
		if (tracking->prefix_count > 0)
			tell_prefixes(tracked, key, writer);
	}
	if (tracked->oldest == NULL && tracking->prefix_count == 0)
		store_tell_changes(tracked->store, NULL, NULL);
}

struct tracked *
tracked_open(struct tracking *tracking, struct store *store)
{
	struct tracked *tracked = calloc(1, sizeof *tracked);

	if (tracked == NULL)
		return NULL;
	tracked->tracking = tracking;
	tracked->store = store;
	return tracked;
}

void
tracked_close(struct tracked *tracked)
{
	while (tracked->oldest != NULL)
		forget(tracked, tracked->oldest);
	table_close(&tracked->keys);
	free(tracked);
}

void
tracked_listen(struct tracked *tracked)
{
	store_tell_changes(tracked->store, changed, tracked);
}

void
tracked_tell_flushed(struct tracked *tracked)
{
	write_flushed(tracked->tracking);
	tracked->wrote = true;
}

struct mail *
tracked_mail_to_wake(struct tracked *tracked)
{
	bool wrote = tracked->wrote;

	tracked->wrote = false;
	return wrote ? tracked->tracking->mail : NULL;
}

void
tracked_set_writer(struct tracked *tracked, uint64_t client)
{
	tracked->writer = client;
}

/* Does the shard remember more than its part? */
static bool
is_crowded(const struct tracked *tracked)
{
	const struct tracking *tracking = tracked->tracking;

	return tracked->keys.count >
	    tracking->keys_max / tracking->shard_count ||
	    tracked->bytes > TRACKING_BYTES_MAX / tracking->shard_count;
}

static struct tracked_key *
add(struct tracked *tracked, struct slice bytes)
{
	struct tracked_key *key = calloc(1, sizeof *key + bytes.length);

	if (key == NULL)
		return NULL;
	if (!table_add(&tracked->keys, &key->node,
	    hash_key(tracked, bytes))) {
		free(key);
		return NULL;
	}
	key->length = (uint32_t)bytes.length;
	memcpy(key->bytes, bytes.bytes, bytes.length);
	key->older = tracked->newest;
	if (key->older != NULL)
		key->older->newer = key;
	else
		tracked->oldest = key;
	tracked->newest = key;
	tracked->bytes += key_size(key);
	tracked->tracking->keys++;
	return key;
}

/* False: out of memory. */
static bool
add_client(struct tracked *tracked, struct tracked_key *key, uint64_t client)
{
	size_t count = key->clients.count, size = key_size(key);

	if (!set_add(&key->clients, client))
		return false;
	tracked->bytes += key_size(key) - size;
	tracked->tracking->items += key->clients.count - count;
	return true;
}

void
tracked_note(struct tracked *tracked, struct slice bytes, uint64_t client)
{
	struct tracking *tracking = tracked->tracking;
	struct tracked_key *key = find(tracked, bytes);

	if (key == NULL)
		key = add(tracked, bytes);
	if (key == NULL || !add_client(tracked, key, client))
		tracking_tell(tracking, bytes, client);
	while (tracked->oldest != NULL && is_crowded(tracked))
		tell_and_forget(tracked, tracked->oldest, 0);
	tracked_listen(tracked);
}

/* The link that leads to a prefix, or to NULL. The lock is held. */
static struct tracking_prefix **
find_prefix(struct tracking *tracking, struct slice prefix)
{
	struct tracking_prefix **at = &tracking->first;

	while (*at != NULL && !slice_equal(prefix, (struct slice){
	    (*at)->bytes, (*at)->length }))
		at = &(*at)->next;
	return at;
}

static struct tracking_prefix *
make_prefix(struct tracking *tracking, struct slice prefix)
{
	struct tracking_prefix *made = tracking->prefix_count ==
	    TRACKING_PREFIXES_MAX ? NULL :
	    calloc(1, sizeof *made + prefix.length);

	if (made == NULL)
		return NULL;
	made->length = prefix.length;
	if (prefix.length > 0)
		memcpy(made->bytes, prefix.bytes, prefix.length);
	made->next = tracking->first;
	tracking->first = made;
	tracking->prefix_count++;
	return made;
}

static void
free_if_empty(struct tracking *tracking, struct tracking_prefix **link)
{
	struct tracking_prefix *prefix = *link;

	if (prefix->clients.count > 0)
		return;
	*link = prefix->next;
	tracking->prefix_count--;
	free(prefix->clients.numbers);
	free(prefix->quiet.numbers);
	free(prefix);
}

bool
tracking_add_prefix(struct tracking *tracking, struct slice bytes,
    uint64_t client, bool noloop)
{
	struct tracking_prefix **link, *prefix;
	bool added = false;

	pthread_mutex_lock(&tracking->lock);
	link = find_prefix(tracking, bytes);
	prefix = *link != NULL ? *link : make_prefix(tracking, bytes);
	if (prefix != NULL) {
		set_remove(&prefix->quiet, client);
		added = (!noloop || set_add(&prefix->quiet, client)) &&
		    set_add(&prefix->clients, client);
		free_if_empty(tracking, find_prefix(tracking, bytes));
	}
	pthread_mutex_unlock(&tracking->lock);
	return added;
}

void
tracking_remove_prefix(struct tracking *tracking, struct slice bytes,
    uint64_t client)
{
	struct tracking_prefix **link;

	pthread_mutex_lock(&tracking->lock);
	link = find_prefix(tracking, bytes);
	if (*link != NULL) {
		set_remove(&(*link)->clients, client);
		set_remove(&(*link)->quiet, client);
		free_if_empty(tracking, link);
	}
	pthread_mutex_unlock(&tracking->lock);
}

void
tracking_reader_entered(struct tracking_reader *reader)
{
	struct mail *mail = reader->tracking->mail;
	unsigned worker = tracking_worker(reader->tracking, reader->client);

	reader->lost = mail_take_lost(mail, worker);
	reader->letters = mail_take(mail, worker);
}
