/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * alone.h - what a lock asks of the system in its few nanoseconds, inline.
 */
#ifndef OS_ALONE_H
#define OS_ALONE_H

#include <stdbool.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define OS_KNOWS_THREADS
#endif
#endif

/*
 * Is the calling thread the only one of the process, for certain? Then it
 * stays so until it makes another one.
 */
static inline bool
os_alone(void)
{
#ifdef OS_KNOWS_THREADS
	return __libc_single_threaded;
#else
	return false;
#endif
}

/* Tell the CPU that this is a loop which waits for another one. */
static inline void
os_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
