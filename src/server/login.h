/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * login.h - how clients say who they are.
 *
 * In text by a `set` of any key to "name password", in binary packets by SASL
 * with the mechanism PLAIN. Before that, all else is refused.
 */
#ifndef SERVER_LOGIN_H
#define SERVER_LOGIN_H

#include <stdatomic.h>
#include <stdint.h>

#include "net/gate.h"
#include "server/users.h"

struct login {
	struct users		*users;
	bool			 sasl;	/* packets may log in */
	_Atomic uint64_t	 attempts, failures;
};

/* Make a gate of it, for clients who may have so much once they are in. */
void	login_gate(struct login *, const struct codec_config *inside,
	    struct gate *);

#endif
