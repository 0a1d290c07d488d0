/* SPDX-License-Identifier: BSD-3-Clause */
/* path.c - see path.h. */
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
path_absolute(const char *path)
{
	char directory[PATH_MAX];
	char *absolute;
	size_t room;

	if (*path == '/')
		return strdup(path);
	if (getcwd(directory, sizeof directory) == NULL)
		return NULL;
	room = strlen(directory) + 1 + strlen(path) + 1;
	absolute = malloc(room);
	if (absolute != NULL)
		snprintf(absolute, room, "%s/%s", directory, path);
	return absolute;
}
