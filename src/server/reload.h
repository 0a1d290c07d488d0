/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reload.h - read again what came from files, while the server runs.
 *
 * A part whose file is not good any more goes on with what it has. Either
 * result is logged, for whoever changed the file wants to know.
 */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include <stdbool.h>

#include "base/log.h"

struct tls;
struct users;

/* New connections get the new certificates. False: there were none. */
bool	reload_certificates(struct tls *, struct log *);

/* From now on these can log in; who has stays inside. False: as before. */
bool	reload_users(struct users *, struct log *);

#endif
