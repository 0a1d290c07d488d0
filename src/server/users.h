/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * users.h - who may log in: the file of names and passwords, and what they
 * may do.
 *
 * A line is `name:password`; a name has no colon, an empty line is skipped.
 * A line `:name word ...` has rights of that user, see proto/rights.h; several
 * add up, and a user without any may do everything. Used by all workers at
 * once.
 */
#ifndef SERVER_USERS_H
#define SERVER_USERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/siphash.h"
#include "proto/rights.h"

/* Of a line without its end, and so of a name and its password. */
#define USERS_LINE_MAX	1024
#define USERS_FILE_MAX	((size_t)64 << 20)

struct users_table;

struct users {
	char			*path;		/* absolute */
	struct log		*log;
	uint8_t			 key[SIPHASH_KEY];
	pthread_mutex_t		 lock;
	struct users_table	*table;		/* behind the lock */
};

/*
 * Read the file. -1: the words say which line is wrong, there is nothing to
 * close, and the path is NULL.
 */
int	users_open(struct users *, const char *path, struct log *,
	    struct error *);
void	users_close(struct users *);

/* Read it again. -1: those of before stay. */
int	users_reload(struct users *, struct error *);

/*
 * Is there a user of this name with this password? The rights are the
 * caller's to release; NULL: all.
 */
bool	users_know(struct users *, struct slice name, struct slice password,
	    struct rights **);

/* The rights of a user, as above. False: there is no such user. */
bool	users_rights(struct users *, struct slice name, struct rights **);

/* All users, in the order of their names. `visit` is short: others wait. */
void	users_visit(struct users *, void (*visit)(void *context,
	    struct slice name, const struct rights *), void *context);

#endif
