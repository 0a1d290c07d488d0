/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - see clock.h. */
#include "base/clock.h"

#include <time.h>

#include "os/os.h"

int64_t
clock_unix_ms(const struct clock *clock)
{
	struct timespec now;

	if (clock->set)
		return clock->unix_ms;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_coarse_unix_ms(void)
{
	return os_coarse_unix_ms();
}

int64_t
clock_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
clock_set(struct clock *clock, int64_t unix_ms)
{
	clock->set = true;
	clock->unix_ms = unix_ms;
}

void
clock_advance(struct clock *clock, int64_t ms)
{
	clock->unix_ms += ms;
}
