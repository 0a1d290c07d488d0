/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * session.h - what a connection that makes calls has agreed on, and the calls
 * about that.
 */
#ifndef NET_SESSION_H
#define NET_SESSION_H

#include <stdint.h>

#include "proto/proto.h"
#include "shard/route.h"

struct session {
	struct router	*router;
	struct codec	*codec;		/* of the connection */
	uint64_t	 id;		/* of the connection, from 1 */
	char		*name;		/* that the client gave itself, or NULL */
};

void	session_open(struct session *, struct router *, struct codec *,
	    uint64_t id);
void	session_close(struct session *);

/*
 * Carry out a call and add its reply. It may set REQUEST_CLOSE: nothing is to
 * follow the reply.
 */
void	session_call(struct session *, struct request *, int64_t now,
	    struct output *, struct journal *);

#endif
