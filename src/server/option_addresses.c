/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * option_addresses.c - the kind of option that is a list of addresses.
 */
#include "server/option_row.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
option_clear_addresses(void *field)
{
	struct listen_list *list = field;

	for (size_t i = 0; i < list->count; i++) {
		free(list->addresses[i].host);
		free(list->addresses[i].prefix);
	}
	free(list->addresses);
	*list = (struct listen_list){ NULL, 0 };
}

/* A copy of `address`, with these words. */
static int
listen_append(struct listen_list *list, const struct listen_address *address,
    struct slice prefix, struct slice host, struct error *err)
{
	struct listen_address *addresses = realloc(list->addresses,
	    (list->count + 1) * sizeof *addresses);
	char *host_copy = strndup(host.bytes, host.length);
	char *prefix_copy = strndup(prefix.bytes, prefix.length);

	if (addresses != NULL)
		list->addresses = addresses;
	if (addresses == NULL || host_copy == NULL || prefix_copy == NULL) {
		free(host_copy);
		free(prefix_copy);
		return error_set(err, "out of memory");
	}
	addresses += list->count++;
	*addresses = *address;
	addresses->host = host_copy;
	addresses->prefix = prefix_copy;
	return 0;
}

static int
take_tls(struct listen_address *address, enum origin_tls tls)
{
	address->tls_given = true;
	address->settings.tls = tls;
	return 0;
}

static int
take_notls(struct listen_address *address, struct slice word,
    struct error *err)
{
	(void)word, (void)err;
	return take_tls(address, ORIGIN_PLAIN);
}

static int
take_btls(struct listen_address *address, struct slice word, struct error *err)
{
	(void)word, (void)err;
	return take_tls(address, ORIGIN_TLS_BASIC);
}

static int
take_mtls(struct listen_address *address, struct slice word, struct error *err)
{
	(void)word, (void)err;
	return take_tls(address, ORIGIN_TLS_MUTUAL);
}

static int
take_protocol(struct listen_address *address, struct slice name,
    struct error *err)
{
	if (slice_equal(name, SLICE("proxy")))
		return error_set(err, "proto[proxy]: there is no proxy");
	address->protocol_given = true;
	return option_find_protocol(name, &address->settings.protocol, err);
}

static int
take_tag(struct listen_address *address, struct slice tag, struct error *err)
{
	if (tag.length == 0 || tag.length > ORIGIN_TAG_MAX)
		return error_set(err, "tag[%.*s] has not 1 to %d bytes",
		    (int)(tag.length < 80 ? tag.length : 80), tag.bytes,
		    ORIGIN_TAG_MAX);
	memcpy(address->settings.tag, tag.bytes, tag.length);
	address->settings.tag[tag.length] = '\0';
	return 0;
}

/* What may stand before an address: `word`, up to its bracket, and a colon. */
static const struct prefix {
	struct slice	 word;
	int		(*take)(struct listen_address *, struct slice inside,
			    struct error *);
} prefixes[] = {
	{ SLICE("notls"), take_notls },
	{ SLICE("btls"), take_btls },
	{ SLICE("mtls"), take_mtls },
	{ SLICE("proto["), take_protocol },
	{ SLICE("tag["), take_tag },
};

#define PREFIXES	(sizeof prefixes / sizeof prefixes[0])

/*
 * Does the text begin with this prefix? Then it starts behind it afterwards,
 * and `inside` is what was in the brackets, or the word when there are none.
 */
static bool
cut_prefix(struct slice *text, const struct prefix *prefix,
    struct slice *inside)
{
	struct slice word = prefix->word;
	bool bracket = word.bytes[word.length - 1] == '[';
	const char *end = text->bytes + word.length;
	const char *last = text->bytes + text->length;

	if (text->length <= word.length ||
	    memcmp(text->bytes, word.bytes, word.length) != 0)
		return false;
	*inside = word;
	if (bracket) {
		inside->bytes = end;
		end = memchr(end, ']', (size_t)(last - end));
		if (end == NULL)
			return false;
		inside->length = (size_t)(end++ - inside->bytes);
	}
	if (end == last || *end != ':')
		return false;
	*text = (struct slice){ end + 1, (size_t)(last - end - 1) };
	return true;
}

static const struct prefix *
cut_any_prefix(struct slice *text, struct slice *inside)
{
	for (size_t i = 0; i < PREFIXES; i++)
		if (cut_prefix(text, &prefixes[i], inside))
			return &prefixes[i];
	return NULL;
}

/* They may come in any order. */
static int
take_prefixes(struct slice *text, struct listen_address *address,
    struct error *err)
{
	const struct prefix *prefix;
	struct slice inside;

	while ((prefix = cut_any_prefix(text, &inside)) != NULL)
		if (prefix->take(address, inside, err) == -1)
			return -1;
	return 0;
}

/*
 * Find the host and the bytes after it: "" or ":port". Two colons without
 * brackets are an IPv6 address. False: brackets that do not match.
 */
static bool
split_address(struct slice text, struct slice *host, struct slice *rest)
{
	const char *end = text.bytes + text.length;
	const char *host_end;

	*host = text;
	if (text.length > 0 && *text.bytes == '[') {
		host_end = memchr(text.bytes, ']', text.length);
		if (host_end == NULL)
			return false;
		host->bytes++;
		rest->bytes = host_end + 1;
	} else {
		host_end = memchr(text.bytes, ':', text.length);
		if (host_end == NULL || memchr(host_end + 1, ':',
		    (size_t)(end - host_end - 1)) != NULL)
			host_end = end;
		rest->bytes = host_end;
	}
	host->length = (size_t)(host_end - host->bytes);
	rest->length = (size_t)(end - rest->bytes);
	return host->length > 0;
}

static int
add_address(struct listen_list *list, struct slice text, struct error *err)
{
	struct listen_address address = { .port = 0 };
	struct slice host, rest, prefix = text;
	uint64_t port = 0;

	if (take_prefixes(&text, &address, err) == -1)
		return -1;
	prefix.length -= text.length;
	if (!split_address(text, &host, &rest))
		goto malformed;
	if (rest.length > 0) {
		if (*rest.bytes != ':')
			goto malformed;
		rest.bytes++;
		rest.length--;
		if (!decimal_parse(rest, &port) || port < 1 || port > 65535)
			goto malformed;
	}
	address.port = (int)port;
	return listen_append(list, &address, prefix, host, err);
malformed:
	return error_set(err,
	    "\"%.*s\" is not an address: host, host:port or [v6]:port",
	    (int)(text.length < 80 ? text.length : 80), text.bytes);
}

int
option_set_addresses(const struct option_row *row, void *field,
    const char *value, struct error *err)
{
	(void)row;
	for (;;) {
		size_t length = strcspn(value, ",");

		if (add_address(field, (struct slice){ value, length },
		    err) == -1)
			return -1;
		if (value[length] == '\0')
			return 0;
		value += length + 1;
	}
}

/* A port is shown where it is not the one of `tcpport`. */
void
option_show_addresses(const struct option_row *row,
    const struct options *options, char *out, size_t room)
{
	const struct listen_list *list = option_shown(row, options);
	size_t used = (size_t)snprintf(out, room, "%s",
	    list->count == 0 ? "NULL" : "");

	for (size_t i = 0; i < list->count && used < room; i++) {
		const struct listen_address *address = &list->addresses[i];
		bool v6 = strchr(address->host, ':') != NULL;
		bool with_port = address->port != options->port;

		used += (size_t)snprintf(out + used, room - used,
		    with_port && v6 ? "%s%s[%s]" : "%s%s%s",
		    i > 0 ? "," : "", address->prefix, address->host);
		if (with_port && used < room)
			used += (size_t)snprintf(out + used, room - used,
			    ":%d", address->port);
	}
}
