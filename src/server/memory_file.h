/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory_file.h - the file that keeps the items when the server ends (-e).
 *
 * FILE is the memory of all shards. FILE.meta, which is written at an orderly
 * end and taken away at the next start, says what is where; without it, or if
 * anything in it is not as this server would have it, FILE is emptied and
 * the server starts cold. So after a crash there is nothing to be misled by.
 */
#ifndef SERVER_MEMORY_FILE_H
#define SERVER_MEMORY_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "shard/route.h"

struct memory_file {
	char			*path;		/* NULL: there is none */
	char			*meta;		/* FILE.meta */
	struct log		*log;
	int			 fd;
	unsigned		 shards;
	struct store_config	 config;	/* of all shards */
	struct store_file	 part;		/* of the first */
};

/*
 * Take the file for this process and open the router with it, warm or cold:
 * `config` is for all shards, and its seed for a cold start. What happened is
 * logged.
 */
int	memory_file_open(struct memory_file *, const char *path,
	    struct router *, unsigned shards, const struct store_config *,
	    int64_t now, struct log *, struct error *);

/* The server has ended, and nobody uses the router: leave all in order. */
void	memory_file_save(const struct memory_file *, const struct router *);

void	memory_file_close(struct memory_file *);

#endif
