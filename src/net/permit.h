/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * permit.h - requests of a client whose user has not all rights.
 */
#ifndef NET_PERMIT_H
#define NET_PERMIT_H

#include "net/gate.h"

/* May the client do that? Calls that the session serves it looks at itself. */
bool	permit_request(const struct gate_visit *, const struct request *);

/* It may not: say so. */
void	permit_refuse(const struct gate_visit *, const struct request *,
	    struct output *);

/* May it make this call? False: the reply is the error that says so. */
bool	permit_call(const struct gate_visit *, const struct request *,
	    struct output *);

#endif
