/* SPDX-License-Identifier: BSD-3-Clause */
/* mail.c - see mail.h. */
#include "shard/mail.h"

#include <stdlib.h>

#include "base/check.h"

bool
mail_open(struct mail *mail, unsigned count)
{
	mail->boxes = aligned_alloc(_Alignof(struct mail_box),
	    count * sizeof *mail->boxes);
	if (mail->boxes == NULL)
		return false;
	mail->count = count;
	for (unsigned i = 0; i < count; i++) {
		struct mail_box *box = &mail->boxes[i];

		*box = (struct mail_box){ .end = &box->first };
		CHECK(pthread_mutex_init(&box->lock, NULL) == 0);
	}
	return true;
}

void
mail_close(struct mail *mail)
{
	for (unsigned i = 0; i < mail->count; i++) {
		mail_read(mail_take(mail, i), NULL);
		pthread_mutex_destroy(&mail->boxes[i].lock);
	}
	free(mail->boxes);
	*mail = (struct mail){ .count = 0 };
}

void
mail_attach(struct mail *mail, unsigned worker, void (*wake)(void *),
    void *context)
{
	mail->boxes[worker].wake = wake;
	mail->boxes[worker].context = context;
}

void
mail_post(struct mail *mail, unsigned worker, struct letter *letter)
{
	struct mail_box *box = &mail->boxes[worker];

	letter->next = NULL;
	pthread_mutex_lock(&box->lock);
	/* Who posted the first one wakes the worker. */
	if (box->first == NULL)
		box->unwoken = true;
	*box->end = letter;
	box->end = &letter->next;
	box->bytes += letter->size;
	pthread_mutex_unlock(&box->lock);
}

void
mail_lose(struct mail *mail, unsigned worker)
{
	mail->boxes[worker].lost = true;
	mail->boxes[worker].unwoken = true;
}

bool
mail_take_lost(struct mail *mail, unsigned worker)
{
	return atomic_load_explicit(&mail->boxes[worker].lost,
	    memory_order_relaxed) &&
	    atomic_exchange(&mail->boxes[worker].lost, false);
}

void
mail_wake(struct mail *mail)
{
	for (unsigned i = 0; i < mail->count; i++) {
		struct mail_box *box = &mail->boxes[i];

		if (atomic_load_explicit(&box->unwoken,
		    memory_order_relaxed) &&
		    atomic_exchange(&box->unwoken, false))
			box->wake(box->context);
	}
}

struct letter *
mail_take(struct mail *mail, unsigned worker)
{
	struct mail_box *box = &mail->boxes[worker];
	struct letter *letters;

	pthread_mutex_lock(&box->lock);
	letters = box->first;
	box->first = NULL;
	box->end = &box->first;
	box->bytes = 0;
	box->unwoken = box->lost;
	pthread_mutex_unlock(&box->lock);
	return letters;
}

void
mail_read(struct letter *letters, void *worker)
{
	while (letters != NULL) {
		struct letter *next = letters->next;

		letters->open(letters, worker);
		letters = next;
	}
}

bool
mail_is_full(const struct mail *mail)
{
	for (unsigned i = 0; i < mail->count; i++)
		if (mail_bytes(mail, i) >= MAIL_FULL)
			return true;
	return false;
}
