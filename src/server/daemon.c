/* SPDX-License-Identifier: BSD-3-Clause */
/* daemon.c - see daemon.h. */
#include "server/daemon.h"

#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* The parent's end of the story: exit as the child tells. */
static _Noreturn void
wait_for_child(pid_t child, int ready)
{
	char byte;
	ssize_t got;
	int status;

	do
		got = read(ready, &byte, 1);
	while (got == -1 && errno == EINTR);
	if (got == 1)
		_exit(EXIT_SUCCESS);
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			_exit(EXIT_FAILURE);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ?
	    WEXITSTATUS(status) : EXIT_FAILURE);
}

int
daemon_detach(struct error *err)
{
	int ends[2];
	pid_t child;

	if (pipe(ends) == -1)
		return error_set(err, "pipe: %s", strerror(errno));
	child = fork();
	if (child == -1) {
		error_set(err, "fork: %s", strerror(errno));
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (child > 0) {
		close(ends[1]);
		wait_for_child(child, ends[0]);
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	/* cannot fail: a new child leads no process group */
	setsid();
	return ends[1];
}

int
daemon_ready(int ready, bool keep_stderr, struct error *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1)
		return error_set(err, "/dev/null: %s", strerror(errno));
	if (chdir("/") == -1) {
		error_set(err, "/: %s", strerror(errno));
		goto fail;
	}
	for (int fd = 0; fd < (keep_stderr ? 2 : 3); fd++)
		if (dup2(null, fd) == -1) {
			error_set(err, "dup2: %s", strerror(errno));
			goto fail;
		}
	if (null > 2)
		close(null);
	/* a parent that was killed meanwhile does not concern us */
	if (write(ready, "", 1) == -1 && errno != EPIPE) {
		close(ready);
		return error_set(err, "pipe: %s", strerror(errno));
	}
	close(ready);
	return 0;
fail:
	close(null);
	return -1;
}

int
daemon_write_pid(const char *path, struct error *err)
{
	char new_path[PATH_MAX];
	int fd;
	int written;

	if (snprintf(new_path, sizeof new_path, "%s.new", path) >=
	    (int)sizeof new_path)
		return error_set(err, "%.80s: %s", path,
		    strerror(ENAMETOOLONG));
	unlink(new_path);
	fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1)
		return error_set(err, "%s: %s", new_path, strerror(errno));
	written = dprintf(fd, "%ld\n", (long)getpid());
	if (close(fd) == -1 || written < 0 || rename(new_path, path) == -1) {
		error_set(err, "%s: %s", path, strerror(errno));
		unlink(new_path);
		return -1;
	}
	return 0;
}

void
daemon_remove_pid(const char *path)
{
	unlink(path);
}

int
daemon_drop_user(const char *user, struct error *err)
{
	struct passwd *entry;

	if (getuid() != 0 && geteuid() != 0)
		return 0;
	if (user == NULL)
		return error_set(err, "cannot run as root without -u");
	errno = 0;
	entry = getpwnam(user);
	if (entry == NULL)
		return error_set(err, "user \"%.80s\": %s", user,
		    errno == 0 ? "no such user" : strerror(errno));
	if (initgroups(user, entry->pw_gid) == -1 ||
	    setgid(entry->pw_gid) == -1 || setuid(entry->pw_uid) == -1)
		return error_set(err, "cannot become user \"%.80s\": %s",
		    user, strerror(errno));
	if (entry->pw_uid != 0 && (setuid(0) == 0 || geteuid() == 0))
		return error_set(err, "user \"%.80s\": still root", user);
	return 0;
}
