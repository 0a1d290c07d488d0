/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * os.h - what differs between operating systems, and what every Unix has but
 * nobody else should spell out.
 *
 * os_unix.c is always linked, and exactly one of os_linux.c and os_bsd.c. A
 * platform `#if` is allowed in this directory only. This is the lowest layer:
 * it includes nothing of cairn. Functions that fail return -1 or NULL and
 * leave the reason in errno.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Memory by address range. Addresses and sizes are multiples of
 * os_page_size().
 */

/*
 * Set aside a range of addresses that has no memory behind it and must not be
 * touched yet. The caller gives it back with os_release(). NULL: failed.
 */
void	*os_reserve(size_t bytes);

/* Make part of a reserved range readable and writable; it reads as zero. */
int	os_commit(void *, size_t bytes);

/*
 * Give the physical pages of a committed range back. The range stays usable
 * and reads as zero. Memory that is locked is only cleared.
 */
void	os_discard(void *, size_t bytes);

/*
 * Ask for large pages behind a reserved range, where the system has any. It
 * is a wish: nothing fails when there are none.
 */
void	os_want_large_pages(void *, size_t bytes);

/* Give a whole reserved range back, addresses included. */
void	os_release(void *, size_t bytes);

/* Bytes in a page. */
size_t	os_page_size(void);

/*
 * Memory that is part of a file, and stays there when the process ends.
 * Offsets are multiples of os_page_size(), too.
 */

/* Part of an open file as memory; it is given back with os_release(). */
void	*os_map(int fd, size_t offset, size_t bytes);

/*
 * Have room for part of a file set aside, so that writing there does not
 * fail. Where that cannot be done, nothing happens.
 */
int	os_file_commit(int fd, size_t offset, size_t bytes);

/* Give the room back, if that can be done; it may read as zero. */
void	os_file_discard(int fd, size_t offset, size_t bytes);

/*
 * Bytes of memory that this process has resident, its program and libraries
 * included; 0 where the system does not tell.
 */
size_t	os_memory_in_use(void);

/*
 * Lock what this process has and will have in memory, so that it is never
 * paged out. Raises the limit on locked memory; EPERM when it stays finite,
 * for then later allocations would fail.
 */
int	os_lock_memory(void);

/*
 * Threads
 */

/* The number of CPUs this process may run on, at least 1. */
unsigned	os_cpu_count(void);

/* Name the calling thread for ps and debuggers; 15 bytes are shown. */
void	os_thread_name(const char *);

/*
 * Wakeup descriptors: one thread sleeps on fd[0] in its event loop, others
 * wake it through fd[1]. Both may be the same descriptor. Signals that were
 * not cleared yet count as one.
 */

int	os_wakeup_open(int fd[2]);

/* Make fd[0] readable: takes fd[1]. Never blocks, safe in a signal handler. */
void	os_wakeup_signal(int fd);

/* Make fd[0] unreadable again: takes fd[0]. Never blocks. */
void	os_wakeup_clear(int fd);

void	os_wakeup_close(int fd[2]);

/*
 * Time and chance
 */

/* Unix time in ms, some ms late, from the cheapest clock there is. */
int64_t	os_coarse_unix_ms(void);

/* Fill with bytes that nobody can guess. */
int	os_random(void *, size_t bytes);

/*
 * Limits
 */

/*
 * Allow this process `wanted` open files, raising the hard limit if that is
 * necessary and permitted. A higher limit is left alone. `*got` is the limit
 * now in force; -1 when that is less than was wanted.
 */
int	os_raise_file_limit(unsigned long wanted, unsigned long *got);

/*
 * From now on no program that this process starts has more rights than it
 * has, set-user-ID bits or not. Nothing happens where the system has no such
 * promise.
 */
int	os_no_new_privileges(void);

/*
 * Let a crash leave a core file. Call it after changing the user, which may
 * forbid core files again.
 */
int	os_enable_core_dumps(void);

#endif
