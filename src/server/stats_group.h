/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats_group.h - the functions behind `stats <group>`, and how they write
 * their lines. Private to src/server/.
 */
#ifndef SERVER_STATS_GROUP_H
#define SERVER_STATS_GROUP_H

#include <stdint.h>

#include "server/admin.h"

struct timeval;

/* Where the lines of a stats answer go. */
struct answer {
	struct output		*output;
	const struct request	*request;
	struct source		**source;	/* may be set instead */
};

/* A line that begins with another word than STAT. */
void	stats_LINE(const struct answer *, const char *word,
	    struct slice name, const char *value);

/* Named like the kinds of value in stats.def. */
void	stats_TEXT(const struct answer *, const char *name,
	    const char *value);
void	stats_NUMBER(const struct answer *, const char *name,
	    uint64_t value);
void	stats_SECONDS(const struct answer *, const char *name,
	    struct timeval);

/*
 * Write the lines of a group; what follows it are `words`. When it takes
 * longer, the lines come from a source, and the status is STATUS_NONE.
 */
typedef enum status stats_group(struct admin *, struct slice words,
	    const struct answer *);

/* Remember what lines that count since a reset are now. */
void	stats_general_reset(struct admin *);

#define STATS(name, function, ...)	stats_group function;
#include "server/stats_groups.def"

#endif
