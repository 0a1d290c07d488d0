/* SPDX-License-Identifier: BSD-3-Clause */
/* wakeup.c - see wakeup.h. */
#include "net/wakeup.h"

#include <event2/event.h>

#include "os/os.h"

static void
woken(evutil_socket_t fd, short what, void *context)
{
	struct wakeup *wakeup = context;

	(void)what;
	os_wakeup_clear((int)fd);
	wakeup->run(wakeup->context);
}

int
wakeup_open(struct wakeup *wakeup, struct event_base *base,
    void (*run)(void *), void *context)
{
	wakeup->run = run;
	wakeup->context = context;
	if (os_wakeup_open(wakeup->fd) == -1)
		return -1;
	wakeup->event = event_new(base, wakeup->fd[0], EV_READ | EV_PERSIST,
	    woken, wakeup);
	if (wakeup->event != NULL && event_add(wakeup->event, NULL) == 0)
		return 0;
	wakeup_close(wakeup);
	return -1;
}

void
wakeup_close(struct wakeup *wakeup)
{
	if (wakeup->event != NULL)
		event_free(wakeup->event);
	os_wakeup_close(wakeup->fd);
}

void
wakeup_signal(struct wakeup *wakeup)
{
	os_wakeup_signal(wakeup->fd[1]);
}
