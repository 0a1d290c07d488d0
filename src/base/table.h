/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * table.h - a hash table of what its user owns: each thing has a node in it.
 *
 * Buckets are lists of nodes, so nothing is allocated to add one but, now and
 * then, twice the buckets; when there is no memory for those, lists are longer.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_node {
	struct table_node	*next;
	uint64_t		 hash;
};

/* Zeros are an empty table. */
struct table {
	struct table_node	**buckets;
	size_t			 size;		/* a power of two, or 0 */
	size_t			 count;
};

/* False: there is no memory for the first buckets. */
bool	table_add(struct table *, struct table_node *, uint64_t hash);
void	table_remove(struct table *, struct table_node *);

/* The nodes with a hash: the first, and the one behind; NULL: no more. */
struct table_node *table_first(const struct table *, uint64_t hash);
struct table_node *table_next(const struct table_node *);

/* All nodes: the first, and the one behind. Nothing is added meanwhile. */
struct table_node *table_begin(const struct table *);
struct table_node *table_behind(const struct table *,
	    const struct table_node *);

/* It is empty. */
void	table_close(struct table *);

#endif
