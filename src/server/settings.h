/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * settings.h - the options as they are now: some of them commands change.
 *
 * Those are read and written behind a lock; the others, and all texts, are as
 * main() has them.
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include <pthread.h>

#include "server/options.h"

struct settings {
	pthread_mutex_t	lock;
	struct options	now;
};

/* The texts are borrowed from the options. */
void	settings_open(struct settings *, const struct options *);
void	settings_close(struct settings *);

/* All of them at one moment. */
void	settings_copy(struct settings *, struct options *);

/* Until settings_unlock() they are the caller's. */
struct options	*settings_lock(struct settings *);
void		 settings_unlock(struct settings *);

#endif
