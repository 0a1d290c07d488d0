/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mail.h - what a thread has for the clients of a worker.
 *
 * Each worker has a box of letters, in the order in which they were posted.
 * Anybody may post one; the worker takes all that are there when it is woken,
 * or earlier when their order with something else matters. To post takes no
 * system call, so it may be done within a shard: mail_wake() comes behind.
 *
 *   thread ──┐
 *   thread ──┴── post ── box ── take ── worker ── its connections
 *
 * Boxes are bounded by those who post: they ask how full one is.
 */
#ifndef SHARD_MAIL_H
#define SHARD_MAIL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct letter {
	struct letter	*next;
	size_t		 size;		/* bytes that it holds, about */
	/* Called by its worker, which it belongs to then; NULL: by nobody. */
	void		(*open)(struct letter *, void *worker);
};

struct mail_box {
	_Alignas(64) pthread_mutex_t lock;
	struct letter	*first, **end;	/* behind the lock */
	void		(*wake)(void *context);
	void		*context;
	_Atomic size_t	 bytes;
	_Atomic bool	 unwoken;	/* has letters that nobody told of */
	_Atomic bool	 lost;		/* there were more */
};

struct mail {
	struct mail_box	*boxes;
	unsigned	 count;
};

/* From so many bytes on, who can wait does; beyond that nothing is taken. */
#define MAIL_FULL	((size_t)8 << 20)
#define MAIL_MAX	((size_t)64 << 20)

/* A box for each worker. False: out of memory. */
bool	mail_open(struct mail *, unsigned count);
void	mail_close(struct mail *);

/* From its thread: a worker says how it is woken, before there is a letter. */
void	mail_attach(struct mail *, unsigned worker,
	    void (*wake)(void *context), void *context);

void	mail_post(struct mail *, unsigned worker, struct letter *);

/* There was no room, or no memory, for a letter; does the worker know? */
void	mail_lose(struct mail *, unsigned worker);
bool	mail_take_lost(struct mail *, unsigned worker);

/* Wake those who have letters and do not know. */
void	mail_wake(struct mail *);

/*
 * Take all letters, a list, after mail_take_lost(); and open such a list one
 * by one.
 */
struct letter *mail_take(struct mail *, unsigned worker);
void	mail_read(struct letter *, void *worker);

/* Bytes that wait in a box; is any box full? */
static inline size_t
mail_bytes(const struct mail *mail, unsigned worker)
{
	return atomic_load_explicit(&mail->boxes[worker].bytes,
	    memory_order_relaxed);
}

bool	mail_is_full(const struct mail *);

#endif
