/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - see clock.h. */
#include "base/clock.h"

#include <time.h>

#include "os/os.h"

static int64_t
system_unix_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
system_unix_ms(void)
{
	return system_unix_us() / 1000;
}

/* Each field stands for itself, so they need not be read at one moment. */
int64_t
clock_unix_ms(const struct clock *clock)
{
	int64_t shift = atomic_load_explicit(&clock->shift_ms,
	    memory_order_relaxed);

	if (atomic_load_explicit(&clock->stopped, memory_order_acquire))
		return clock->stopped_ms + shift;
	return system_unix_ms() + shift;
}

int64_t
clock_unix_us(const struct clock *clock)
{
	if (atomic_load_explicit(&clock->stopped, memory_order_acquire))
		return clock_unix_ms(clock) * 1000;
	return system_unix_us() + 1000 *
	    atomic_load_explicit(&clock->shift_ms, memory_order_relaxed);
}

int64_t
clock_coarse_unix_ms(void)
{
	return os_coarse_unix_ms();
}

int64_t
clock_monotonic_us(void)
{
	return clock_monotonic_ns() / 1000;
}

int64_t
clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
clock_stop(struct clock *clock)
{
	if (!clock->stopped)
		clock->stopped_ms = system_unix_ms();
	clock->stopped = true;
}

void
clock_go_on(struct clock *clock)
{
	clock->stopped = false;
}

bool
clock_shift(struct clock *clock, int64_t ms)
{
	int64_t before = clock->shift_ms;

	do {
		if (ms > CLOCK_SHIFT_MAX - before ||
		    ms < -CLOCK_SHIFT_MAX - before)
			return false;
	} while (!atomic_compare_exchange_weak(&clock->shift_ms, &before,
	    before + ms));
	return true;
}
