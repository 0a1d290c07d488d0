/* SPDX-License-Identifier: BSD-3-Clause */
/* option_tls.c - kinds of options that only TLS has, and their coherence. */
#include "server/option_row.h"

#include <stdio.h>
#include <strings.h>

#include "net/tls.h"

/* memcached shows the flags of OpenSSL that the modes stand for. */
void
option_show_verify(const struct option_row *row,
    const struct options *options, char *out, size_t room)
{
	static const int shown[] = {
		[TLS_VERIFY_NONE] = 0,
		[TLS_VERIFY_REQUEST] = 1,
		[TLS_VERIFY_REQUIRE] = 1 | 2,
		[TLS_VERIFY_ONCE] = 1 | 2 | 4,
	};

	snprintf(out, room, "%d",
	    shown[*(const int *)option_shown(row, options)]);
}

int
option_set_key_format(const struct option_row *row, void *field,
    const char *value, struct error *err)
{
	static const struct {
		const char	*name;
		int		 format;
	} formats[] = {
		{ "PEM", TLS_KEY_PEM }, { "1", TLS_KEY_PEM },
		{ "DER", TLS_KEY_DER }, { "2", TLS_KEY_DER },
	};

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcasecmp(value, formats[i].name) == 0) {
			*(int *)field = formats[i].format;
			return 0;
		}
	return error_set(err, "\"%.80s\" is none of %s", value, row->argument);
}

void
option_show_tls_version(const struct option_row *row,
    const struct options *options, char *out, size_t room)
{
	snprintf(out, room, "tlsv1.%d",
	    *(const int *)option_shown(row, options));
}

/* Addresses without a word about it have TLS when there is any. */
static int
settle_address(const struct options *options, struct listen_address *address,
    struct error *err)
{
	enum origin_tls *tls = &address->settings.tls;

	if (!address->tls_given && options->ssl_enabled)
		*tls = ORIGIN_TLS;
	if (*tls != ORIGIN_PLAIN && !options->ssl_enabled)
		return error_set(err, "%s%s: no TLS without --enable-ssl",
		    address->prefix, address->host);
	if (*tls == ORIGIN_TLS_MUTUAL && options->ssl_ca_cert == NULL)
		return error_set(err, "%s%s: no client could be verified "
		    "without -o ssl_ca_cert", address->prefix, address->host);
	return 0;
}

int
option_settle_tls(struct options *options, struct error *err)
{
	for (size_t i = 0; i < options->listen.count; i++)
		if (settle_address(options, &options->listen.addresses[i],
		    err) == -1)
			return -1;
	if (!options->ssl_enabled)
		return 0;
	if (options->ssl_chain_cert == NULL)
		return error_set(err, "--enable-ssl needs a certificate: "
		    "-o ssl_chain_cert=file");
	if (options->listen.count == 0)
		return error_set(err, "--enable-ssl without a TCP port");
	if (options->ssl_verify_mode != TLS_VERIFY_NONE &&
	    options->ssl_ca_cert == NULL)
		return error_set(err, "-o ssl_verify_mode=%d: no client could "
		    "be verified without -o ssl_ca_cert",
		    options->ssl_verify_mode);
	return 0;
}
