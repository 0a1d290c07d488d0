/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls.h - encrypted connections, with OpenSSL and libevent's bufferevents
 * over it. Only stream.c uses the half of this that is about connections.
 *
 * tls.c is linked where configure found OpenSSL, and tls_none.c elsewhere:
 * there tls_open() fails and says so, and the rest is never called.
 *
 * A struct tls has the certificates and the rules of the whole server; any
 * thread may use it. Certificates can be read again at any time: connections
 * keep those that they began with, and new ones get the new.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "net/origin.h"

struct bufferevent;
struct evbuffer;
struct event_base;
struct tls;

enum tls_verify {
	TLS_VERIFY_NONE,	/* no certificate of a client is asked for */
	TLS_VERIFY_REQUEST,	/* it may have none, but no bad one */
	TLS_VERIFY_REQUIRE,
	TLS_VERIFY_ONCE,	/* as REQUIRE; memcached has it */
};

enum tls_version {
	TLS_1_0,
	TLS_1_1,
	TLS_1_2,
	TLS_1_3,
};

/* Key formats, by memcached's numbers. */
#define TLS_KEY_PEM	1
#define TLS_KEY_DER	2

/* What a struct tls is made of; the texts outlive it. */
struct tls_config {
	const char		*chain_cert;	/* PEM: ours, and its issuers */
	const char		*key;		/* NULL: it is in chain_cert */
	const char		*ca_cert;	/* issuers for clients */
	const char		*ciphers;	/* NULL: OpenSSL's choice */
	int			 key_format;
	enum tls_verify		 verify;
	enum tls_version	 min_version;
	size_t			 write_size;	/* most that is sent in one */
	bool			 session_cache;
	bool			 kernel;	/* let it encrypt, if it can */
	const struct clock	*clock;
	struct log		*log;
};

/* Written and read by any thread. */
struct tls_counts {
	_Atomic uint64_t	new_sessions;
	_Atomic uint64_t	handshake_errors;
	_Atomic uint64_t	protocol_errors;
	_Atomic int64_t		refreshed;	/* certificates: unix ms */
};

/* Read the certificates. NULL: `error` says what is wrong with which file. */
struct tls *tls_open(const struct tls_config *, struct error *);

/* After the last connection is gone. NULL is nothing to close. */
void	tls_close(struct tls *);

/* Read the certificates again. -1: those that were there stay in force. */
int	tls_reload(struct tls *, struct error *);

const struct tls_counts *tls_counts(const struct tls *);

/*
 * One connection. It belongs to one thread.
 */

/*
 * A bufferevent that waits for the client to shake hands; then it reports
 * BEV_EVENT_CONNECTED. `fd` stays the caller's. NULL: no memory.
 */
struct bufferevent *tls_accept(struct tls *, struct event_base *, int fd,
	    enum origin_tls);

/*
 * Send what the socket takes now, off the front of `buffer`, past the
 * bufferevent, whose output is empty. What stays has to be sent through the
 * bufferevent. -1: it is broken.
 */
int	tls_write(struct tls *, struct bufferevent *, struct evbuffer *buffer);

/* Count, and log, why a connection broke. `open`: after the handshake. */
void	tls_failed(struct tls *, struct bufferevent *, bool open);

/* A handshake took too long. */
void	tls_too_slow(struct tls *, struct bufferevent *);

/* Tell the client that no more comes, and give the bufferevent back. */
void	tls_end(struct bufferevent *);

#endif
