/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine_seccomp.c - confine.h with a filter of Linux's seccomp.
 *
 * The lists name what is needed from the first client to the last file that
 * is removed, by the C library, the allocator, libevent and OpenSSL as well.
 * Names that this system's kernel does not have are passed over.
 */
#include "os/confine.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <unistd.h>

/* Whatever their arguments are. */
static const char *const allowed[] = {
	/* clients */
	"accept", "accept4", "getpeername", "getsockname", "getsockopt",
	"read", "readv", "recvfrom", "recvmsg", "sendmsg", "sendto",
	"setsockopt", "shutdown", "write", "writev",
	/* event loops */
	"epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
	"epoll_wait", "poll", "ppoll",
	/* memory */
	"brk", "fallocate", "madvise", "munmap", "mremap",
	/* threads that are there, to their end */
	"exit", "exit_group", "futex", "futex_time64", "get_robust_list",
	"getcpu", "gettid", "membarrier", "rseq", "sched_getaffinity",
	"sched_yield", "set_robust_list",
	/* time, chance, counters of resources, the name of the system */
	"clock_getres", "clock_gettime", "clock_gettime64", "clock_nanosleep",
	"clock_nanosleep_time64", "getpid", "getrandom", "getrusage",
	"gettimeofday", "nanosleep", "restart_syscall", "sysinfo", "time",
	"uname",
	/* signals */
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaction",
	"sigaltstack", "sigprocmask", "sigreturn",
	/* files that are read again, the pid file, descriptors of a daemon */
	"_llseek", "access", "chdir", "close", "dup", "dup2", "dup3",
	"faccessat", "faccessat2", "fcntl", "fcntl64", "fstat", "fstat64",
	"fstatat64", "geteuid", "getegid", "getgid", "getuid", "lseek",
	"lstat", "lstat64", "newfstatat", "open", "openat", "rename",
	"renameat", "renameat2", "stat", "stat64", "statx", "unlink",
	"unlinkat",
};

/* Only when an argument is this, or has no such bits. */
static const struct conditional {
	const char		*name;
	struct scmp_arg_cmp	 condition;
} conditionals[] = {
	{ "mmap", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ "mmap2", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ "mprotect", { 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0 } },
	{ "ioctl", { 1, SCMP_CMP_EQ, FIONREAD, 0 } },
	{ "prctl", { 0, SCMP_CMP_EQ, PR_SET_NAME, 0 } },
};

static int
allow(scmp_filter_ctx filter, const char *name,
    const struct scmp_arg_cmp *condition)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number == __NR_SCMP_ERROR)
		return 0;	/* newer than our libseccomp */
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number,
	    condition != NULL, condition);
}

/* Words of the C library end with abort(3): a signal to ourselves. */
static int
allow_abort(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp self = {
		0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0,
	};

	return allow(filter, "tgkill", &self);
}

static int
fill(scmp_filter_ctx filter)
{
	int result = allow_abort(filter);

	for (size_t i = 0;
	    result == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
		result = allow(filter, allowed[i], NULL);
	for (size_t i = 0; result == 0 &&
	    i < sizeof conditionals / sizeof conditionals[0]; i++)
		result = allow(filter, conditionals[i].name,
		    &conditionals[i].condition);
	return result;
}

int
os_confine(bool deadly)
{
	scmp_filter_ctx filter = seccomp_init(
	    deadly ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
	int result;

	if (filter == NULL) {
		errno = ENOSYS;
		return -1;
	}
	/* All threads, not the calling one alone. */
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = fill(filter);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result == 0)
		return 0;
	errno = result == -EOPNOTSUPP ? ENOSYS : -result;
	return -1;
}
