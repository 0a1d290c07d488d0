/* SPDX-License-Identifier: BSD-3-Clause */
/* tls_none.c - a build without TLS: nothing can be opened. */
#include "load/tls.h"

#include <errno.h>

#include "base/check.h"

struct tls *
tls_open(const struct tls_config *config, struct error *err)
{
	(void)config;
	error_set(err, "this cairn-load was built without TLS");
	return NULL;
}

void
tls_close(struct tls *tls)
{
	CHECK(tls == NULL);
}

struct tls_session *
tls_connect(struct tls *tls, int fd, struct error *err)
{
	(void)fd, (void)err;
	CHECK(tls == NULL);
	return NULL;
}

ssize_t
tls_read(struct tls_session *session, void *buffer, size_t room)
{
	(void)buffer, (void)room;
	CHECK(session == NULL);
	return 0;
}

ssize_t
tls_write(struct tls_session *session, const void *bytes, size_t length)
{
	(void)bytes, (void)length;
	CHECK(session == NULL);
	return 0;
}

bool
tls_has_more(struct tls_session *session)
{
	CHECK(session == NULL);
	return false;
}

void
tls_end(struct tls_session *session)
{
	CHECK(session == NULL);
}
