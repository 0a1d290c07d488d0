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
#include "proto/rights.h"

/*
 * How far a client has come. Each request looks at `free` only, so that users
 * who may do everything pay nothing for those who may not.
 */
struct gate_visit {
	bool		 free;		/* inside, with all rights */
	bool		 inside;	/* logged in */
	bool		 begun;		/* is in the middle of logging in */
	bool		 refused;	/* a call was the wrong way to log in */
	struct rights	*rights;	/* held; NULL: all */
};

/* Let it in, with rights that become the visit's (NULL: all); put it out. */
void	gate_let_in(struct gate_visit *, struct rights *);
void	gate_put_out(struct gate_visit *);

struct gate {
	struct codec_config	codec;		/* of those outside */
	/*
	 * What to answer. It may change the visit, and the request's flags
	 * NOREPLY and CLOSE. Called by all workers at once.
	 */
	enum status		(*enter)(void *context, struct gate_visit *,
				    struct request *);
	/* Has a user of this name this password? These are its rights. */
	bool			(*know)(void *context, struct slice name,
				    struct slice password, struct rights **);
	void			*context;	/* of both */
};

#endif
