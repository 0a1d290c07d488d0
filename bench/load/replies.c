/* SPDX-License-Identifier: BSD-3-Clause */
/* replies.c - see replies.h. */
#include "load/replies.h"

#include <string.h>

#include "load/client.h"

static struct tally_op *
op_of(struct client *client)
{
	return &client->engine->tally.ops[client->reply.request.op];
}

static const struct pending *
current(const struct client *client)
{
	return &client->requests[client->first];
}

static void
begin(struct client *client)
{
	const struct pending *pending = current(client);

	client->reading = true;
	client->answered = 0;
	client->reply = (struct wire_reply){ .request = {
		.names = &client->engine->load->keys,
		.keys = client->keys + (size_t)client->first * client->stride,
		.count = pending->count,
		.op = (enum op)pending->op,
	} };
}

/* Only what was asked for can be missed. */
static void
owe(struct client *client, uint64_t key)
{
	unsigned size = client->slots * client->stride;
	unsigned at = client->debt_first + client->debt_count;

	if (client->debts == NULL || client->debt_count == size ||
	    client->reply.request.op == OP_DELETE)
		return;
	client->debts[at < size ? at : at - size] = key;
	client->debt_count++;
	client->engine->owed++;
}

/* The keys before `key` that were not answered are not there. */
static void
miss_until(struct client *client, unsigned key)
{
	for (; client->answered < key; client->answered++) {
		if (current(client)->counted)
			op_of(client)->misses++;
		owe(client, client->reply.request.keys[client->answered]);
	}
}

static void
hit(struct client *client, unsigned key)
{
	miss_until(client, key);
	client->answered = key + 1;
	if (current(client)->counted)
		op_of(client)->hits++;
}

static void
complete(struct client *client)
{
	struct engine *engine = client->engine;
	const struct pending *pending = current(client);
	int64_t latency = engine->now - pending->due;

	miss_until(client, pending->count);
	if (latency < 0)
		latency = 0;
	engine->done++;
	engine->latency += (uint64_t)latency;
	if (pending->counted) {
		struct tally_op *op = op_of(client);

		op->requests++;
		op->keys += pending->count;
		histogram_add(&op->latency, (uint64_t)latency);
		engine->tally.last = engine->now;
	}
	client->reading = false;
	if (++client->first == client->slots)
		client->first = 0;
	client->pending--;
	client->sent--;
	engine->in_flight--;
}

static void
begin_value(struct client *client)
{
	const struct load *load = client->engine->load;
	const struct wire_reply *reply = &client->reply;

	hit(client, reply->key);
	client->in_value = true;
	client->value_left = reply->length;
	client->tail_left = load->wire->tail.length;
	client->wrong = false;
	if (!load->options.verify)
		return;
	client->expected = values_of(&load->values,
	    reply->request.keys[reply->key]);
	client->wrong = client->expected.length != reply->length;
}

/* Returns where it goes on; NULL: the end of the value is not its end. */
static const char *
take_value(struct client *client, const char *at, const char *end)
{
	const struct load *load = client->engine->load;
	struct slice tail = load->wire->tail;
	size_t length = (size_t)(end - at);

	if (length > client->value_left)
		length = (size_t)client->value_left;
	if (load->options.verify && !client->wrong) {
		client->wrong = memcmp(client->expected.bytes, at,
		    length) != 0;
		client->expected.bytes += length;
	}
	client->value_left -= length;
	at += length;
	while (client->value_left == 0 && client->tail_left > 0 && at < end)
		if (*at++ != tail.bytes[tail.length - client->tail_left--])
			return NULL;
	return at;
}

static void
end_value(struct client *client)
{
	client->in_value = false;
	op_of(client)->wrong += client->wrong;
	if (client->reply.last)
		complete(client);
}

static int
unexpected(struct client *client, const char *at, size_t length)
{
	op_of(client)->unexpected++;
	tally_sample(&client->engine->tally, at, length);
	return -1;
}

static int
take_token(struct client *client, enum token token, const char *at,
    const char *end)
{
	const struct wire_reply *reply = &client->reply;

	if (token == TOKEN_BROKEN)
		return unexpected(client, at, (size_t)(end - at));
	if (token == TOKEN_VALUE) {
		begin_value(client);
		return 0;
	}
	if (token == TOKEN_OK)
		hit(client, 0);
	if (token == TOKEN_UNEXPECTED) {
		unexpected(client, at, reply->taken);
		client->answered = reply->request.count;
	}
	if (reply->last)
		complete(client);
	return 0;
}

static int
keep(struct client *client, const char *at, const char *end)
{
	client->kept_length = (size_t)(end - at);
	if (client->kept_length > WIRE_TOKEN_MAX)
		return unexpected(client, at, client->kept_length);
	memcpy(client->kept, at, client->kept_length);
	return 0;
}

int
replies_read(struct client *client, const char *at, const char *end)
{
	const struct wire *wire = client->engine->load->wire;
	enum token token;

	while (client->in_value || at < end) {
		if (client->in_value) {
			const char *from = at;

			at = take_value(client, from, end);
			if (at == NULL)
				return unexpected(client, from,
				    (size_t)(end - from));
			if (client->value_left + client->tail_left > 0)
				break;
			end_value(client);
			continue;
		}
		if (client->sent == 0)
			return unexpected(client, at, (size_t)(end - at));
		if (!client->reading)
			begin(client);
		token = wire->read(&client->reply, at, end);
		if (token == TOKEN_MORE)
			break;
		if (take_token(client, token, at, end) == -1)
			return -1;
		at += client->reply.taken;
	}
	return keep(client, at, end);
}
