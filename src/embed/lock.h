/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lock.h - a lock that counts its changes, for a shard's few nanoseconds.
 *
 * Its version is odd while somebody holds it, and another one after each
 * holder; a reader who finds it even and unchanged has read what was true
 * (store_peek()). Taking it is one atomic operation, giving it back none,
 * half of a mutex; in a process with one thread it is not even one. Who has
 * to wait spins, then lets others run, then sleeps: whoever holds it does so
 * for microseconds, unless it was interrupted.
 */
#ifndef EMBED_LOCK_H
#define EMBED_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/racy.h"
#include "os/alone.h"

struct lock {
	_Atomic uint32_t	version;
};

/* The slow half of lock_enter(). */
void	lock_wait(struct lock *);

/* Take it if nobody has it. */
static inline bool
lock_try(struct lock *lock)
{
	uint32_t seen = atomic_load_explicit(&lock->version,
	    memory_order_relaxed);

	return !(seen & 1) && atomic_compare_exchange_strong_explicit(
	    &lock->version, &seen, seen + 1,
	    memory_order_acquire, memory_order_relaxed);
}

/* Nothing that is written from here on shows before the odd version does. */
RACY static inline void
lock_show(void)
{
	atomic_thread_fence(memory_order_release);
}

static inline void
lock_enter(struct lock *lock)
{
	if (os_alone())
		atomic_store_explicit(&lock->version, atomic_load_explicit(
		    &lock->version, memory_order_relaxed) + 1,
		    memory_order_relaxed);
	else if (!lock_try(lock))
		lock_wait(lock);
	lock_show();
}

static inline void
lock_leave(struct lock *lock)
{
	atomic_store_explicit(&lock->version, atomic_load_explicit(
	    &lock->version, memory_order_relaxed) + 1, memory_order_release);
}

#endif
