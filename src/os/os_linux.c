/* SPDX-License-Identifier: BSD-3-Clause */
/* os_linux.c - the part of os.h that only Linux does this way. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* sched_getaffinity, fallocate, ... */
#endif

#include "os/os.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* TASK_COMM_LEN of the kernel, NUL included. */
#define THREAD_NAME_SIZE	16

/* More CPUs than any kernel is built for. */
#define CPUS_LIMIT		(1 << 20)

void
os_discard(void *range, size_t bytes)
{
	/* The kernel refuses this for locked pages; they stay, but cleared. */
	if (madvise(range, bytes, MADV_DONTNEED) == -1)
		memset(range, 0, bytes);
}

void
os_want_large_pages(void *range, size_t bytes)
{
	(void)madvise(range, bytes, MADV_HUGEPAGE);
}

int
os_file_commit(int fd, size_t offset, size_t bytes)
{
	int failed;

	do
		failed = fallocate(fd, 0, (off_t)offset, (off_t)bytes);
	while (failed == -1 && errno == EINTR);
	/* Not every file system can. */
	return failed == -1 && errno != EOPNOTSUPP && errno != ENOSYS ?
	    -1 : 0;
}

void
os_file_discard(int fd, size_t offset, size_t bytes)
{
	(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)offset, (off_t)bytes);
}

size_t
os_memory_in_use(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t total, resident;
	int got;

	if (file == NULL)
		return 0;
	got = fscanf(file, "%zu %zu", &total, &resident);
	fclose(file);
	return got == 2 ? resident * os_page_size() : 0;
}

static unsigned
cpus_online(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (unsigned)count;
}

unsigned
os_cpu_count(void)
{
	/* EINVAL: the kernel knows more CPUs than the set has room for. */
	for (int room = CPU_SETSIZE; room <= CPUS_LIMIT; room *= 2) {
		size_t size = CPU_ALLOC_SIZE(room);
		cpu_set_t *set = CPU_ALLOC(room);
		int failed, reason, count = 0;

		if (set == NULL)
			break;
		failed = sched_getaffinity(0, size, set);
		reason = errno;
		if (!failed)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return (unsigned)count;
		if (!failed || reason != EINVAL)
			break;
	}
	return cpus_online();
}

void
os_thread_name(const char *name)
{
	char shown[THREAD_NAME_SIZE];

	/* A longer name would be refused, not cut. */
	snprintf(shown, sizeof shown, "%s", name);
	pthread_setname_np(pthread_self(), shown);
}

int64_t
os_coarse_unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
os_wakeup_open(int fd[2])
{
	fd[0] = fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd[0] == -1 ? -1 : 0;
}

void
os_wakeup_signal(int fd)
{
	const uint64_t one = 1;
	int saved = errno;

	/* EAGAIN: signalled 2^64 - 2 times already, so readable. */
	while (write(fd, &one, sizeof one) == -1 && errno == EINTR)
		continue;
	errno = saved;
}

void
os_wakeup_clear(int fd)
{
	uint64_t count;

	/* EAGAIN: nobody signalled. */
	while (read(fd, &count, sizeof count) == -1 && errno == EINTR)
		continue;
}

void
os_wakeup_close(int fd[2])
{
	if (fd[0] != -1)
		close(fd[0]);
	fd[0] = fd[1] = -1;
}

int
os_no_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int
os_enable_core_dumps(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	if (setrlimit(RLIMIT_CORE, &limit) == -1) {
		if (getrlimit(RLIMIT_CORE, &limit) == -1)
			return -1;
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_CORE, &limit) == -1)
			return -1;
		if (limit.rlim_cur == 0) {
			errno = EPERM;
			return -1;
		}
	}
	/* Changing the user has cleared this. */
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
