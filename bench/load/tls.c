/* SPDX-License-Identifier: BSD-3-Clause */
/* tls.c - see tls.h. */
#include "load/tls.h"

#include <errno.h>
#include <limits.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* A session is OpenSSL's own. */
#define SSL_OF(session)	((SSL *)(void *)(session))
#define CTX_OF(tls)	((SSL_CTX *)(void *)(tls))

static int
fail(struct error *err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = ERR_reason_error_string(code);

	ERR_clear_error();
	return error_set(err, "%s: %s", what, reason != NULL ? reason :
	    "no TLS there");
}

static int
read_files(SSL_CTX *context, const struct tls_config *config,
    struct error *err)
{
	const char *key = config->key != NULL ? config->key : config->cert;

	if (config->ca != NULL &&
	    SSL_CTX_load_verify_locations(context, config->ca, NULL) != 1)
		return fail(err, config->ca);
	if (config->cert == NULL)
		return 0;
	if (SSL_CTX_use_certificate_chain_file(context, config->cert) != 1)
		return fail(err, config->cert);
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return fail(err, key);
	return 0;
}

/* The name, or the address, that the server's certificate has to have. */
static void
set_host(SSL_CTX *context, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);

	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1)
		X509_VERIFY_PARAM_set1_host(param, host, 0);
}

struct tls *
tls_open(const struct tls_config *config, struct error *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL) {
		fail(err, "TLS");
		return NULL;
	}
	if (read_files(context, config, err) == -1) {
		SSL_CTX_free(context);
		return NULL;
	}
	if (config->ca != NULL)
		set_host(context, config->host);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
	return (struct tls *)(void *)context;
}

void
tls_close(struct tls *tls)
{
	SSL_CTX_free(CTX_OF(tls));
}

struct tls_session *
tls_connect(struct tls *tls, int fd, struct error *err)
{
	SSL *ssl = SSL_new(CTX_OF(tls));

	ERR_clear_error();
	if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
		return (struct tls_session *)(void *)ssl;
	fail(err, "TLS handshake");
	SSL_free(ssl);
	return NULL;
}

static ssize_t
result_of(SSL *ssl, int result)
{
	if (result > 0)
		return result;
	switch (SSL_get_error(ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		errno = ECONNRESET;
		return -1;
	}
}

ssize_t
tls_read(struct tls_session *session, void *buffer, size_t room)
{
	SSL *ssl = SSL_OF(session);

	ERR_clear_error();
	return result_of(ssl, SSL_read(ssl, buffer,
	    room > INT_MAX ? INT_MAX : (int)room));
}

ssize_t
tls_write(struct tls_session *session, const void *bytes, size_t length)
{
	SSL *ssl = SSL_OF(session);

	ERR_clear_error();
	return result_of(ssl, SSL_write(ssl, bytes,
	    length > INT_MAX ? INT_MAX : (int)length));
}

bool
tls_has_more(struct tls_session *session)
{
	return SSL_pending(SSL_OF(session)) > 0;
}

void
tls_end(struct tls_session *session)
{
	SSL_shutdown(SSL_OF(session));
	SSL_free(SSL_OF(session));
}
