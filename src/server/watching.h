/* SPDX-License-Identifier: BSD-3-Clause */
/* watching.h - the words of `watch`. */
#ifndef SERVER_WATCHING_H
#define SERVER_WATCHING_H

#include "server/admin.h"

/* Carry out `watch [kind ...]`; lines about these are the reply's source. */
void	watching_serve(struct admin *, const struct request *,
	    struct reply *);

#endif
