/* SPDX-License-Identifier: BSD-3-Clause */
/* redis.h - calls of RESP clients about the whole server. */
#ifndef SERVER_REDIS_H
#define SERVER_REDIS_H

#include "net/session.h"
#include "server/admin.h"

/* Carry out a call of scope SERVER; by any worker. */
void	redis_serve(struct admin *, struct session_call *);

/* A call took so long. */
void	redis_note_slow(struct admin *, const struct session_call *,
	    int64_t us);

/* Let counts of calls begin at 0 again. */
void	redis_reset_calls(struct admin *);

/* Free what calls have left. */
void	redis_close(struct admin *);

#endif
