/* SPDX-License-Identifier: BSD-3-Clause */
/* client.c - see client.h: sending, and what becomes of a connection. */
#include "load/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/check.h"
#include "base/clock.h"
#include "load/replies.h"

static unsigned
slot_of(const struct client *client, unsigned n)
{
	unsigned slot = client->first + n;

	return slot < client->slots ? slot : slot - client->slots;
}

/* All that waited is unanswered. */
static void
lose(struct client *client)
{
	struct engine *engine = client->engine;

	event_del(client->readable);
	event_del(client->writable);
	link_close(&client->link);
	engine->tally.lost++;
	engine->tally.unanswered += client->pending;
	engine->in_flight -= client->pending;
	engine->owed -= client->debt_count;
	engine->alive--;
	client->pending = client->sent = client->debt_count = 0;
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct client *client = context;
	struct engine *engine = client->engine;
	ssize_t got;

	(void)fd, (void)what;
	engine->now = clock_monotonic_ns();
	do {
		char *at = engine->room + client->kept_length;

		memcpy(engine->room, client->kept, client->kept_length);
		got = link_read(&client->link, at, ENGINE_ROOM);
		if (got == -1 && errno == EAGAIN)
			break;
		if (got <= 0 || replies_read(client, engine->room,
		    at + got) == -1) {
			lose(client);
			break;
		}
		client->heard = engine->now;
		if (engine->counting)
			engine->tally.received += (uint64_t)got;
	} while (link_has_more(&client->link));
	engine->answered(client);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct client *client = context;

	(void)fd, (void)what;
	client->blocked = false;
	client_flush(client);
	if (client_is_lost(client))
		client->engine->answered(client);
}

int
client_open(struct client *client, struct engine *engine, unsigned slots,
    struct error *err)
{
	const struct options *options = &engine->load->options;
	bool pays = options->set_misses;

	*client = (struct client){ .engine = engine, .slots = slots,
	    .link.fd = -1 };
	client->stride = options->mix.weights[OP_MULTI] > 0 ?
	    (unsigned)options->multi : 1;
	client->requests = calloc(slots, sizeof *client->requests);
	client->keys = calloc((size_t)slots * client->stride,
	    sizeof *client->keys);
	client->kept = malloc(WIRE_TOKEN_MAX);
	if (pays)
		client->debts = calloc((size_t)slots * client->stride,
		    sizeof *client->debts);
	if (client->requests == NULL || client->keys == NULL ||
	    client->kept == NULL || (pays && client->debts == NULL))
		return error_set(err, "out of memory");
	if (link_open(&client->link, &engine->load->target, options->timeout,
	    err) == -1)
		return -1;
	client->readable = event_new(engine->base, client->link.fd,
	    EV_READ | EV_PERSIST, on_readable, client);
	client->writable = event_new(engine->base, client->link.fd, EV_WRITE,
	    on_writable, client);
	if (client->readable == NULL || client->writable == NULL ||
	    event_add(client->readable, NULL) == -1)
		return error_set(err, "out of memory");
	engine->alive++;
	return 0;
}

void
client_close(struct client *client)
{
	if (client->readable != NULL)
		event_free(client->readable);
	if (client->writable != NULL)
		event_free(client->writable);
	link_close(&client->link);
	free(client->requests);
	free(client->keys);
	free(client->kept);
	free(client->debts);
}

uint64_t *
client_add(struct client *client, enum op op, unsigned count, int64_t due,
    bool counted)
{
	unsigned slot = slot_of(client, client->pending);

	CHECK(client->pending < client->slots && count <= client->stride);
	if (client->pending == 0)
		client->heard = client->engine->now;
	client->pending++;
	client->engine->in_flight++;
	client->requests[slot] = (struct pending){ .due = due,
	    .count = (uint16_t)count, .op = (uint8_t)op, .counted = counted };
	return client->keys + (size_t)slot * client->stride;
}

void
client_pay(struct client *client, unsigned most)
{
	struct engine *engine = client->engine;
	unsigned size = client->slots * client->stride;

	while (client->debt_count > 0 && client->pending < most &&
	    client_has_room(client)) {
		*client_add(client, OP_SET, 1, engine->now,
		    engine->counting) = client->debts[client->debt_first];
		if (++client->debt_first == size)
			client->debt_first = 0;
		client->debt_count--;
		engine->owed--;
	}
}

static void
put_request(struct client *client, unsigned slot)
{
	const struct load *load = client->engine->load;
	struct batch *batch = &client->engine->batch;
	const struct pending *pending = &client->requests[slot];
	const uint64_t *keys = client->keys + (size_t)slot * client->stride;
	struct wire_request request = { .names = &load->keys, .keys = keys,
	    .count = pending->count, .op = (enum op)pending->op };
	struct slice value;

	if (request.op == OP_SET) {
		value = values_of(&load->values, *keys);
		request.length = value.length;
		request.ttl = values_ttl(&load->values, *keys);
	}
	batch_text(batch, load->wire->ask(&request, batch->at));
	if (request.op == OP_SET) {
		batch_value(batch, value);
		memcpy(batch->at, load->wire->tail.bytes,
		    load->wire->tail.length);
		batch_text(batch, batch->at + load->wire->tail.length);
	}
	batch_end_request(batch);
}

/* Of the batch, counted from its first request's first byte. */
static void
note_sent(struct client *client, size_t bytes)
{
	const struct batch *batch = &client->engine->batch;
	unsigned n = 0;

	while (n < batch->requests && batch->ends[n] <= bytes)
		n++;
	client->sent += n;
	client->offset = bytes - (n > 0 ? batch->ends[n - 1] : 0);
}

/* False: the socket takes no more, or is broken. */
static bool
send_batch(struct client *client)
{
	struct engine *engine = client->engine;
	struct batch *batch = &engine->batch;
	ssize_t wrote;

	batch_clear(batch);
	for (unsigned n = client->sent; n < client->pending &&
	    !batch_is_full(batch); n++)
		put_request(client, slot_of(client, n));
	batch_skip(batch, client->offset);
	wrote = link_write(&client->link, batch->parts, batch->count);
	if (wrote == -1 && errno != EAGAIN) {
		lose(client);
		return false;
	}
	if (wrote > 0) {
		client->heard = engine->now;
		if (engine->counting)
			engine->tally.sent += (uint64_t)wrote;
		note_sent(client, client->offset + (size_t)wrote);
	}
	return wrote >= 0 && client->offset == 0;
}

void
client_flush(struct client *client)
{
	while (!client->blocked && client->sent < client->pending) {
		if (send_batch(client))
			continue;
		if (client_is_lost(client))
			break;
		client->blocked = true;
		event_add(client->writable, NULL);
	}
}

void
client_check(struct client *client, int64_t patience)
{
	struct engine *engine = client->engine;

	if (client->pending > 0 && engine->now - client->heard > patience)
		lose(client);
}
