/* SPDX-License-Identifier: BSD-3-Clause */
/* settings.c - see settings.h. */
#include "server/settings.h"

#include "base/check.h"

void
settings_open(struct settings *settings, const struct options *options)
{
	settings->now = *options;
	CHECK(pthread_mutex_init(&settings->lock, NULL) == 0);
}

void
settings_close(struct settings *settings)
{
	pthread_mutex_destroy(&settings->lock);
}

void
settings_copy(struct settings *settings, struct options *copy)
{
	*copy = *settings_lock(settings);
	settings_unlock(settings);
}

struct options *
settings_lock(struct settings *settings)
{
	pthread_mutex_lock(&settings->lock);
	return &settings->now;
}

void
settings_unlock(struct settings *settings)
{
	pthread_mutex_unlock(&settings->lock);
}
