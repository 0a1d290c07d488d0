/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cairnd-counted.c - lets a server tell how often it called the allocator.
 *
 * With CAIRN_ALLOCATIONS set to the path of a file, SIGWINCH appends a line
 * to it: the calls of all threads so far. Where a sanitizer brings its own
 * allocator the line is "none".
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "allocator.h"

static int out = -1;

static void
tell(int signal)
{
	char line[24] = "none\n";
	size_t at = sizeof line;

	(void)signal;
	if (ALLOCATOR_COUNTS) {
		uint64_t calls = allocator_calls;

		line[--at] = '\n';
		do {
			line[--at] = (char)('0' + calls % 10);
			calls /= 10;
		} while (calls > 0);
		(void)!write(out, line + at, sizeof line - at);
	} else {
		(void)!write(out, line, 5);
	}
}

static void __attribute__((constructor))
begin(void)
{
	const char *path = getenv("CAIRN_ALLOCATIONS");
	struct sigaction action = { .sa_handler = tell };

	if (path == NULL)
		return;
	out = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	sigaction(SIGWINCH, &action, NULL);
}
