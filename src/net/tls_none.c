/* SPDX-License-Identifier: BSD-3-Clause */
/* tls_none.c - tls.h for a build without OpenSSL. */
#include "net/tls.h"

#include "base/check.h"

struct tls *
tls_open(const struct tls_config *config, struct error *error)
{
	(void)config;
	error_set(error, "this cairnd was built without TLS: configure found "
	    "no OpenSSL, or no libevent_openssl");
	return NULL;
}

void
tls_close(struct tls *tls)
{
	CHECK(tls == NULL);
}

/* Nobody has a struct tls to come here with. */

int
tls_reload(struct tls *tls, struct error *error)
{
	(void)tls, (void)error;
	CHECK(!"TLS without TLS");
	return -1;
}

const struct tls_counts *
tls_counts(const struct tls *tls)
{
	(void)tls;
	CHECK(!"TLS without TLS");
	return NULL;
}

struct bufferevent *
tls_accept(struct tls *tls, struct event_base *base, int fd,
    enum origin_tls mode)
{
	(void)tls, (void)base, (void)fd, (void)mode;
	CHECK(!"TLS without TLS");
	return NULL;
}

int
tls_write(struct tls *tls, struct bufferevent *bufferevent,
    struct evbuffer *buffer)
{
	(void)tls, (void)bufferevent, (void)buffer;
	CHECK(!"TLS without TLS");
	return -1;
}

void
tls_failed(struct tls *tls, struct bufferevent *bufferevent, bool open)
{
	(void)tls, (void)bufferevent, (void)open;
	CHECK(!"TLS without TLS");
}

void
tls_too_slow(struct tls *tls, struct bufferevent *bufferevent)
{
	(void)tls, (void)bufferevent;
	CHECK(!"TLS without TLS");
}

void
tls_end(struct bufferevent *bufferevent)
{
	(void)bufferevent;
	CHECK(!"TLS without TLS");
}
