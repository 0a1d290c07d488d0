/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session_multi.h - transactions: the calls that wait for EXEC, and the keys
 * that must not change until then. Private to src/net/session*.c.
 */
#ifndef NET_SESSION_MULTI_H
#define NET_SESSION_MULTI_H

#include "net/session_calls.h"

/* Is this call to wait for EXEC, rather than to be carried out now? */
bool	multi_defers(const struct session *, const struct call_row *);

/* Let it wait; the reply says so. */
void	multi_queue(struct session_call *);

/* A call was refused: where one would have waited, none is carried out. */
void	multi_refused(struct session_call *);

/* Forget transaction and keys, as if there never was one. */
void	multi_reset(struct session *);
void	multi_free(struct session *);

session_function	multi_begin, multi_discard, multi_exec, multi_unwatch,
	    multi_watch;

#endif
