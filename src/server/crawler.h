/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crawler.h - the command lru_crawler: to look for items that are due. What
 * memcached's crawler lists is in listing.h.
 */
#ifndef SERVER_CRAWLER_H
#define SERVER_CRAWLER_H

#include "server/admin.h"

/* Carry out `lru_crawler ...`. */
void	crawler_serve(struct admin *, const struct request *, struct reply *);

/* May it crawl, and list? */
bool	crawler_is_enabled(struct admin *);

#endif
