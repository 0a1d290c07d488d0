/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls.h - a client's side of TLS, over sockets that belong to the caller.
 * tls_none.c is linked where configure found no OpenSSL: tls_open() fails.
 */
#ifndef LOAD_TLS_H
#define LOAD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct tls;
struct tls_session;

struct tls_config {
	const char	*ca;		/* NULL: the server is not verified */
	const char	*cert, *key;	/* ours; NULL: none */
	const char	*host;		/* to be in the certificate */
};

struct tls	*tls_open(const struct tls_config *, struct error *);
void		 tls_close(struct tls *);

/* Shake hands, waiting for it; the socket blocks so far. */
struct tls_session *tls_connect(struct tls *, int fd, struct error *);

/* As recv(2) and send(2); -1 with EAGAIN: not now. */
ssize_t	tls_read(struct tls_session *, void *buffer, size_t room);
ssize_t	tls_write(struct tls_session *, const void *bytes, size_t length);

/* Is there more to read without the socket being readable? */
bool	tls_has_more(struct tls_session *);
void	tls_end(struct tls_session *);

#endif
