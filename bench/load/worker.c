/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worker.c - see worker.h.
 *
 * Closed loop: when all requests of a connection are answered, as many new
 * ones go out. Open loop: each request goes, when it is due, to the
 * connection that has had room for the longest time. When none has, requests
 * are late, and their latencies, counted from when they were due, say so.
 */
#include "load/worker.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/clock.h"

#define NS		INT64_C(1000000000)
#define CHECK_NS	(NS / 4)

/* What was due just before the end may still go out for so long. */
#define LATE_NS		(NS / 20)

/* Requests that go out at once while filling, at least. */
#define FILL_DEPTH	16

static const struct options *
options_of(const struct worker *worker)
{
	return &worker->engine.load->options;
}

/* Are there to be more requests than those that are under way? */
static bool
wants_more(const struct worker *worker)
{
	if (worker->engine.load->stopped)
		return false;
	if (worker->filling)
		return worker->fill_next < worker->fill_end;
	if (worker->open && worker->schedule.next >= (double)worker->end)
		return false;
	return worker->budget > 0 && worker->engine.now - worker->end <
	    (worker->open ? LATE_NS : 0);
}

static void
end_if_done(struct worker *worker)
{
	const struct engine *engine = &worker->engine;

	if (engine->alive == 0 || (engine->in_flight == 0 &&
	    engine->owed == 0 && !wants_more(worker)))
		event_base_loopbreak(engine->base);
}

static enum op
pick_op(struct worker *worker)
{
	const struct mix *mix = &options_of(worker)->mix;
	uint64_t at = pick_below(&worker->random, mix->total);
	int op = 0;

	while (at >= mix->weights[op])
		at -= mix->weights[op++];
	return (enum op)op;
}

static void
add_load(struct worker *worker, struct client *client, int64_t due)
{
	bool counted = due >= worker->counted_from;
	enum op op = pick_op(worker);
	unsigned count = op == OP_MULTI ?
	    (unsigned)options_of(worker)->multi : 1;
	uint64_t *keys = client_add(client, op, count, due, counted);

	for (unsigned n = 0; n < count; n++)
		keys[n] = picker_next(&worker->picker, &worker->random);
	if (op == OP_INCR)
		keys[0] |= KEY_COUNTER;
	if (counted)
		worker->budget--;
}

/* Behind all keys come the counters. */
static void
add_filling(struct worker *worker, struct client *client)
{
	uint64_t keys = worker->engine.load->keys.count;
	uint64_t number = worker->fill_next++;

	*client_add(client, OP_SET, 1, worker->engine.now, false) =
	    number < keys ? number : (number - keys) | KEY_COUNTER;
}

static void
note_time(struct worker *worker)
{
	struct engine *engine = &worker->engine;

	engine->counting = !worker->filling &&
	    engine->now >= worker->counted_from && engine->now < worker->end;
}

static void
refill(struct worker *worker, struct client *client)
{
	unsigned most = worker->filling ? client->slots :
	    (unsigned)options_of(worker)->depth;

	if (client->pending > 0)
		return;
	client_pay(client, most);
	while (client->pending < most && client_has_room(client) &&
	    wants_more(worker)) {
		if (worker->filling)
			add_filling(worker, client);
		else
			add_load(worker, client, worker->engine.now);
	}
}

/* Open loop. */

static void
put_idle(struct worker *worker, struct client *client)
{
	unsigned at = worker->idle_first + worker->idle_count;

	if (client->queued || !client_has_room(client) ||
	    client->pending >= (unsigned)options_of(worker)->depth)
		return;
	worker->idle[at < worker->count ? at : at - worker->count] = client;
	worker->idle_count++;
	client->queued = true;
}

/* One that has room; NULL: none. */
static struct client *
take_idle(struct worker *worker)
{
	while (worker->idle_count > 0) {
		struct client *client = worker->idle[worker->idle_first];

		if (++worker->idle_first == worker->count)
			worker->idle_first = 0;
		worker->idle_count--;
		client->queued = false;
		if (client->pending < (unsigned)options_of(worker)->depth &&
		    client_has_room(client))
			return client;
	}
	return NULL;
}

static void
touch(struct worker *worker, struct client *client)
{
	if (!client->touched)
		worker->touched[worker->touched_count++] = client;
	client->touched = true;
}

static void
flush_touched(struct worker *worker)
{
	while (worker->touched_count > 0) {
		struct client *client =
		    worker->touched[--worker->touched_count];

		client->touched = false;
		client_flush(client);
	}
}

static void
wait_for_due(struct worker *worker)
{
	int64_t wait = (int64_t)worker->schedule.next - worker->engine.now;
	struct timeval delay;

	if (worker->idle_count == 0 || !wants_more(worker))
		return;
	if (wait < 0)
		wait = 0;
	delay.tv_sec = (time_t)(wait / NS);
	delay.tv_usec = (suseconds_t)(wait % NS / 1000);
	event_add(worker->due, &delay);
}

static void
send_due(struct worker *worker)
{
	while (worker->schedule.next <= (double)worker->engine.now &&
	    wants_more(worker)) {
		struct client *client = take_idle(worker);

		if (client == NULL)
			break;
		add_load(worker, client, schedule_take(&worker->schedule,
		    &worker->random));
		touch(worker, client);
		put_idle(worker, client);
	}
	flush_touched(worker);
	wait_for_due(worker);
}

/* What the clock, and the sockets, have to say. */

static void
on_answered(struct client *client)
{
	struct worker *worker = (struct worker *)(void *)client->engine;

	note_time(worker);
	if (worker->open && !worker->filling) {
		client_pay(client, client->slots);
		put_idle(worker, client);
		touch(worker, client);
		send_due(worker);
	} else {
		refill(worker, client);
		client_flush(client);
	}
	end_if_done(worker);
}

static void
on_due(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;

	(void)fd, (void)what;
	worker->engine.now = clock_monotonic_ns();
	note_time(worker);
	send_due(worker);
	end_if_done(worker);
}

static void
show_progress(struct worker *worker)
{
	atomic_store_explicit(&worker->done, worker->engine.done,
	    memory_order_relaxed);
	atomic_store_explicit(&worker->latency, worker->engine.latency,
	    memory_order_relaxed);
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;
	struct engine *engine = &worker->engine;
	int64_t patience = (int64_t)(options_of(worker)->timeout * (double)NS);

	(void)fd, (void)what;
	engine->now = clock_monotonic_ns();
	note_time(worker);
	show_progress(worker);
	if (engine->now - worker->checked >= CHECK_NS) {
		worker->checked = engine->now;
		for (unsigned n = 0; n < worker->count; n++)
			client_check(&worker->clients[n], patience);
	}
	end_if_done(worker);
}

/* Life. */

static int
out_of_memory(struct error *err)
{
	return error_set(err, "out of memory");
}

static int
open_engine(struct engine *engine, const struct load *load, struct error *err)
{
	struct event_config *config = event_config_new();
	size_t keys = load->options.mix.weights[OP_MULTI] > 0 ?
	    (size_t)load->options.multi : 1;

	engine->load = load;
	engine->answered = on_answered;
	engine->room = malloc(WIRE_TOKEN_MAX + ENGINE_ROOM);
	if (config == NULL)
		return out_of_memory(err);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK |
	    EVENT_BASE_FLAG_PRECISE_TIMER);
	engine->base = event_base_new_with_config(config);
	event_config_free(config);
	if (engine->base == NULL || engine->room == NULL ||
	    batch_open(&engine->batch, WIRE_HEAD_MAX +
	    keys * WIRE_KEY_MAX) == -1)
		return out_of_memory(err);
	return 0;
}

static int
open_clients(struct worker *worker, struct error *err)
{
	const struct options *options = options_of(worker);
	unsigned slots = (unsigned)options->depth;

	if (slots < FILL_DEPTH)
		slots = FILL_DEPTH;
	for (unsigned n = 0; n < worker->count; n++)
		worker->clients[n].link.fd = -1;
	for (unsigned n = 0; n < worker->count; n++)
		if (client_open(&worker->clients[n], &worker->engine, slots,
		    err) == -1)
			return -1;
	return 0;
}

int
worker_open(struct worker *worker, const struct load *load, unsigned number,
    struct error *err)
{
	unsigned threads = (unsigned)load->options.threads;
	unsigned count = (unsigned)load->options.connections;

	worker->number = number;
	worker->count = count / threads + (number < count % threads);
	worker->random.state = (uint64_t)load->options.seed + number *
	    UINT64_C(0x9e3779b97f4a7c1);
	picker_init(&worker->picker, &load->options.distribution,
	    load->keys.count, load->keys.count * number / threads);
	worker->clients = calloc(worker->count, sizeof *worker->clients);
	worker->idle = calloc(worker->count, sizeof(struct client *));
	worker->touched = calloc(worker->count, sizeof(struct client *));
	if (worker->clients == NULL || worker->idle == NULL ||
	    worker->touched == NULL)
		return out_of_memory(err);
	if (open_engine(&worker->engine, load, err) == -1)
		return -1;
	worker->tick = event_new(worker->engine.base, -1, EV_PERSIST, on_tick,
	    worker);
	worker->due = event_new(worker->engine.base, -1, 0, on_due, worker);
	if (worker->tick == NULL || worker->due == NULL)
		return out_of_memory(err);
	return open_clients(worker, err);
}

void
worker_close(struct worker *worker)
{
	for (unsigned n = 0; n < worker->count && worker->clients != NULL; n++)
		client_close(&worker->clients[n]);
	if (worker->tick != NULL)
		event_free(worker->tick);
	if (worker->due != NULL)
		event_free(worker->due);
	if (worker->engine.base != NULL)
		event_base_free(worker->engine.base);
	batch_close(&worker->engine.batch);
	free(worker->engine.room);
	free(worker->clients);
	free(worker->idle);
	free(worker->touched);
}

static void
begin(struct worker *worker)
{
	for (unsigned n = 0; n < worker->count; n++) {
		struct client *client = &worker->clients[n];

		if (worker->open && !worker->filling) {
			put_idle(worker, client);
		} else {
			refill(worker, client);
			client_flush(client);
		}
	}
	if (worker->open && !worker->filling)
		send_due(worker);
	end_if_done(worker);
}

/* What was due before the end, and did not find a connection with room. */
static void
count_unsent(struct worker *worker)
{
	double end = (double)(worker->engine.load->stopped &&
	    worker->engine.now < worker->end ? worker->engine.now :
	    worker->end);
	double late = end - worker->schedule.next;

	if (!worker->open || worker->filling || late <= 0 ||
	    worker->budget == 0 || worker->end == INT64_MAX)
		return;
	worker->engine.tally.unsent += (uint64_t)(late /
	    (1e9 / worker->schedule.rate.to)) + 1;
}

static void *
run(void *context)
{
	struct worker *worker = context;
	struct timeval tick = { .tv_usec = WORKER_TICK_US };

	worker->engine.now = clock_monotonic_ns();
	worker->checked = worker->engine.now;
	note_time(worker);
	event_add(worker->tick, &tick);
	begin(worker);
	event_base_dispatch(worker->engine.base);
	event_del(worker->tick);
	event_del(worker->due);
	count_unsent(worker);
	show_progress(worker);
	worker->running = false;
	return NULL;
}

static int
start(struct worker *worker, struct error *err)
{
	worker->running = true;
	if (pthread_create(&worker->thread, NULL, run, worker) == 0)
		return 0;
	worker->running = false;
	return error_set(err, "cannot start a thread");
}

int
worker_start_filling(struct worker *worker, struct error *err)
{
	const struct options *options = options_of(worker);
	uint64_t all = worker->engine.load->keys.count;
	uint64_t threads = (uint64_t)options->threads;

	if (options->mix.weights[OP_INCR] > 0)
		all *= 2;
	worker->filling = true;
	worker->fill_next = all * worker->number / threads;
	worker->fill_end = all * (worker->number + 1) / threads;
	worker->counted_from = worker->end = INT64_MAX;
	return start(worker, err);
}

/* An even rate is shared so that the threads take turns. */
static void
set_schedule(struct worker *worker)
{
	const struct options *options = options_of(worker);
	double threads = (double)options->threads;

	worker->open = options->rate.from > 0;
	worker->schedule = (struct schedule){
		.rate = { options->rate.from / threads,
		    options->rate.to / threads },
		.poisson = options->arrivals == ARRIVALS_POISSON,
		.begin = (double)worker->counted_from,
		.length = options->time * (double)NS,
		.next = (double)worker->begin,
	};
	if (worker->open)
		worker->schedule.next += worker->number * 1e9 /
		    options->rate.from;
}

int
worker_start_load(struct worker *worker, struct error *err)
{
	const struct options *options = options_of(worker);
	uint64_t requests = (uint64_t)options->requests;
	uint64_t threads = (uint64_t)options->threads;

	worker->filling = false;
	worker->budget = requests == 0 ? UINT64_MAX : requests / threads +
	    (worker->number < requests % threads);
	worker->begin = clock_monotonic_ns();
	worker->counted_from = worker->begin +
	    (int64_t)(options->warmup * (double)NS);
	worker->end = options->time == 0 ? INT64_MAX : worker->counted_from +
	    (int64_t)(options->time * (double)NS);
	set_schedule(worker);
	return start(worker, err);
}

void
worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}
