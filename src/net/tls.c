/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tls.c - see tls.h.
 *
 * All certificates and rules are in one SSL_CTX, which is never changed after
 * it was made: reading files again makes another, which takes its place.
 * Each connection holds a reference to its own.
 */
#include "net/tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "base/check.h"

/* A bufferevent writes 16 KB at a time unless told otherwise. */
#define WRITE_MAX	((size_t)1 << 20)

struct tls {
	struct tls_config	 config;
	struct tls_counts	 counts;
	pthread_mutex_t		 lock;
	SSL_CTX			*context;	/* of new connections */
};

/* Reading of a private key. */
struct passphrase {
	bool	asked_for;
};

/* Why OpenSSL's last call failed. */
static const char *
reason_of(unsigned long code)
{
	const char *text;

	if (ERR_GET_LIB(code) == ERR_LIB_SYS)
		return strerror(ERR_GET_REASON(code));
	text = ERR_reason_error_string(code);
	return text != NULL ? text : "OpenSSL does not say why";
}

/* The first error is the cause of the others. */
static int
file_error(struct error *error, const char *path, const char *what)
{
	error_set(error, "%s: %s: %s", path, what, reason_of(ERR_peek_error()));
	ERR_clear_error();
	return -1;
}

/* Nobody is there to be asked; without this OpenSSL would use the terminal. */
static int
no_passphrase(char *out, int room, int writing, void *context)
{
	struct passphrase *passphrase = context;

	(void)out;
	(void)room;
	(void)writing;
	passphrase->asked_for = true;
	return -1;
}

/* After the certificate, which the key is compared with. */
static int
load_key(SSL_CTX *context, const struct tls_config *config,
    struct error *error)
{
	const char *path = config->key != NULL ?
	    config->key : config->chain_cert;
	struct passphrase passphrase = { false };
	int loaded;

	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase);
	loaded = SSL_CTX_use_PrivateKey_file(context, path,
	    config->key_format == TLS_KEY_DER ?
	    SSL_FILETYPE_ASN1 : SSL_FILETYPE_PEM);
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	if (passphrase.asked_for) {
		ERR_clear_error();
		return error_set(error, "%s: the private key has a "
		    "passphrase; use one without", path);
	}
	if (loaded != 1)
		return file_error(error, path, "cannot load the private key");
	return 0;
}

static int
load_certificates(SSL_CTX *context, const struct tls_config *config,
    struct error *error)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(context,
	    config->chain_cert) != 1)
		return file_error(error, config->chain_cert,
		    "cannot load the certificate chain");
	return load_key(context, config, error);
}

/* Whose certificates clients may have; the names are sent to them. */
static int
load_authorities(SSL_CTX *context, const struct tls_config *config,
    struct error *error)
{
	STACK_OF(X509_NAME) *names;

	if (config->ca_cert == NULL)
		return 0;
	names = SSL_load_client_CA_file(config->ca_cert);
	if (names == NULL || SSL_CTX_load_verify_locations(context,
	    config->ca_cert, NULL) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return file_error(error, config->ca_cert,
		    "cannot load the authorities of clients");
	}
	SSL_CTX_set_client_CA_list(context, names);
	return 0;
}

/*
 * OpenSSL has a list for TLS 1.3, whose names begin with TLS_, and one for
 * what came before; the operator has one list. Returns a list of one sort,
 * to be freed.
 */
static char *
ciphers_of(const char *all, bool tls13)
{
	char *list = calloc(1, strlen(all) + 1);

	for (const char *name = all; list != NULL && *name != '\0';) {
		size_t length = strcspn(name, ":");

		if ((strncmp(name, "TLS_", 4) == 0) == tls13) {
			if (*list != '\0')
				strcat(list, ":");
			strncat(list, name, length);
		}
		name += length + (name[length] == ':');
	}
	return list;
}

static int
set_ciphers(SSL_CTX *context, const char *all, struct error *error)
{
	char *old = ciphers_of(all, false), *new = ciphers_of(all, true);
	int result = -1;

	if (old == NULL || new == NULL)
		error_set(error, "out of memory for the ciphers");
	else if ((*old != '\0' && SSL_CTX_set_cipher_list(context, old) != 1) ||
	    (*new != '\0' && SSL_CTX_set_ciphersuites(context, new) != 1))
		file_error(error, all, "cannot use these ciphers");
	else
		result = 0;
	free(old);
	free(new);
	return result;
}

/* OpenSSL made a session that a client can come back to. */
static int
count_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	(void)session;
	tls->counts.new_sessions++;
	return 0;	/* we keep no reference */
}

static void
set_sessions(SSL_CTX *context, const struct tls_config *config)
{
	if (config->session_cache) {
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
		SSL_CTX_sess_set_new_cb(context, count_session);
		SSL_CTX_set_num_tickets(context, 1);
	} else {
		SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
		SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
		SSL_CTX_set_num_tickets(context, 0);
	}
}

static int
verify_flags(enum tls_verify verify)
{
	static const int flags[] = {
		[TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
		[TLS_VERIFY_REQUEST] = SSL_VERIFY_PEER,
		[TLS_VERIFY_REQUIRE] =
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
		[TLS_VERIFY_ONCE] = SSL_VERIFY_PEER |
		    SSL_VERIFY_FAIL_IF_NO_PEER_CERT | SSL_VERIFY_CLIENT_ONCE,
	};

	return flags[verify];
}

static int
set_rules(SSL_CTX *context, const struct tls_config *config,
    struct error *error)
{
	static const int versions[] = {
		[TLS_1_0] = TLS1_VERSION, [TLS_1_1] = TLS1_1_VERSION,
		[TLS_1_2] = TLS1_2_VERSION, [TLS_1_3] = TLS1_3_VERSION,
	};

	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
	/* Clients just close; what was cut off is never a whole request. */
	SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
#ifdef SSL_OP_ENABLE_KTLS
	if (config->kernel)
		SSL_CTX_set_options(context, SSL_OP_ENABLE_KTLS);
#endif
	/* An idle connection holds no buffers. */
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(context, verify_flags(config->verify), NULL);
	set_sessions(context, config);
	if (SSL_CTX_set_min_proto_version(context,
	    versions[config->min_version]) != 1)
		return file_error(error, "OpenSSL",
		    "cannot set the least version of TLS");
	return config->ciphers == NULL ? 0 :
	    set_ciphers(context, config->ciphers, error);
}

static SSL_CTX *
make_context(struct tls *tls, struct error *error)
{
	const struct tls_config *config = &tls->config;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL) {
		error_set(error, "out of memory for TLS");
		return NULL;
	}
	SSL_CTX_set_app_data(context, tls);
	if (set_rules(context, config, error) == -1 ||
	    load_certificates(context, config, error) == -1 ||
	    load_authorities(context, config, error) == -1) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

struct tls *
tls_open(const struct tls_config *config, struct error *error)
{
	struct tls *tls = calloc(1, sizeof *tls);

	if (tls == NULL) {
		error_set(error, "out of memory for TLS");
		return NULL;
	}
	tls->config = *config;
	CHECK(pthread_mutex_init(&tls->lock, NULL) == 0);
	if (tls_reload(tls, error) == -1) {
		tls_close(tls);
		return NULL;
	}
	return tls;
}

void
tls_close(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

int
tls_reload(struct tls *tls, struct error *error)
{
	SSL_CTX *context = make_context(tls, error), *before;

	if (context == NULL)
		return -1;
	pthread_mutex_lock(&tls->lock);
	before = tls->context;
	tls->context = context;
	pthread_mutex_unlock(&tls->lock);
	SSL_CTX_free(before);
	tls->counts.refreshed = clock_unix_ms(tls->config.clock);
	return 0;
}

const struct tls_counts *
tls_counts(const struct tls *tls)
{
	return &tls->counts;
}

/*
 * A session that began through one sort of socket must not go on through
 * another, which may ask for a client's certificate: the context tells them
 * apart.
 */
static SSL *
new_ssl(struct tls *tls, enum origin_tls mode)
{
	const unsigned char context[] = { 'c', (unsigned char)mode };
	SSL *ssl;

	pthread_mutex_lock(&tls->lock);
	ssl = SSL_new(tls->context);
	pthread_mutex_unlock(&tls->lock);
	if (ssl == NULL)
		return NULL;
	if (SSL_set_session_id_context(ssl, context, sizeof context) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	if (mode == ORIGIN_TLS_BASIC)
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
	else if (mode == ORIGIN_TLS_MUTUAL)
		SSL_set_verify(ssl, verify_flags(TLS_VERIFY_REQUIRE), NULL);
	return ssl;
}

/*
 * Callbacks are deferred to the loop: they may end the connection, which must
 * not happen under the feet of libevent's functions that use the SSL.
 */
struct bufferevent *
tls_accept(struct tls *tls, struct event_base *base, int fd,
    enum origin_tls mode)
{
	SSL *ssl = new_ssl(tls, mode);
	struct bufferevent *bufferevent;

	if (ssl == NULL)
		return NULL;
	bufferevent = bufferevent_openssl_socket_new(base, fd, ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_DEFER_CALLBACKS);
	if (bufferevent == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	bufferevent_openssl_set_allow_dirty_shutdown(bufferevent, 1);
	bufferevent_set_max_single_write(bufferevent, WRITE_MAX);
	return bufferevent;
}

/*
 * What OpenSSL has begun to send it wants to be given again from the start,
 * and at least as long. So what is sent in one call is contiguous, and moves
 * to the bufferevent as it is.
 */
int
tls_write(struct tls *tls, struct bufferevent *bufferevent,
    struct evbuffer *buffer)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bufferevent);
	size_t length;
	int result;

	while ((length = evbuffer_get_length(buffer)) > 0) {
		const unsigned char *bytes;

		if (length > tls->config.write_size)
			length = tls->config.write_size;
		bytes = evbuffer_pullup(buffer, (ev_ssize_t)length);
		if (bytes == NULL)
			return -1;
		ERR_clear_error();
		result = SSL_write(ssl, bytes, (int)length);
		if (result <= 0) {
			result = SSL_get_error(ssl, result);
			return result == SSL_ERROR_WANT_WRITE ||
			    result == SSL_ERROR_WANT_READ ? 0 : -1;
		}
		evbuffer_drain(buffer, (size_t)result);
	}
	return 0;
}

void
tls_failed(struct tls *tls, struct bufferevent *bufferevent, bool open)
{
	unsigned long code = bufferevent_get_openssl_error(bufferevent);

	if (!open)
		tls->counts.handshake_errors++;
	else if (code != 0)
		tls->counts.protocol_errors++;
	log_write(tls->config.log, LOG_LEVEL_INFO, "%d: %s: %s",
	    (int)bufferevent_getfd(bufferevent),
	    open ? "TLS failed" : "no TLS handshake",
	    code == 0 ? "the client is gone" : reason_of(code));
}

void
tls_too_slow(struct tls *tls, struct bufferevent *bufferevent)
{
	tls->counts.handshake_errors++;
	log_write(tls->config.log, LOG_LEVEL_INFO, "%d: no TLS handshake in "
	    "time", (int)bufferevent_getfd(bufferevent));
}

void
tls_end(struct bufferevent *bufferevent)
{
	SSL *ssl = bufferevent_openssl_get_ssl(bufferevent);

	/* One try; whether the client says goodbye as well does not matter. */
	ERR_clear_error();
	SSL_shutdown(ssl);
	ERR_clear_error();
	bufferevent_disable(bufferevent, EV_READ | EV_WRITE);
	bufferevent_free(bufferevent);
	SSL_free(ssl);
}
