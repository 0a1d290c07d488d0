/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wakeup.h - one thread makes another's event loop run a function.
 *
 * The only way in which threads reach each other's event loops: bases have
 * no locks (EVENT_BASE_FLAG_NOLOCK).
 */
#ifndef NET_WAKEUP_H
#define NET_WAKEUP_H

struct event;
struct event_base;

struct wakeup {
	int		 fd[2];
	struct event	*event;
	void		(*run)(void *context);
	void		*context;
};

/* `run` is called in the thread of `base` after each signal, or several. */
int	wakeup_open(struct wakeup *, struct event_base *base,
	    void (*run)(void *context), void *context);
void	wakeup_close(struct wakeup *);

/* From any thread, or a signal handler. */
void	wakeup_signal(struct wakeup *);

#endif
