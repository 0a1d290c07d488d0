/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gate.h - what clients have to pass before they may do anything else.
 *
 * A connection with a gate asks it about each request until the gate lets the
 * client in, and about each later request to log in. Before that, `codec`
 * bounds what the client can make the connection hold.
 */
#ifndef NET_GATE_H
#define NET_GATE_H

#include "proto/proto.h"

/* How far a client has come. */
struct gate_visit {
	bool	inside;		/* may do what it likes */
	bool	begun;		/* is in the middle of logging in */
	bool	refused;	/* a call was the wrong way to log in */
};

struct gate {
	struct codec_config	codec;		/* of those outside */
	/*
	 * What to answer. It may change the visit, and the request's flags
	 * NOREPLY and CLOSE. Called by all workers at once.
	 */
	enum status		(*enter)(void *context, struct gate_visit *,
				    struct request *);
	/* Has a user of this name this password? */
	bool			(*know)(void *context, struct slice name,
				    struct slice password);
	void			*context;	/* of both */
};

#endif
