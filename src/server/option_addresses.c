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

	for (size_t i = 0; i < list->count; i++)
		free(list->addresses[i].host);
	free(list->addresses);
	*list = (struct listen_list){ NULL, 0 };
}

static int
listen_append(struct listen_list *list, struct slice host, int port,
    struct error *err)
{
	struct listen_address *addresses = realloc(list->addresses,
	    (list->count + 1) * sizeof *addresses);
	char *copy = strndup(host.bytes, host.length);

	if (addresses != NULL)
		list->addresses = addresses;
	if (addresses == NULL || copy == NULL) {
		free(copy);
		return error_set(err, "out of memory");
	}
	list->addresses[list->count].host = copy;
	list->addresses[list->count++].port = port;
	return 0;
}

/*
 * memcached has words in front of an address. Those that ask for what is not
 * offered are refused: plain text where TLS was asked for helps nobody.
 */
static int
cut_prefix(struct slice *text, struct error *err)
{
	static const struct {
		struct slice	 word;
		const char	*missing;
	} prefixes[] = {
		{ SLICE("notls:"), NULL },
		{ SLICE("btls:"), "TLS" },
		{ SLICE("mtls:"), "TLS" },
		{ SLICE("proto["), "a protocol for one address" },
		{ SLICE("tag["), "a tag for one address" },
	};

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		struct slice word = prefixes[i].word;

		if (text->length < word.length ||
		    memcmp(text->bytes, word.bytes, word.length) != 0)
			continue;
		if (prefixes[i].missing != NULL)
			return error_set(err, "%s (%.*s) is not offered yet",
			    prefixes[i].missing, (int)word.length, word.bytes);
		text->bytes += word.length;
		text->length -= word.length;
	}
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
	struct slice host, rest;
	uint64_t port = 0;

	if (cut_prefix(&text, err) == -1)
		return -1;
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
	return listen_append(list, host, (int)port, err);
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
		    with_port && v6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "",
		    address->host);
		if (with_port && used < room)
			used += (size_t)snprintf(out + used, room - used,
			    ":%d", address->port);
	}
}
