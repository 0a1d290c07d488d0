/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.c - see worker.h. */
#include "net/worker.h"

#include <sys/time.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "base/check.h"
#include "net/session.h"
#include "net/wakeup.h"
#include "os/os.h"

/* Housekeeping: how often. */
#define TICK_MS		100

/* What is received and what is answered, in one range. */
#define BUFFERS_SIZE	(CONN_RECEIVE_SIZE + CONN_ANSWER_SIZE)

/* A socket that was given to us. */
struct given {
	int			 fd;
	const struct origin	*origin;
};

struct worker {
	struct worker_config	 config;
	struct conn_env		 env;
	struct wakeup		 wakeup;
	struct event		*tick;
	unsigned		 ticked;	/* the shard that it ended with */
	struct event		*deadline;
	bool			 stopping;	/* no connection is to stay */
	pthread_t		 thread;
	pthread_mutex_t		 lock;		/* of what follows */
	struct given		*inbox;
	size_t			 inbox_count, inbox_room;
	uint64_t		*closing;	/* ids of connections */
	size_t			 closing_count, closing_room;
	bool			 stop_asked;
	unsigned		 stop_ms;
};

static void
schedule_tick(struct worker *worker, unsigned ms)
{
	struct timeval delay = { 0, (suseconds_t)ms * 1000 };

	event_add(worker->tick, &delay);
}

/* Every n-th shard is the worker's; which comes after this one, in a ring? */
static unsigned
next_shard(const struct worker *worker, unsigned shard)
{
	unsigned next = shard + worker->config.worker_count;

	return next < worker->config.router->shard_count ?
	    next : worker->config.number;
}

/*
 * Keep house in the worker's shards. One that has more to do ends the round,
 * so that a request waits for one slice of work, however many there are; the
 * next round begins behind it.
 */
static bool
keep_house(struct worker *worker)
{
	struct router *router = worker->config.router;
	int64_t now = clock_unix_ms(worker->config.clock);
	unsigned first = worker->ticked, shard = first;
	bool more;

	if (worker->config.number >= router->shard_count)
		return false;
	do {
		shard = next_shard(worker, shard);
		more = shard_tick(&router->shards[shard], now,
		    &worker->env.journal);
	} while (!more && shard != first);
	worker->ticked = shard;
	return more;
}

static void
tick(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;
	bool more;

	(void)fd;
	(void)what;
	journal_refresh(&worker->env.journal);
	more = keep_house(worker);
	journal_deliver(&worker->env.journal);
	/* While there is more to do, once after each look at the sockets. */
	schedule_tick(worker, more ? 0 : TICK_MS);
}

/* All is answered, or there is no more time. */
static void
stop_now(evutil_socket_t fd, short what, void *context)
{
	struct worker *worker = context;

	(void)fd;
	(void)what;
	event_base_loopbreak(worker->env.base);
}

static void
begin_stop(struct worker *worker, unsigned ms)
{
	struct timeval delay = { ms / 1000, (suseconds_t)(ms % 1000) * 1000 };
	struct conn *next;

	worker->stopping = true;
	for (struct conn *conn = worker->env.first; conn != NULL;
	    conn = next) {
		next = conn_next(conn);
		conn_finish(conn);
	}
	if (worker->env.first == NULL)
		event_base_loopbreak(worker->env.base);
	else
		event_add(worker->deadline, &delay);
}

static void
read_mail(struct worker *worker)
{
	struct mail *mail = worker->config.pubsub->mail;

	if (mail_take_lost(mail, worker->config.number))
		tracker_tell_all(&worker->env);
	mail_read(mail_take(mail, worker->config.number), &worker->env);
	conn_send_pushes(&worker->env);
}

/* Somebody gave us sockets, or wants us to stop. */
static void
woken(void *context)
{
	struct worker *worker = context;
	unsigned stop_ms;
	bool stop;
	struct given *inbox;
	uint64_t *closing;
	size_t count, closing_count;

	pthread_mutex_lock(&worker->lock);
	closing = worker->closing;
	closing_count = worker->closing_count;
	worker->closing = NULL;
	worker->closing_count = worker->closing_room = 0;
	inbox = worker->inbox;
	count = worker->inbox_count;
	worker->inbox = NULL;
	worker->inbox_count = worker->inbox_room = 0;
	stop = worker->stop_asked;
	stop_ms = worker->stop_ms;
	pthread_mutex_unlock(&worker->lock);
	for (size_t i = 0; i < count; i++)
		if (conn_open(&worker->env, inbox[i].fd,
		    inbox[i].origin) == -1)
			atomic_fetch_sub_explicit(&worker->env.counts.current,
			    1, memory_order_relaxed);
	free(inbox);
	for (size_t i = 0; i < closing_count; i++)
		conn_close_id(&worker->env, closing[i]);
	free(closing);
	read_mail(worker);
	if (stop)
		begin_stop(worker, stop_ms);
}

/* There are letters. */
static void
wake(void *context)
{
	struct worker *worker = context;

	wakeup_signal(&worker->wakeup);
}

static void
conn_closed(void *context)
{
	struct worker *worker = context;

	worker->config.closed(worker->config.context);
	if (worker->stopping && worker->env.first == NULL)
		event_base_loopbreak(worker->env.base);
}

static void *
run(void *context)
{
	struct worker *worker = context;
	char name[16];

	snprintf(name, sizeof name, "worker %u", worker->config.number);
	os_thread_name(name);
	event_base_loop(worker->env.base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static struct event_base *
make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	/* One thread uses it: no locks; and no clock call per event. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void
fill_env(struct worker *worker)
{
	const struct worker_config *config = &worker->config;
	struct conn_env *env = &worker->env;

	env->number = config->number;
	env->next_id = config->number + 1;
	env->id_step = config->worker_count;
	env->router = config->router;
	env->scripts = config->scripts;
	env->clock = config->clock;
	env->log = config->log;
	env->codec = config->codec;
	env->tls = config->tls;
	journal_open(&env->journal, config->watch);
	env->pubsub = (struct pubsub_part){
		.hub = config->pubsub, .worker = config->number,
		.reader = env,
	};
	mail_attach(config->pubsub->mail, config->number, wake, worker);
	env->gate = config->gate;
	env->requests_per_pass = config->requests_per_pass;
	env->serve = config->serve;
	env->call = config->call;
	env->note_slow = config->note_slow;
	env->serve_context = config->context;
	env->closed = conn_closed;
	env->closed_context = worker;
	if (config->idle_seconds > 0) {
		struct timeval idle = { config->idle_seconds, 0 };

		env->idle_timeout = event_base_init_common_timeout(env->base,
		    &idle);
	}
}

void
worker_free(struct worker *worker)
{
	while (worker->env.first != NULL)
		conn_close(worker->env.first);
	for (size_t i = 0; i < worker->inbox_count; i++)
		close(worker->inbox[i].fd);
	free(worker->inbox);
	free(worker->closing);
	if (worker->deadline != NULL)
		event_free(worker->deadline);
	if (worker->tick != NULL)
		event_free(worker->tick);
	if (worker->wakeup.run != NULL)
		wakeup_close(&worker->wakeup);
	if (worker->env.supplies.base != NULL)
		supplies_close(&worker->env.supplies);
	args_free(&worker->env.args);
	if (worker->env.journal.hub != NULL)
		journal_close(&worker->env.journal);
	pubsub_part_close(&worker->env.pubsub);
	table_close(&worker->env.sessions);
	if (worker->env.apart != NULL)
		evbuffer_free(worker->env.apart);
	if (worker->env.receive != NULL)
		os_release(worker->env.receive, BUFFERS_SIZE);
	if (worker->env.base != NULL)
		event_base_free(worker->env.base);
	pthread_mutex_destroy(&worker->lock);
	pthread_mutex_destroy(&worker->env.list_lock);
	free(worker);
}

static bool
make_parts(struct worker *worker)
{
	struct conn_env *env = &worker->env;

	env->base = make_base();
	env->receive = os_reserve(BUFFERS_SIZE);
	env->apart = evbuffer_new();
	if (env->base == NULL || env->receive == NULL || env->apart == NULL ||
	    os_commit(env->receive, BUFFERS_SIZE) == -1)
		return false;
	env->answer = env->receive + CONN_RECEIVE_SIZE;
	fill_env(worker);
	worker->tick = event_new(env->base, -1, 0, tick, worker);
	worker->deadline = event_new(env->base, -1, 0, stop_now, worker);
	return worker->tick != NULL && worker->deadline != NULL &&
	    wakeup_open(&worker->wakeup, env->base, woken, worker) == 0 &&
	    supplies_open(&env->supplies, env->base) == 0;
}

/* Signals are main's: no worker is interrupted by one. */
static int
start_thread(struct worker *worker)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

struct worker *
worker_start(const struct worker_config *config, struct error *error)
{
	struct worker *worker = calloc(1, sizeof *worker);
	int result;

	if (worker == NULL) {
		error_set(error, "out of memory for a worker");
		return NULL;
	}
	worker->config = *config;
	worker->ticked = config->number;
	CHECK(pthread_mutex_init(&worker->lock, NULL) == 0);
	CHECK(pthread_mutex_init(&worker->env.list_lock, NULL) == 0);
	if (!make_parts(worker)) {
		error_set(error, "cannot set up the event loop of worker %u",
		    config->number);
		worker_free(worker);
		return NULL;
	}
	schedule_tick(worker, TICK_MS);
	result = start_thread(worker);
	if (result != 0) {
		error_set(error, "cannot start worker %u: %s",
		    config->number, strerror(result));
		worker_free(worker);
		return NULL;
	}
	return worker;
}

void
worker_give(struct worker *worker, int fd, const struct origin *origin)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->inbox_count == worker->inbox_room) {
		size_t room = worker->inbox_room == 0 ?
		    16 : worker->inbox_room * 2;
		struct given *inbox = realloc(worker->inbox,
		    room * sizeof *inbox);

		if (inbox == NULL) {
			pthread_mutex_unlock(&worker->lock);
			close(fd);
			return;
		}
		worker->inbox = inbox;
		worker->inbox_room = room;
	}
	worker->inbox[worker->inbox_count++] = (struct given){ fd, origin };
	atomic_fetch_add_explicit(&worker->env.counts.current, 1,
	    memory_order_relaxed);
	pthread_mutex_unlock(&worker->lock);
	wakeup_signal(&worker->wakeup);
}

bool
worker_close(struct worker *worker, uint64_t id)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->closing_count == worker->closing_room) {
		size_t room = worker->closing_room == 0 ?
		    16 : worker->closing_room * 2;
		uint64_t *closing = realloc(worker->closing,
		    room * sizeof *closing);

		if (closing == NULL) {
			pthread_mutex_unlock(&worker->lock);
			return false;
		}
		worker->closing = closing;
		worker->closing_room = room;
	}
	worker->closing[worker->closing_count++] = id;
	pthread_mutex_unlock(&worker->lock);
	wakeup_signal(&worker->wakeup);
	return true;
}

bool
worker_visit(struct worker *worker, uint64_t *below, unsigned count,
    void (*visit)(void *, const struct conn_view *), void *context)
{
	return conn_visit(&worker->env, below, count, visit, context);
}

const struct conn_counts *
worker_counts(const struct worker *worker)
{
	return &worker->env.counts;
}

const struct call_counts *
worker_calls(const struct worker *worker)
{
	return worker->env.calls;
}

void
worker_stop(struct worker *worker, unsigned ms)
{
	pthread_mutex_lock(&worker->lock);
	worker->stop_asked = true;
	worker->stop_ms = ms;
	pthread_mutex_unlock(&worker->lock);
	wakeup_signal(&worker->wakeup);
}

void
worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
}
