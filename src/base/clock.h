/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clock.h - the time, read once per pass and settable by tests.
 *
 * Two readings: unix time in milliseconds for expiry, which clients give in
 * wall-clock terms, and a monotonic one for durations. A clock that a test
 * has set stands still until it is set or advanced again.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct clock {
	bool	set;		/* by a test: `unix_ms` is the time */
	int64_t	unix_ms;
};

/* Milliseconds since 1970-01-01 00:00 UTC. */
int64_t	clock_unix_ms(const struct clock *);

/* The same, some ms late, for a fifth of the time; nobody sets this one. */
int64_t	clock_coarse_unix_ms(void);

/* Microseconds since some fixed point, never running backwards. */
int64_t	clock_monotonic_us(void);

/* From now on the clock shows `unix_ms` and stands still. */
void	clock_set(struct clock *, int64_t unix_ms);

/* Move a clock that was set by `ms`. */
void	clock_advance(struct clock *, int64_t ms);

#endif
