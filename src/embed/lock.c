/* SPDX-License-Identifier: BSD-3-Clause */
/* lock.c - see lock.h. */
#include "embed/lock.h"

#include <sched.h>
#include <time.h>

/* How often to spin, then to let others run, before sleeping. */
#define SPINS	200
#define YIELDS	200
#define SLEEP	50000		/* ns */

void
lock_wait(struct lock *lock)
{
	const struct timespec sleep = { .tv_nsec = SLEEP };

	for (unsigned tries = 0; !lock_try(lock); tries++) {
		if (tries < SPINS)
			os_relax();
		else if (tries < SPINS + YIELDS)
			sched_yield();
		else
			nanosleep(&sleep, NULL);
	}
}
