/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * confine.c - what a confined process may and may not do. Each trial is a
 * process of its own, for there is no way back.
 */
#include "os/confine.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

#define PAGE	4096

static void *page;

/* Things to try. They return -1 and leave the reason in errno. */

static int
open_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int
start_a_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	return child == -1 ? -1 : 0;
}

static int
start_a_program(void)
{
	char *words[] = { NULL };

	return execve("/bin/true", words, words);
}

static int
make_memory_executable(void)
{
	return mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int
map_executable_memory(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANON, -1, 0) == MAP_FAILED ? -1 : 0;
}

static int
signal_another_process(void)
{
	return kill(getppid(), 0);
}

static int
change_a_mode(void)
{
	return chmod("/nowhere/file", 0700);
}

static int
become_another_user(void)
{
	return setuid(getuid());
}

static int
use_memory(void)
{
	void *range = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	char *small = malloc(100), *large = malloc(10 << 20);
	int result = range == MAP_FAILED || small == NULL || large == NULL ||
	    mprotect(page, PAGE, PROT_READ) == -1 ||
	    munmap(range, PAGE) == -1 ? -1 : 0;

	free(small);
	free(large);
	return result;
}

static int
read_a_file(void)
{
	char byte;
	int fd = open("/dev/zero", O_RDONLY);
	int result = fd == -1 || read(fd, &byte, 1) != 1 ? -1 : 0;

	return fd != -1 && close(fd) == -1 ? -1 : result;
}

static const struct trial {
	const char	*name;
	int		(*run)(void);
} forbidden[] = {
	{ "open a socket", open_a_socket },
	{ "start a process", start_a_process },
	{ "start a program", start_a_program },
	{ "make memory executable", make_memory_executable },
	{ "map executable memory", map_executable_memory },
	{ "signal another process", signal_another_process },
	{ "change a mode", change_a_mode },
	{ "become another user", become_another_user },
}, permitted[] = {
	{ "use memory", use_memory },
	{ "read a file", read_a_file },
};

#define FORBIDDEN	(sizeof forbidden / sizeof forbidden[0])
#define PERMITTED	(sizeof permitted / sizeof permitted[0])

enum confinement { FREE, RELAXED, DEADLY };

/* What becomes of a trial: 0, a reason, or minus a signal. */
static int
try(const struct trial *trial, enum confinement how)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (how != FREE && os_confine(how == DEADLY) == -1)
			_exit(255);
		_exit(trial->run() == -1 ? errno : 0);
	}
	if (waitpid(child, &status, 0) != child)
		return 254;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
free_processes_can_do_all_this(void)
{
	for (size_t i = 0; i < FORBIDDEN; i++)
		if (forbidden[i].run != change_a_mode)	/* there is no file */
			EXPECT_EQUAL(try(&forbidden[i], FREE), 0);
}

static void
a_forbidden_call_ends_the_process(void)
{
	for (size_t i = 0; i < FORBIDDEN; i++)
		if (!EXPECT_EQUAL(try(&forbidden[i], DEADLY), -SIGSYS))
			printf("# %s\n", forbidden[i].name);
}

static void
a_forbidden_call_fails_when_relaxed(void)
{
	for (size_t i = 0; i < FORBIDDEN; i++)
		if (!EXPECT_EQUAL(try(&forbidden[i], RELAXED), EPERM))
			printf("# %s\n", forbidden[i].name);
}

static void
what_serving_needs_is_permitted(void)
{
	for (size_t i = 0; i < PERMITTED; i++)
		if (!EXPECT_EQUAL(try(&permitted[i], DEADLY), 0))
			printf("# %s\n", permitted[i].name);
}

static int go[2];

static void *
wait_and_open_a_socket(void *context)
{
	char byte;

	(void)context;
	if (read(go[0], &byte, 1) == 1)
		(void)open_a_socket();
	return NULL;
}

/* Confine the process while another thread of it waits. */
static int
offend_in_another_thread(void)
{
	pthread_t thread;

	if (pipe(go) == -1 ||
	    pthread_create(&thread, NULL, wait_and_open_a_socket, NULL) != 0)
		return -1;
	if (os_confine(true) == -1 || write(go[1], "", 1) != 1)
		return -1;
	pthread_join(thread, NULL);
	return 0;
}

static void
threads_that_are_there_are_confined_too(void)
{
	const struct trial trial = { "a thread", offend_in_another_thread };

	EXPECT_EQUAL(try(&trial, FREE), -SIGSYS);
}

static int
stop_by_abort(void)
{
	abort();
}

static void
a_confined_process_can_abort(void)
{
	const struct trial trial = { "abort", stop_by_abort };

	EXPECT_EQUAL(try(&trial, DEADLY), -SIGABRT);
}

/* Is there anything to try? */
static bool
can_confine(void)
{
	static const struct trial nothing = { "nothing", getpid };

	return try(&nothing, DEADLY) == 0;
}

int
main(void)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (!can_confine()) {
		printf("1..0 # SKIP no libseccomp, or no seccomp here\n");
		return 0;
	}
	RUN(free_processes_can_do_all_this);
	RUN(a_forbidden_call_ends_the_process);
	RUN(a_forbidden_call_fails_when_relaxed);
	RUN(what_serving_needs_is_permitted);
	RUN(threads_that_are_there_are_confined_too);
	RUN(a_confined_process_can_abort);
	return tap_done();
}
