/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - the time, read once per pass; tests can stop and shift it.
 *
 * Two readings: unix time in milliseconds for expiry, which clients give in
 * wall-clock terms, and a monotonic one for durations. A clock that is all
 * zero shows the system's time. Any thread may read or change it.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct clock {
	_Atomic bool	stopped;
	_Atomic int64_t	stopped_ms;	/* the system's time at that moment */
	_Atomic int64_t	shift_ms;	/* ahead of the system's */
};

/* Milliseconds since 1970-01-01 00:00 UTC. */
int64_t	clock_unix_ms(const struct clock *);

/* Microseconds of the same. */
int64_t	clock_unix_us(const struct clock *);

/* Milliseconds, some ms late, for a fifth of the time; nobody sets this one. */
int64_t	clock_coarse_unix_ms(void);

/* Microseconds since some fixed point, never running backwards. */
int64_t	clock_monotonic_us(void);

/* Nanoseconds of the same. */
int64_t	clock_monotonic_ns(void);

/* Stand still, or go on at the system's time and what it was shifted by. */
void	clock_stop(struct clock *);
void	clock_go_on(struct clock *);

/*
 * Move the clock by `ms`, which may be negative, whether it stands still or
 * not. False: it would be more than CLOCK_SHIFT_MAX away from the system's.
 */
bool	clock_shift(struct clock *, int64_t ms);

#define CLOCK_SHIFT_MAX	((int64_t)1000 * 1000 * 1000 * 1000)	/* 31 years */

#endif
