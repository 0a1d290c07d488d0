/* SPDX-License-Identifier: BSD-3-Clause */
/* os_unix.c - the part of os.h that every Unix does the same way. */
#include "os/os.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

/* Where it does not exist, reserving address space costs no swap anyway. */
#ifndef MAP_NORESERVE
#define MAP_NORESERVE	0
#endif

void *
os_reserve(size_t bytes)
{
	void *range = mmap(NULL, bytes, PROT_NONE,
	    MAP_PRIVATE | MAP_ANON | MAP_NORESERVE, -1, 0);

	return range == MAP_FAILED ? NULL : range;
}

int
os_commit(void *range, size_t bytes)
{
	return mprotect(range, bytes, PROT_READ | PROT_WRITE);
}

void
os_release(void *range, size_t bytes)
{
	munmap(range, bytes);
}

void *
os_map(int fd, size_t offset, size_t bytes)
{
	void *range = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, (off_t)offset);

	return range == MAP_FAILED ? NULL : range;
}

size_t
os_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int
os_random(void *out, size_t bytes)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd == -1)
		return -1;
	got = read(fd, out, bytes);
	close(fd);
	if (got == (ssize_t)bytes)
		return 0;
	errno = EIO;
	return -1;
}

int
os_lock_memory(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	/* Root may; the right stays when the user changes later. */
	(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	if (getrlimit(RLIMIT_MEMLOCK, &limit) == -1)
		return -1;
	if (limit.rlim_cur != RLIM_INFINITY) {
		errno = EPERM;
		return -1;
	}
	return mlockall(MCL_CURRENT | MCL_FUTURE);
}

static unsigned long
limit_number(rlim_t limit)
{
	return limit == RLIM_INFINITY || limit > ULONG_MAX ?
	    ULONG_MAX : (unsigned long)limit;
}

int
os_raise_file_limit(unsigned long wanted, unsigned long *got)
{
	struct rlimit limit, higher;

	*got = 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	*got = limit_number(limit.rlim_cur);
	if (*got >= wanted)
		return 0;
	higher.rlim_cur = wanted;
	higher.rlim_max = limit_number(limit.rlim_max) >= wanted ?
	    limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &higher) == -1) {
		/* Not permitted: take all there is. */
		higher.rlim_cur = higher.rlim_max = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &higher) == -1)
			return -1;
	}
	*got = limit_number(higher.rlim_cur);
	if (*got >= wanted)
		return 0;
	errno = EPERM;
	return -1;
}
