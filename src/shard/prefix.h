/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * prefix.h - requests counted by what their keys begin with, up to a
 * delimiter.
 *
 * The names of the prefixes are shared by all shards: a table that only
 * grows, so that it is read, and added to, without a lock. The counts are a
 * shard's own, touched by who has entered it. Memory is taken as prefixes
 * come: at most 40 bytes and the name for each, and 64 more for each shard.
 */
#ifndef SHARD_PREFIX_H
#define SHARD_PREFIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "proto/request.h"

/*
 * The most prefixes, and the longest; requests for others are counted as
 * refused.
 */
#define PREFIX_MAX		((uint32_t)1 << 16)
#define PREFIX_LENGTH_MAX	KEY_MAX

/* Names are in slots; a prefix has the number of its slot. */
#define PREFIX_SLOTS	(2 * PREFIX_MAX)

enum prefix_kind {
	PREFIX_HITS,		/* of the gets */
	PREFIX_GETS,
	PREFIX_SETS,
	PREFIX_DELETES,
	PREFIX_KINDS
};

struct prefix_count {
	uint64_t	of[PREFIX_KINDS];
};

struct prefix_names;

/* What a shard counts. */
struct prefix_table {
	struct prefix_names	*names;
	struct prefix_count	*counts;	/* PREFIX_SLOTS of them */
	uint64_t		 refused;	/* requests */
};

/* NULL: no memory. */
struct prefix_names *prefix_names_create(char delimiter, uint64_t seed);
void	prefix_names_destroy(struct prefix_names *);

/* Forget all of them; nobody else uses them now. */
void	prefix_names_clear(struct prefix_names *);

uint32_t prefix_names_count(const struct prefix_names *);

/* The name in a slot. False: there is none. */
bool	prefix_names_get(const struct prefix_names *, uint32_t slot,
	    struct slice *name);

/* -1: no memory. */
int	prefix_table_open(struct prefix_table *, struct prefix_names *);
void	prefix_table_close(struct prefix_table *);
void	prefix_table_clear(struct prefix_table *);

/* A request was answered. Keys without a delimiter are not counted. */
void	prefix_count(struct prefix_table *, const struct request *,
	    enum status);

#endif
