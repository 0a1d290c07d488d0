/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the command line becomes struct options, or one clear line. */
#include "server/options.h"

#include <stdlib.h>

#include "base/error.h"
#include "tap.h"

static struct options options;
static struct error problem;

/* Parse the words, separated by spaces, into `options`. */
static int
parse(const char *words)
{
	char copy[512];
	char name[] = "cairnd";
	char *argv[32] = { name };
	int argc = 1;
	char *word;

	options_free(&options);
	options_defaults(&options);
	problem.text[0] = '\0';
	snprintf(copy, sizeof copy, "%s", words);
	for (word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		argv[argc++] = word;
	return options_parse(&options, argc, argv, &problem);
}

/* What is said about words that are refused; "" when they are not. */
static const char *
complaint(const char *words)
{
	return parse(words) == -1 ? problem.text : "";
}

/* "host port, host port" of what is listened on. */
static const char *
addresses(const char *words)
{
	static char text[512];
	size_t used = 0;

	text[0] = '\0';
	if (parse(words) == -1)
		return problem.text;
	for (size_t i = 0; i < options.listen.count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
		    "%s%s %d", i > 0 ? ", " : "",
		    options.listen.addresses[i].host,
		    options.listen.addresses[i].port);
	return text;
}

struct lookup {
	const char	*name;
	char		 value[512];
	int		 lines;
};

static void
look(void *context, const char *name, const char *value)
{
	struct lookup *lookup = context;

	lookup->lines++;
	if (strcmp(name, lookup->name) == 0)
		snprintf(lookup->value, sizeof lookup->value, "%s", value);
}

static const char *
setting(const char *name)
{
	static struct lookup lookup;

	lookup = (struct lookup){ .name = name };
	options_settings(&options, look, &lookup);
	return lookup.value;
}

static void
without_words_the_defaults_hold(void)
{
	EXPECT_EQUAL(parse(""), 0);
	EXPECT_EQUAL(options.action, OPTIONS_RUN);
	EXPECT_EQUAL(options.port, 11211);
	EXPECT_TEXT(addresses(""), "127.0.0.1 11211");
	EXPECT_TEXT(options.unix_socket, NULL);
	EXPECT_EQUAL(options.unix_mask, 0700);
	EXPECT_EQUAL(options.memory_limit, 64 << 20);
	EXPECT_EQUAL(options.max_item_size, 1 << 20);
	EXPECT_EQUAL(options.conn_limit, 1024);
	EXPECT_EQUAL(options.threads, 0);
	EXPECT(options.slab_growth_factor == 1.12);
	EXPECT(options.evictions && options.cas && options.flush);
	EXPECT(options.maxconns_fast && !options.daemon && !options.shutdown);
}

static void
a_value_is_joined_or_the_next_word(void)
{
	static const char *const spellings[] = {
		"-p 7", "-p7", "--port 7", "--port=7", "-vp7", "-vp 7 -v",
	};

	for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
		EXPECT_EQUAL(parse(spellings[i]), 0);
		EXPECT_EQUAL(options.port, 7);
	}
	EXPECT_EQUAL(parse("-p -1"), 0);
	EXPECT_EQUAL(options.port, -1);
}

static void
letters_cluster(void)
{
	EXPECT_EQUAL(parse("-dvvm65 -vkC"), 0);
	EXPECT(options.daemon && options.lock_memory && !options.cas);
	EXPECT_EQUAL(options.verbose, 3);
	EXPECT_EQUAL(options.memory_limit, 65 << 20);
}

static void
the_last_of_two_values_counts(void)
{
	EXPECT_EQUAL(parse("-p 1 -s /a --port 2 -s /b"), 0);
	EXPECT_EQUAL(options.port, 2);
	EXPECT_TEXT(options.unix_socket, "/b");
}

static void
addresses_are_hosts_with_or_without_a_port(void)
{
	EXPECT_TEXT(addresses("-l ::1 -p 5"), "::1 5");
	EXPECT_TEXT(addresses("-l a,b:3 -p 5 -l [::1],[::2]:4,notls:c"),
	    "a 5, b 3, ::1 5, ::2 4, c 5");
	EXPECT_TEXT(setting("inter"), "a,b:3,::1,[::2]:4,notls:c");
	EXPECT_TEXT(addresses("-l * -p -1"), "* -1");
}

static void
what_is_no_address_is_refused(void)
{
	static const char *const wrong[] = {
		"a,", ",a", ":1", "a:", "a:0", "a:65536", "a:-1", "[::1",
		"[::1]1", "[]:1", "[::1]:", "a:1x", "notls:",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		char words[64];

		snprintf(words, sizeof words, "-l %s", wrong[i]);
		EXPECT(strstr(complaint(words), "is not an address") != NULL);
	}
}

/* What the last address of the list asks for, as "protocol tag". */
static const char *
settings(const char *words)
{
	static char text[512];
	const struct origin_settings *settings;

	if (parse(words) == -1)
		return problem.text;
	settings = &options.listen.addresses[options.listen.count - 1].settings;
	snprintf(text, sizeof text, "%s %s",
	    settings->protocol == PROTO_TEXT ? "ascii" :
	    settings->protocol == PROTO_BINARY ? "binary" : "any",
	    settings->tag);
	return text;
}

static void
an_address_may_have_a_protocol_and_a_tag(void)
{
	EXPECT_TEXT(settings("-l a"), "any ");
	EXPECT_TEXT(settings("-l a -B ascii"), "ascii ");
	EXPECT_TEXT(settings("-l b,proto[ascii]:a:4"), "ascii ");
	EXPECT_TEXT(settings("-B ascii -l proto[negotiating]:a"), "any ");
	EXPECT_TEXT(settings("-B ascii -l proto[binary]:a"), "binary ");
	EXPECT_TEXT(settings("-l tag[12345678]:a"), "any 12345678");
	EXPECT_TEXT(settings("-l notls:proto[ascii]:tag[x]:[::1]:5"),
	    "ascii x");
	EXPECT_TEXT(settings("-l tag[x:y]:proto[ascii]:notls:a"),
	    "ascii x:y");
	EXPECT_TEXT(setting("inter"), "tag[x:y]:proto[ascii]:notls:a");
	EXPECT_TEXT(settings("-l tag[x]:a,b"), "any ");
}

static void
a_prefix_that_cannot_be_is_refused(void)
{
	EXPECT_TEXT(settings("-l tag[123456789]:a"),
	    "-l: tag[123456789] has not 1 to 8 bytes");
	EXPECT_TEXT(settings("-l tag[]:a"), "-l: tag[] has not 1 to 8 bytes");
	EXPECT_TEXT(settings("-l proto[proxy]:a"),
	    "-l: proto[proxy]: there is no proxy");
	EXPECT_TEXT(settings("-l proto[x]:a"), "-l: \"x\" is no protocol");
	EXPECT(strstr(settings("-l tag[x:a"), "is not an address") != NULL);
}

static void
a_unix_socket_turns_tcp_off_unless_both_are_asked_for(void)
{
	EXPECT_TEXT(addresses("-s /s"), "");
	EXPECT_TEXT(setting("tcpport"), "0");
	EXPECT_TEXT(setting("inter"), "NULL");
	EXPECT_TEXT(addresses("-s /s -p 7"), "127.0.0.1 7");
	EXPECT_TEXT(addresses("-l ::1 -s /s"), "::1 11211");
	EXPECT_TEXT(addresses("-p 0"), "");
	EXPECT_TEXT(addresses("-p 0 -l a:7"), "");
}

static void
sizes_take_a_suffix(void)
{
	EXPECT_EQUAL(parse("-I 1k"), 0);
	EXPECT_EQUAL(options.max_item_size, 1024);
	EXPECT_EQUAL(parse("-I 2M"), 0);
	EXPECT_EQUAL(options.max_item_size, 2 << 20);
	EXPECT_EQUAL(parse("-I 1g -m 2048"), 0);
	EXPECT_EQUAL(options.max_item_size, 1 << 30);
	EXPECT_EQUAL(parse("-I 4096"), 0);
	EXPECT_EQUAL(options.max_item_size, 4096);
	EXPECT(*complaint("-I 1023") != '\0');
	EXPECT(*complaint("-I 1025m -m 9999") != '\0');
	EXPECT(*complaint("-I 99999999999g") != '\0');
	EXPECT_TEXT(complaint("-I k"),
	    "-I: \"k\" is not a size from 1k to 1024m");
}

static void
memory_is_in_megabytes_or_has_a_suffix(void)
{
	EXPECT_EQUAL(parse("-m 100"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(parse("-m 100m"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(parse("-m 2G"), 0);
	EXPECT_EQUAL(options.memory_limit, (size_t)2 << 30);
	EXPECT_TEXT(complaint("-m 65536k"), "-m: \"65536k\" is not a number "
	    "of megabytes from 1 to 16777216");
	EXPECT_EQUAL(parse("-m 16385g"), -1);
	EXPECT_EQUAL(parse("-m g"), -1);
	EXPECT_EQUAL(parse("-m 0g"), -1);
	EXPECT_EQUAL(parse("-m 18014398509481985g"), -1);
}

static void
an_argument_may_share_the_word_of_its_letter(void)
{
	char name[] = "cairnd", memory[] = "-m 100", list[] = "-o modern";
	char *argv[] = { name, memory, list, NULL };

	options_free(&options);
	options_defaults(&options);
	EXPECT_EQUAL(options_parse(&options, 3, argv, &problem), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
}

static void
an_item_fits_in_half_of_the_memory(void)
{
	EXPECT_EQUAL(parse("-m 2"), 0);
	EXPECT_EQUAL(parse("-m 1 -I 512k"), 0);
	EXPECT_TEXT(complaint("-m 1"), "--max-item-size of 1048576 bytes is "
	    "more than half of --memory-limit, 1 megabytes");
}

static void
numbers_out_of_range_are_refused(void)
{
	static const char *const wrong[] = {
		"-p 65536", "-p -2", "-p x", "-p 1x", "--port=",
		"-p 99999999999999999999", "-m 0", "-m -1", "-c 0", "-t 0",
		"-t 1025", "-b 0", "-R -1", "-a 8", "-a 1000", "-a -7", "-a x",
		"-f 1", "-f 0.5", "-f nan", "-f inf", "-f 0x2", "-f 1.5x",
		"-n 0", "-o shards=3", "-o shards=512", "-o idle_timeout=-1",
		"-U 11211",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		EXPECT_EQUAL(parse(wrong[i]), -1);
	EXPECT_TEXT(complaint("--port 65536"),
	    "--port: \"65536\" is not a number from -1 to 65535");
	EXPECT_TEXT(complaint("-o shards=6"),
	    "-o shards: 6 is not a power of two");
	EXPECT_TEXT(complaint("-U 1"),
	    "-U: UDP is not offered, only 0 is possible");
}

static void
unknown_words_are_named(void)
{
	EXPECT_TEXT(complaint("--foo"),
	    "unknown option \"--foo\"; see cairnd --help");
	EXPECT_TEXT(complaint("--foo=1"),
	    "unknown option \"--foo\"; see cairnd --help");
	EXPECT_TEXT(complaint("--por 1"),
	    "unknown option \"--por\"; did you mean \"--port\"?");
	EXPECT_TEXT(complaint("-vz"),
	    "unknown option \"-z\"; see cairnd --help");
	EXPECT_TEXT(complaint("-o foo=1"),
	    "unknown option \"-o foo\"; see cairnd --help");
	EXPECT_TEXT(complaint("-o no_shards"), "unknown option "
	    "\"-o no_shards\"; did you mean \"-o shards\"?");
	EXPECT_TEXT(complaint("--shards=2"),
	    "unknown option \"--shards\"; did you mean \"-o shards\"?");
	EXPECT_TEXT(complaint("-v more"),
	    "unexpected argument \"more\"; see cairnd --help");
	EXPECT_TEXT(complaint("-v -- -v"),
	    "unexpected argument \"-v\"; see cairnd --help");
	EXPECT_TEXT(complaint("-"),
	    "unexpected argument \"-\"; see cairnd --help");
	EXPECT_TEXT(complaint("-v --"), "");
}

static void
a_word_that_is_nearly_an_option_is_recognized(void)
{
	static const char *const pairs[][2] = {
		{ "--memory", "--memory-limit" },
		{ "--memory_limit", "--memory-limit" },
		{ "--dameon", "--daemon" },
		{ "--userr", "--user" },
		{ "--lisen", "--listen" },
		{ "-o hash_power=20", "-o hashpower" },
		{ "-o no_lru_crawlre", "-o lru_crawler" },
		{ "-o port=1", "--port" },
		{ "--idle_timeout=1", "-o idle_timeout" },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		char ending[64];

		snprintf(ending, sizeof ending, "; did you mean \"%s\"?",
		    pairs[i][1]);
		EXPECT(strstr(complaint(pairs[i][0]), ending) != NULL);
	}
	EXPECT(strstr(complaint("--abcdefghijklmnopqrstuvwxyzabcdefghijkl"),
	    "see cairnd --help") != NULL);
}

/* A heading with nothing below it. */
static void
no_group_is_empty(void)
{
	static const char *const groups[] = {
#define GROUP(group, ...)	#group,
#include "server/options.def"
	};
	static const char *const used[] = {
#define OPTION(group, ...)	#group,
#define INERT(group, ...)	#group,
#include "server/options.def"
	};

	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		bool found = false;

		for (size_t j = 0; j < sizeof used / sizeof used[0]; j++)
			if (strcmp(groups[i], used[j]) == 0)
				found = true;
		EXPECT(found);
	}
}

static void
names_of_both_forms_differ(void)
{
	static const char *const names[] = {
#define OPTION(group, kind, field, letter, name, ...)	name,
#define INERT(group, kind, letter, name, ...)		name,
#include "server/options.def"
	};
	size_t count = sizeof names / sizeof names[0];

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (*names[i] != '\0') {
				EXPECT(strcmp(names[i], names[j]) != 0);
			}
}

static void
arguments_are_neither_missing_nor_too_many(void)
{
	EXPECT_TEXT(complaint("-p"), "-p needs an argument: number");
	EXPECT_TEXT(complaint("--user"), "--user needs an argument: name");
	EXPECT_TEXT(complaint("-D"), "-D needs an argument: character");
	EXPECT_TEXT(complaint("-o hashpower"),
	    "-o hashpower needs an argument: number");
	EXPECT_TEXT(complaint("-o ext_path="),
	    "-o ext_path needs an argument: file:size");
	EXPECT_TEXT(complaint("--daemon=yes"), "--daemon takes no argument");
	EXPECT_TEXT(complaint("-o maxconns_fast=1"),
	    "-o maxconns_fast takes no argument");
	EXPECT_TEXT(complaint("-o no_slab_automove=1"),
	    "-o no_slab_automove takes no argument");
	EXPECT_TEXT(complaint("-o slab_automove,slab_automove=2"), "");
}

static void
suboptions_are_set_from_lists(void)
{
	EXPECT_EQUAL(parse("-o shards=8,no_maxconns_fast -oidle_timeout=3"), 0);
	EXPECT_EQUAL(options.shards, 8);
	EXPECT_EQUAL(options.idle_timeout, 3);
	EXPECT(!options.maxconns_fast);
	EXPECT_EQUAL(parse("-o no_maxconns_fast --extended=maxconns_fast"), 0);
	EXPECT(options.maxconns_fast);
}

static void
the_arguments_of_what_is_ignored_are_checked_too(void)
{
	static const char *const wrong[] = {
		"-N 0", "-N x", "-o hashpower=11", "-o hashpower=33",
		"-o hashpower=x", "-o hash_algorithm=md5", "-o slab_automove=3",
		"-o slab_automove=-1", "-o slab_automove_ratio=0",
		"-o slab_automove_ratio=1.5", "-o slab_automove_window=2",
		"-o slab_automove_freeratio=x", "-o slab_sizes=x",
		"-o slab_sizes=", "-o slab_sizes=100-", "-o slab_sizes=200-100",
		"-o slab_sizes=100-107", "-o slab_chunk_max=0",
		"-o tail_repair_time=9", "-o lru_crawler_sleep=1000001",
		"-o lru_crawler_tocrawl=-1", "-o hot_lru_pct=0",
		"-o hot_lru_pct=80", "-o warm_lru_pct=80",
		"-o hot_lru_pct=40,warm_lru_pct=41", "-o hot_max_factor=0",
		"-o warm_max_factor=x", "-o temporary_ttl=x",
		"-o read_buf_mem_limit=x", "-o resp_obj_mem_limit=x",
		"-o sock_cookie_id=x", "-o ext_page_size=x",
		"-o ext_item_size=-1", "-o ext_max_frag=2", "-o ext_path=",
	};

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		EXPECT_EQUAL(parse(wrong[i]), -1);
	EXPECT_TEXT(complaint("-o hash_algorithm=md5"),
	    "-o hash_algorithm: \"md5\" is none of jenkins|murmur3|xxh3");
	EXPECT_TEXT(complaint("-o slab_sizes=100-101"), "-o slab_sizes: "
	    "\"100-101\" is not a list of sizes, each at least 8 above the "
	    "one before");
	EXPECT_EQUAL(parse("-o slab_sizes=100-108-200"), 0);
	EXPECT_EQUAL(parse("-o hot_lru_pct=40,warm_lru_pct=40"), 0);
	EXPECT_EQUAL(parse("-o slab_automove_ratio=1"), 0);
}

static void
settings_tell_what_was_asked_for_in_vain(void)
{
	EXPECT_EQUAL(parse(""), 0);
	EXPECT_TEXT(options.ignored, "");
	EXPECT_TEXT(setting("hashpower_init"), "0");
	EXPECT_TEXT(setting("lru_crawler"), "yes");
	EXPECT_TEXT(setting("lru_segmented"), "yes");
	EXPECT_EQUAL(parse("-o hashpower=16,no_slab_reassign,slab_automove=2,"
	    "slab_automove_ratio=.5,slab_automove_window=40,slab_chunk_max=64,"
	    "tail_repair_time=11,no_lru_crawler,lru_crawler_sleep=7 -N 2 "
	    "-o lru_crawler_tocrawl=9,no_lru_maintainer,hot_lru_pct=10,"
	    "warm_lru_pct=11,hot_max_factor=1.5,warm_max_factor=3,"
	    "temporary_ttl=99,read_buf_mem_limit=3,ext_item_size=1,"
	    "ext_item_age=1,ext_low_ttl=1,ext_recache_rate=1"), 0);
	EXPECT_TEXT(setting("hashpower_init"), "16");
	EXPECT_TEXT(setting("slab_reassign"), "no");
	EXPECT_TEXT(setting("slab_automove"), "2");
	EXPECT_TEXT(setting("slab_automove_ratio"), "0.50");
	EXPECT_TEXT(setting("slab_automove_window"), "40");
	EXPECT_TEXT(setting("slab_chunk_max"), "65536");
	EXPECT_TEXT(setting("tail_repair_time"), "11");
	EXPECT_TEXT(setting("lru_crawler"), "no");
	EXPECT_TEXT(setting("lru_crawler_sleep"), "7");
	EXPECT_TEXT(setting("lru_crawler_tocrawl"), "9");
	EXPECT_TEXT(setting("lru_maintainer_thread"), "no");
	EXPECT_TEXT(setting("lru_segmented"), "no");
	EXPECT_TEXT(setting("hot_lru_pct"), "10");
	EXPECT_TEXT(setting("warm_lru_pct"), "11");
	EXPECT_TEXT(setting("hot_max_factor"), "1.50");
	EXPECT_TEXT(setting("warm_max_factor"), "3.00");
	EXPECT_TEXT(setting("temporary_ttl"), "99");
	EXPECT_TEXT(setting("read_buf_mem_limit"), "3145728");
	EXPECT_EQUAL(strlen(options.ignored), sizeof options.ignored - 1);
	EXPECT_EQUAL(parse("-o hashpower=20 -N 2"), 0);
	EXPECT_TEXT(options.ignored, "-o hashpower, -N");
	EXPECT_EQUAL(parse("-o no_slab_automove"), 0);
	EXPECT_TEXT(setting("slab_automove"), "0");
	EXPECT_EQUAL(parse("-o slab_automove=2,slab_automove"), 0);
	EXPECT_TEXT(setting("slab_automove"), "1");
}

static void
a_list_of_suboptions_may_be_empty_or_end_in_a_comma(void)
{
	EXPECT_EQUAL(parse("-o idle_timeout=3,"), 0);
	EXPECT_EQUAL(options.idle_timeout, 3);
	EXPECT_EQUAL(parse("--extended="), 0);
	EXPECT_EQUAL(parse("-o ,"), -1);
	EXPECT_EQUAL(parse("-o modern,,modern"), -1);
}

/* The mode of the last address: plain, TLS, basic, mutual. */
static const char *
tls_mode(const char *words)
{
	static const char *const names[] = {
		[ORIGIN_PLAIN] = "plain", [ORIGIN_TLS] = "TLS",
		[ORIGIN_TLS_BASIC] = "basic", [ORIGIN_TLS_MUTUAL] = "mutual",
	};

	if (parse(words) == -1)
		return problem.text;
	return names[options.listen.addresses[options.listen.count - 1]
	    .settings.tls];
}

static void
tls_is_for_the_addresses_that_want_it(void)
{
	EXPECT_TEXT(tls_mode("-o ssl_chain_cert=/f -l a"), "plain");
	EXPECT_TEXT(tls_mode("-Z -o ssl_chain_cert=/f"), "TLS");
	EXPECT_TEXT(tls_mode("-l a -Z -o ssl_chain_cert=/f"), "TLS");
	EXPECT_TEXT(tls_mode("-l a,notls:b -Z -o ssl_chain_cert=/f"), "plain");
	EXPECT_TEXT(tls_mode("-l notls:b,a -Z -o ssl_chain_cert=/f"), "TLS");
	EXPECT_TEXT(tls_mode("-Z -o ssl_chain_cert=/f -l tag[a]:btls:b"),
	    "basic");
	EXPECT_TEXT(tls_mode("-Z -o ssl_chain_cert=/f,ssl_ca_cert=/g "
	    "-l mtls:b:1"), "mutual");
	EXPECT_TEXT(tls_mode("-l notls:a"), "plain");
}

static void
tls_that_cannot_be_is_refused(void)
{
	EXPECT_TEXT(complaint("-l mtls:localhost"),
	    "mtls:localhost: no TLS without --enable-ssl");
	EXPECT_TEXT(complaint("-l btls:tag[a]:b,c"),
	    "btls:tag[a]:b: no TLS without --enable-ssl");
	EXPECT_TEXT(complaint("-Z -o ssl_chain_cert=/f -l mtls:a"),
	    "mtls:a: no client could be verified without -o ssl_ca_cert");
	EXPECT_TEXT(complaint("-Z"), "--enable-ssl needs a certificate: "
	    "-o ssl_chain_cert=file");
	EXPECT_TEXT(complaint("-Z -s /s -o ssl_chain_cert=/f"),
	    "--enable-ssl without a TCP port");
	EXPECT_TEXT(complaint("-Z -o ssl_chain_cert=/f,ssl_verify_mode=1"),
	    "-o ssl_verify_mode=1: no client could be verified without "
	    "-o ssl_ca_cert");
	EXPECT_TEXT(complaint("-o ssl_verify_mode=4"), "-o ssl_verify_mode: "
	    "\"4\" is not a number from 0 to 3");
	EXPECT_TEXT(complaint("-o ssl_min_version=4"), "-o ssl_min_version: "
	    "\"4\" is not a number from 0 to 3");
	EXPECT_TEXT(complaint("-o ssl_keyformat=ENGINE"), "-o ssl_keyformat: "
	    "\"ENGINE\" is none of PEM|DER");
	EXPECT_TEXT(complaint("-o ssl_wbuf_size=0"), "-o ssl_wbuf_size: "
	    "\"0\" is not a number from 1 to 1024");
}

static void
settings_of_tls_are_shown_as_memcached_does(void)
{
	EXPECT_EQUAL(parse(""), 0);
	EXPECT_TEXT(setting("ssl_enabled"), "no");
	EXPECT_TEXT(setting("ssl_chain_cert"), "(null)");
	EXPECT_TEXT(setting("ssl_key"), "(null)");
	EXPECT_TEXT(setting("ssl_verify_mode"), "0");
	EXPECT_TEXT(setting("ssl_keyformat"), "1");
	EXPECT_TEXT(setting("ssl_ciphers"), "NULL");
	EXPECT_TEXT(setting("ssl_ca_cert"), "NULL");
	EXPECT_TEXT(setting("ssl_wbuf_size"), "16384");
	EXPECT_TEXT(setting("ssl_session_cache"), "no");
	EXPECT_TEXT(setting("ssl_kernel_tls"), "no");
	EXPECT_TEXT(setting("ssl_min_version"), "tlsv1.2");
	EXPECT_EQUAL(parse("-Z -o ssl_chain_cert=/f,ssl_verify_mode=3,"
	    "ssl_keyformat=2,ssl_min_version=3,ssl_wbuf_size=4,"
	    "ssl_ca_cert=/g"), 0);
	EXPECT_TEXT(setting("ssl_enabled"), "yes");
	EXPECT_TEXT(setting("ssl_chain_cert"), "/f");
	EXPECT_TEXT(setting("ssl_verify_mode"), "7");
	EXPECT_TEXT(setting("ssl_keyformat"), "2");
	EXPECT_TEXT(setting("ssl_min_version"), "tlsv1.3");
	EXPECT_TEXT(setting("ssl_wbuf_size"), "4096");
	EXPECT_EQUAL(parse("-o ssl_keyformat=PEM"), 0);
	EXPECT_TEXT(setting("ssl_keyformat"), "1");
}

static void
who_logs_in_without_sasl_speaks_no_binary(void)
{
	EXPECT_EQUAL(parse("-Y /f -l a,proto[negotiating]:b,proto[ascii]:c"),
	    0);
	EXPECT_EQUAL(options.protocol, PROTO_NOT_BINARY);
	EXPECT_EQUAL(options.listen.addresses[0].settings.protocol,
	    PROTO_NOT_BINARY);
	EXPECT_EQUAL(options.listen.addresses[1].settings.protocol,
	    PROTO_NOT_BINARY);
	EXPECT_EQUAL(options.listen.addresses[2].settings.protocol,
	    PROTO_TEXT);
	EXPECT_TEXT(setting("auth_enabled_ascii"), "/f");
	EXPECT_TEXT(setting("auth_enabled_sasl"), "no");
	EXPECT_TEXT(setting("binding_protocol"), "ascii");
	EXPECT_TEXT(complaint("-Y /f -B binary"), "nobody could log in by "
	    "the binary protocol: --auth-file needs --enable-sasl for that");
	EXPECT_TEXT(complaint("--auth-file=/f -l proto[binary]:a"),
	    "nobody could log in by the binary protocol: --auth-file needs "
	    "--enable-sasl for that");
}

static void
sasl_needs_users(void)
{
	EXPECT_TEXT(complaint("-S"), "--enable-sasl needs users: give their "
	    "file with --auth-file");
	EXPECT_EQUAL(parse("-S -Y /f -l a,proto[binary]:b"), 0);
	EXPECT_EQUAL(options.protocol, PROTO_NEGOTIATE);
	EXPECT_EQUAL(options.listen.addresses[0].settings.protocol,
	    PROTO_NEGOTIATE);
	EXPECT_EQUAL(options.listen.addresses[1].settings.protocol,
	    PROTO_BINARY);
	EXPECT_TEXT(setting("auth_enabled_sasl"), "yes");
	EXPECT_EQUAL(parse("-p 1"), 0);
	EXPECT_TEXT(setting("auth_enabled_ascii"), "no");
}

static void
protocols_are_named(void)
{
	EXPECT_EQUAL(parse("-B ascii"), 0);
	EXPECT_EQUAL(options.protocol, PROTO_TEXT);
	EXPECT_TEXT(setting("binding_protocol"), "ascii");
	EXPECT_EQUAL(parse("-B ascii -B negotiating"), 0);
	EXPECT_EQUAL(options.protocol, PROTO_NEGOTIATE);
	EXPECT_EQUAL(parse("-B binary"), 0);
	EXPECT_EQUAL(options.protocol, PROTO_BINARY);
	EXPECT_TEXT(setting("binding_protocol"), "binary");
	EXPECT_TEXT(complaint("-B tls"), "-B: \"tls\" is no protocol, use one "
	    "of auto|ascii|binary");
}

static void
an_action_needs_words_without_a_fault(void)
{
	EXPECT_EQUAL(parse("-h"), 0);
	EXPECT_EQUAL(options.action, OPTIONS_HELP);
	EXPECT_EQUAL(parse("--license"), 0);
	EXPECT_EQUAL(options.action, OPTIONS_LICENSE);
	EXPECT_EQUAL(parse("-m 100 --version"), 0);
	EXPECT_EQUAL(options.action, OPTIONS_VERSION);
	EXPECT_EQUAL(parse("--version -m x"), -1);
}

static void
settings_show_what_was_set(void)
{
	struct lookup all = { .name = "" };

	EXPECT_EQUAL(parse("-s /s -p 9 -m 100 -M -I 2m -f 1.5 -n 96 -t 3 -C -F "
	    "-A -vv -a 0770 -c 10 -b 11 -R 12 -o idle_timeout=13"), 0);
	EXPECT_TEXT(setting("maxbytes"), "104857600");
	EXPECT_TEXT(setting("evictions"), "off");
	EXPECT_TEXT(setting("item_size_max"), "2097152");
	EXPECT_TEXT(setting("growth_factor"), "1.50");
	EXPECT_TEXT(setting("chunk_size"), "96");
	EXPECT_TEXT(setting("num_threads"), "3");
	EXPECT_TEXT(setting("cas_enabled"), "no");
	EXPECT_TEXT(setting("flush_enabled"), "no");
	EXPECT_TEXT(setting("shutdown_command"), "yes");
	EXPECT_TEXT(setting("verbosity"), "2");
	EXPECT_TEXT(setting("umask"), "770");
	EXPECT_TEXT(setting("domain_socket"), "/s");
	EXPECT_TEXT(setting("maxconns"), "10");
	EXPECT_TEXT(setting("tcp_backlog"), "11");
	EXPECT_TEXT(setting("reqs_per_event"), "12");
	EXPECT_TEXT(setting("idle_timeout"), "13");
	EXPECT_TEXT(setting("maxconns_fast"), "yes");
	EXPECT_TEXT(setting("binding_protocol"), "auto-negotiate");
	options_settings(&options, look, &all);
	EXPECT_EQUAL(all.lines, 67);
}

static void
every_setting_of_an_option_is_shown(void)
{
	static const char *const names[] = {
#define OPTION(group, kind, field, letter, name, argument, initial,	\
    low, high, setting, ...)	setting,
#include "server/options.def"
	};

	EXPECT_EQUAL(parse(""), 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (names[i] != NULL && *setting(names[i]) == '\0') {
			EXPECT_TEXT(names[i], "a line of stats settings");
		}
}

static void
a_long_list_of_addresses_is_cut_when_shown(void)
{
	char words[sizeof "-l " + 400];

	memset(words, 'h', sizeof words);
	memcpy(words, "-l ", 3);
	words[sizeof words - 1] = '\0';
	for (size_t i = 10; i < sizeof words - 3; i += 3)
		words[i] = ',';
	words[sizeof words - 2] = 'h';
	EXPECT_EQUAL(parse(words), 0);
	EXPECT(options.listen.count > 100);
	for (size_t i = 0; i < options.listen.count; i++)
		options.listen.addresses[i].port = 10000;
	EXPECT_EQUAL(strlen(setting("inter")), 511);
}

int
main(void)
{
	RUN(without_words_the_defaults_hold);
	RUN(a_value_is_joined_or_the_next_word);
	RUN(letters_cluster);
	RUN(the_last_of_two_values_counts);
	RUN(addresses_are_hosts_with_or_without_a_port);
	RUN(what_is_no_address_is_refused);
	RUN(an_address_may_have_a_protocol_and_a_tag);
	RUN(a_prefix_that_cannot_be_is_refused);
	RUN(a_unix_socket_turns_tcp_off_unless_both_are_asked_for);
	RUN(sizes_take_a_suffix);
	RUN(memory_is_in_megabytes_or_has_a_suffix);
	RUN(an_argument_may_share_the_word_of_its_letter);
	RUN(an_item_fits_in_half_of_the_memory);
	RUN(numbers_out_of_range_are_refused);
	RUN(unknown_words_are_named);
	RUN(a_word_that_is_nearly_an_option_is_recognized);
	RUN(no_group_is_empty);
	RUN(names_of_both_forms_differ);
	RUN(arguments_are_neither_missing_nor_too_many);
	RUN(suboptions_are_set_from_lists);
	RUN(the_arguments_of_what_is_ignored_are_checked_too);
	RUN(settings_tell_what_was_asked_for_in_vain);
	RUN(a_list_of_suboptions_may_be_empty_or_end_in_a_comma);
	RUN(tls_is_for_the_addresses_that_want_it);
	RUN(tls_that_cannot_be_is_refused);
	RUN(settings_of_tls_are_shown_as_memcached_does);
	RUN(who_logs_in_without_sasl_speaks_no_binary);
	RUN(sasl_needs_users);
	RUN(protocols_are_named);
	RUN(an_action_needs_words_without_a_fault);
	RUN(settings_show_what_was_set);
	RUN(every_setting_of_an_option_is_shown);
	RUN(a_long_list_of_addresses_is_cut_when_shown);
	options_free(&options);
	return tap_done();
}
