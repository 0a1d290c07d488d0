/* SPDX-License-Identifier: BSD-3-Clause */
/* os_bsd.c - the part of os.h as the BSDs and macOS do it. */
#include "os/os.h"

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#if defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
#include <pthread_np.h>
#endif
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void
os_discard(void *range, size_t bytes)
{
	/*
	 * MADV_DONTNEED keeps the contents here and MADV_FREE may keep them
	 * for a while: only a fresh mapping in the same place reads as zero.
	 */
	if (mmap(range, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0) == MAP_FAILED)
		memset(range, 0, bytes);
}

void
os_want_large_pages(void *range, size_t bytes)
{
	/* These systems promote to superpages by themselves, or never. */
	(void)range;
	(void)bytes;
}

int
os_file_commit(int fd, size_t offset, size_t bytes)
{
	(void)fd;
	(void)offset;
	(void)bytes;
	return 0;
}

void
os_file_discard(int fd, size_t offset, size_t bytes)
{
	(void)fd;
	(void)offset;
	(void)bytes;
}

size_t
os_memory_in_use(void)
{
	return 0;
}

unsigned
os_cpu_count(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (unsigned)count;
}

void
os_thread_name(const char *name)
{
#if defined(__APPLE__)
	pthread_setname_np(name);
#elif defined(__NetBSD__)
	pthread_setname_np(pthread_self(), "%s", (void *)(uintptr_t)name);
#elif defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
	pthread_set_name_np(pthread_self(), name);
#else
	(void)name;
#endif
}

int64_t
os_coarse_unix_ms(void)
{
	struct timespec now;

#if defined(CLOCK_REALTIME_FAST)
	clock_gettime(CLOCK_REALTIME_FAST, &now);
#else
	clock_gettime(CLOCK_REALTIME, &now);
#endif
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* pipe(2) and not pipe2(2), which macOS does not have. */
int
os_wakeup_open(int fd[2])
{
	if (pipe(fd) == -1) {
		fd[0] = fd[1] = -1;
		return -1;
	}
	for (int i = 0; i < 2; i++) {
		int flags = fcntl(fd[i], F_GETFL);

		if (flags == -1 ||
		    fcntl(fd[i], F_SETFL, flags | O_NONBLOCK) == -1 ||
		    fcntl(fd[i], F_SETFD, FD_CLOEXEC) == -1)
			goto fail;
	}
	return 0;
fail:
	os_wakeup_close(fd);
	return -1;
}

void
os_wakeup_signal(int fd)
{
	int saved = errno;

	/* EAGAIN: the pipe is full, so readable. */
	while (write(fd, "", 1) == -1 && errno == EINTR)
		continue;
	errno = saved;
}

void
os_wakeup_clear(int fd)
{
	char bytes[256];
	ssize_t got;

	do
		got = read(fd, bytes, sizeof bytes);
	while (got == (ssize_t)sizeof bytes || (got == -1 && errno == EINTR));
}

void
os_wakeup_close(int fd[2])
{
	int saved = errno;

	for (int i = 0; i < 2; i++) {
		if (fd[i] != -1)
			close(fd[i]);
		fd[i] = -1;
	}
	errno = saved;
}

int
os_no_new_privileges(void)
{
	return 0;
}

int
os_enable_core_dumps(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) == -1)
		return -1;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_CORE, &limit) == -1)
		return -1;
	if (limit.rlim_cur == 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}
