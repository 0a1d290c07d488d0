/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * schedule.h - when requests of an open loop are due, whatever the server
 * does: at an even rate, at random as a Poisson process, or climbing evenly
 * from one rate to another. Times are nanoseconds.
 */
#ifndef LOAD_SCHEDULE_H
#define LOAD_SCHEDULE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/keys.h"

/* Requests a second. */
struct rate {
	double	from, to;
};

struct schedule {
	struct rate	rate;
	bool		poisson;
	double		begin, length;	/* length 0: the rate stays */
	double		next;		/* when the next one is due */
};

static inline double
schedule_interval(struct schedule *schedule, struct random *random)
{
	double gone = schedule->length == 0 ? 0 :
	    (schedule->next - schedule->begin) / schedule->length;
	double rate = schedule->rate.from +
	    (schedule->rate.to - schedule->rate.from) *
	    (gone < 0 ? 0 : gone > 1 ? 1 : gone);

	return 1e9 / rate *
	    (schedule->poisson ? -log(1 - pick_share(random)) : 1);
}

/* When the next one is due; the one behind it comes up. */
static inline int64_t
schedule_take(struct schedule *schedule, struct random *random)
{
	int64_t due = (int64_t)schedule->next;

	schedule->next += schedule_interval(schedule, random);
	return due;
}

#endif
