/* SPDX-License-Identifier: BSD-3-Clause */
/* supply.c - see supply.h. */
#include "net/supply.h"

#include <sys/time.h>

#include <stdlib.h>

#include <event2/event.h>

#include "base/check.h"
#include "base/output.h"

/*
 * The slices of one turn: as much as a socket takes at once, or as many as
 * may come to nothing.
 */
#define TURN_OUTPUT	((size_t)64 << 10)
#define TURN_SLICES	16

/* How long SOURCE_SOON is. */
#define SOON_MS		5

struct supply {
	struct supplies	*supplies;
	struct source	*source;
	struct event	*timer;
	void		(*due)(void *context);
	void		*context;
	/* Behind the lock: a list that `link` points into, or NULL. */
	struct supply	*next, **link;
};

static void
push(struct supply **list, struct supply *supply)
{
	supply->link = list;
	supply->next = *list;
	if (supply->next != NULL)
		supply->next->link = &supply->next;
	*list = supply;
}

static void
unlink_supply(struct supply *supply)
{
	*supply->link = supply->next;
	if (supply->next != NULL)
		supply->next->link = supply->link;
	supply->link = NULL;
}

/* The next one of a list that only this thread adds to; NULL: none. */
static struct supply *
pop(struct supplies *supplies, struct supply **list)
{
	struct supply *supply;

	pthread_mutex_lock(&supplies->lock);
	supply = *list;
	if (supply != NULL)
		unlink_supply(supply);
	pthread_mutex_unlock(&supplies->lock);
	return supply;
}

/* Those that were woken until now; one that is woken again waits. */
static void
run_woken(void *context)
{
	struct supplies *supplies = context;
	struct supply *turn = NULL, *supply;

	pthread_mutex_lock(&supplies->lock);
	while ((supply = supplies->woken) != NULL) {
		unlink_supply(supply);
		push(&turn, supply);
	}
	pthread_mutex_unlock(&supplies->lock);
	while ((supply = pop(supplies, &turn)) != NULL)
		supply->due(supply->context);
}

int
supplies_open(struct supplies *supplies, struct event_base *base)
{
	*supplies = (struct supplies){ .woken = NULL };
	if (wakeup_open(&supplies->wakeup, base, run_woken, supplies) == -1)
		return -1;
	supplies->base = base;
	CHECK(pthread_mutex_init(&supplies->lock, NULL) == 0);
	return 0;
}

void
supplies_close(struct supplies *supplies)
{
	pthread_mutex_destroy(&supplies->lock);
	wakeup_close(&supplies->wakeup);
}

/* From any thread. */
static void
wake(void *context)
{
	struct supply *supply = context;
	struct supplies *supplies = supply->supplies;
	bool first;

	pthread_mutex_lock(&supplies->lock);
	first = supplies->woken == NULL;
	if (supply->link == NULL)
		push(&supplies->woken, supply);
	pthread_mutex_unlock(&supplies->lock);
	if (first)
		wakeup_signal(&supplies->wakeup);
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
	struct supply *supply = context;

	(void)fd;
	(void)what;
	supply->due(supply->context);
}

struct supply *
supply_open(struct supplies *supplies, struct source *source,
    void (*due)(void *), void *context)
{
	struct supply *supply = calloc(1, sizeof *supply);

	if (supply == NULL)
		goto fail;
	supply->timer = event_new(supplies->base, -1, 0, on_timer, supply);
	if (supply->timer == NULL)
		goto fail;
	supply->supplies = supplies;
	supply->source = source;
	supply->due = due;
	supply->context = context;
	source->wake = wake;
	source->wake_context = supply;
	return supply;
fail:
	free(supply);
	source->close(source);
	return NULL;
}

void
supply_close(struct supply *supply)
{
	/* After this nobody wakes it. */
	supply->source->close(supply->source);
	pthread_mutex_lock(&supply->supplies->lock);
	if (supply->link != NULL)
		unlink_supply(supply);
	pthread_mutex_unlock(&supply->supplies->lock);
	event_free(supply->timer);
	free(supply);
}

bool
supply_is_deaf(const struct supply *supply)
{
	return supply->source->deaf;
}

enum source_state
supply_produce(struct supply *supply, struct output *output)
{
	struct source *source = supply->source;
	enum source_state state = SOURCE_MORE;

	for (unsigned n = 0; n < TURN_SLICES && state == SOURCE_MORE &&
	    output_length(output) < TURN_OUTPUT; n++)
		state = source->produce(source, output);
	return state;
}

void
supply_schedule(struct supply *supply, enum source_state state)
{
	struct timeval delay = { 0, 0 };

	if (state == SOURCE_WAIT)
		return;
	if (state == SOURCE_SOON)
		delay.tv_usec = SOON_MS * 1000;
	event_add(supply->timer, &delay);
}
