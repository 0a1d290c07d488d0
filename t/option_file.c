/* SPDX-License-Identifier: BSD-3-Clause */
/* option_file.c - files of options, alone and under a command line. */
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "server/options.h"
#include "tap.h"

static struct options options;
static struct error problem;

/* Two files that --config can name: "A" and "B" in the words of parse(). */
static char paths[2][32];

static void
write_bytes(unsigned file, const char *text, size_t length)
{
	FILE *out = fopen(paths[file], "w");

	if (out == NULL || fwrite(text, 1, length, out) != length ||
	    fclose(out) != 0)
		abort();
}

static void
write_file(unsigned file, const char *text)
{
	write_bytes(file, text, strlen(text));
}

/* Parse words, separated by spaces. */
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
		argv[argc++] = strcmp(word, "A") == 0 ? paths[0] :
		    strcmp(word, "B") == 0 ? paths[1] : word;
	return options_parse(&options, argc, argv, &problem);
}

/* Parse a file. */
static int
read_text(const char *text)
{
	write_file(0, text);
	return parse("--config A");
}

/* What is said about a file, after its name and a colon; "" when nothing. */
static const char *
complaint(const char *text)
{
	size_t length = strlen(paths[0]) + 1;

	if (read_text(text) == 0)
		return "";
	EXPECT(strncmp(problem.text, paths[0], length - 1) == 0);
	EXPECT_EQUAL(problem.text[length - 1], ':');
	return problem.text + length;
}

static void
a_file_says_what_a_command_line_says(void)
{
	EXPECT_EQUAL(read_text("-m 100\n-c7 -vv\n--threads=3\n--port 5\n"
	    "-o shards=4,no_maxconns_fast\n-o idle_timeout=9\n"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(options.conn_limit, 7);
	EXPECT_EQUAL(options.verbose, 2);
	EXPECT_EQUAL(options.threads, 3);
	EXPECT_EQUAL(options.port, 5);
	EXPECT_EQUAL(options.shards, 4);
	EXPECT_EQUAL(options.idle_timeout, 9);
	EXPECT(!options.maxconns_fast);
}

static void
names_need_no_dashes(void)
{
	EXPECT_EQUAL(read_text("memory-limit 100\nconn-limit=7\n"
	    "threads = 3\nport\t=5\nshards= 4\nno_maxconns_fast\n"
	    "disable-cas\nslab_automove\nidle_timeout 9"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(options.conn_limit, 7);
	EXPECT_EQUAL(options.threads, 3);
	EXPECT_EQUAL(options.port, 5);
	EXPECT_EQUAL(options.shards, 4);
	EXPECT_EQUAL(options.idle_timeout, 9);
	EXPECT(!options.maxconns_fast && !options.cas);
}

static void
comments_and_blank_lines_say_nothing(void)
{
	EXPECT_EQUAL(read_text(""), 0);
	EXPECT_EQUAL(read_text("\n\n# -m x\n  \t \n\t# x\r\n#\n"), 0);
	EXPECT_EQUAL(read_text("-m 100 # -c 7\nport 5#6\ndisable-cas#\n"
	    "  threads 3 # 4\n-v#\n"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(options.conn_limit, 1024);
	EXPECT_EQUAL(options.port, 5);
	EXPECT_EQUAL(options.threads, 3);
	EXPECT(!options.cas);
	EXPECT_EQUAL(options.verbose, 1);
}

static void
lines_may_end_as_on_other_systems(void)
{
	EXPECT_EQUAL(read_text("-m 100\r\nport 5\r\n\r\nthreads=3\r\n"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(options.port, 5);
	EXPECT_EQUAL(options.threads, 3);
}

static void
quotes_and_backslashes_keep_what_they_hold(void)
{
	EXPECT_EQUAL(read_text("user 'a b#c'\n-P \"/x \\\"y\\\" \\\\\"\n"
	    "-s /a\\ b\\#c'\"'\"'\"\n"), 0);
	EXPECT_TEXT(options.user, "a b#c");
	EXPECT_TEXT(options.pid_file, "/x \"y\" \\");
	EXPECT_TEXT(options.unix_socket, "/a b#c\"'");
	EXPECT_TEXT(complaint("user 'a\n-m 1\n"), "1: a quote has no end");
	EXPECT_TEXT(complaint("-u \"a\\\"\n"), "1: a quote has no end");
	EXPECT_TEXT(complaint("user ''\n"), "1: user: the value is empty");
	EXPECT_EQUAL(read_text("-u x\\\n"), 0);
	EXPECT_TEXT(options.user, "x\\");
}

static void
what_debian_skips_is_skipped(void)
{
	EXPECT_EQUAL(read_text("# comment\n-d\nlogfile /var/log/x.log\n"
	    "-h\n-m 100\ndaemon\nlogfile\n"), 0);
	EXPECT(!options.daemon);
	EXPECT_EQUAL(options.action, OPTIONS_RUN);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(parse("-d --config A"), 0);
	EXPECT(options.daemon);
}

static void
the_command_line_counts_more_wherever_config_stands(void)
{
	write_file(0, "-m 100\n-c 7\n-vv\nlisten a,b\nmaxconns_fast\n");
	EXPECT_EQUAL(parse("-m 200 --config A -v -o no_maxconns_fast"), 0);
	EXPECT_EQUAL(options.memory_limit, 200 << 20);
	EXPECT_EQUAL(options.conn_limit, 7);
	EXPECT_EQUAL(options.verbose, 1);
	EXPECT(!options.maxconns_fast);
	EXPECT_EQUAL(options.listen.count, 2);
	EXPECT_EQUAL(parse("--config A -l c"), 0);
	EXPECT_EQUAL(options.listen.count, 1);
	EXPECT_EQUAL(parse("-l c -l d -l e --config A"), 0);
	EXPECT_EQUAL(options.listen.count, 3);
	EXPECT_TEXT(options.listen.addresses[0].host, "c");
	EXPECT_EQUAL(options.verbose, 2);
}

static void
a_later_file_counts_more_than_an_earlier_one(void)
{
	write_file(0, "-m 100\n-l a\n-l b\n-v\n-c 7\n");
	write_file(1, "-m 200\n-l c\n-v\n");
	EXPECT_EQUAL(parse("--config A --config B"), 0);
	EXPECT_EQUAL(options.memory_limit, 200 << 20);
	EXPECT_EQUAL(options.listen.count, 1);
	EXPECT_EQUAL(options.verbose, 1);
	EXPECT_EQUAL(options.conn_limit, 7);
	EXPECT_EQUAL(parse("--config B --config A"), 0);
	EXPECT_EQUAL(options.memory_limit, 100 << 20);
	EXPECT_EQUAL(options.listen.count, 2);
}

static void
a_socket_of_the_file_and_a_port_of_the_command_line_are_both_used(void)
{
	write_file(0, "-s /s\n");
	EXPECT_EQUAL(parse("--config A"), 0);
	EXPECT_EQUAL(options.listen.count, 0);
	EXPECT_EQUAL(parse("--config A -p 7"), 0);
	EXPECT_EQUAL(options.listen.count, 1);
}

static void
what_is_wrong_is_told_with_its_line(void)
{
	EXPECT_TEXT(complaint("-m 64\n\n-p x\n"),
	    "3: -p: \"x\" is not a number from -1 to 65535");
	EXPECT_TEXT(complaint("port x"),
	    "1: port: \"x\" is not a number from -1 to 65535");
	EXPECT_TEXT(complaint("# a\nmemory_limit 64\n"),
	    "2: unknown option \"memory_limit\"; did you mean "
	    "\"--memory-limit\"?");
	EXPECT_TEXT(complaint("-z\n"),
	    "1: unknown option \"-z\"; see cairnd --help");
	EXPECT_TEXT(complaint("\n= 3\n"),
	    "2: unknown option \"\"; see cairnd --help");
	EXPECT_TEXT(complaint("port\n"), "1: port needs an argument: number");
	EXPECT_TEXT(complaint("hashpower =\n"),
	    "1: hashpower needs an argument: number");
	EXPECT_TEXT(complaint("disable-cas yes\n"),
	    "1: disable-cas takes no argument");
	EXPECT_TEXT(complaint("no_maxconns_fast = 1\n"),
	    "1: no_maxconns_fast takes no argument");
	EXPECT_TEXT(complaint("listen a, b\n"),
	    "1: listen: unexpected argument \"b\"");
	EXPECT_TEXT(complaint("-v b\n"),
	    "1: unexpected argument \"b\"; see cairnd --help");
}

static void
what_does_not_belong_into_a_file_is_refused(void)
{
	EXPECT_TEXT(complaint("-v\n--config B\n"),
	    "2: --config only works on the command line");
	EXPECT_TEXT(complaint("config B\n"),
	    "1: config only works on the command line");
	EXPECT_TEXT(complaint("-V\n"), "1: -V only works on the command line");
	EXPECT_TEXT(complaint("license\n"),
	    "1: license only works on the command line");
}

/* Fill a file with lines of `length` bytes, of which each is a comment. */
static void
write_comments(size_t length, size_t count)
{
	char *text = malloc(length * count + 1);

	if (text == NULL)
		abort();
	memset(text, '#', length * count);
	for (size_t i = 1; i <= count; i++)
		text[length * i - 1] = '\n';
	write_bytes(0, text, length * count);
	free(text);
}

static void
lines_and_files_have_a_longest_length(void)
{
	char words[3 * 64 + 1];

	write_comments(4097, 1);
	EXPECT_EQUAL(parse("--config A"), 0);
	write_comments(4098, 1);
	EXPECT_EQUAL(parse("--config A"), -1);
	EXPECT(strstr(problem.text, ":1: longer than 4096 bytes") != NULL);
	write_comments(1024, 64);
	EXPECT_EQUAL(parse("--config A"), 0);
	write_comments(1024, 65);
	EXPECT_EQUAL(parse("--config A"), -1);
	EXPECT(strstr(problem.text, ": more than 65536 bytes") != NULL);
	EXPECT_EQUAL(parse("--config /dev/zero"), -1);
	EXPECT_TEXT(problem.text, "/dev/zero: more than 65536 bytes");
	for (size_t i = 0; i < 64; i++)
		memcpy(words + 3 * i, "-v ", 4);
	EXPECT_TEXT(complaint(words), "1: more than 63 words");
	words[3 * 63] = '\0';
	EXPECT_EQUAL(read_text(words), 0);
	EXPECT_EQUAL(options.verbose, 63);
}

static void
what_is_no_text_file_is_refused(void)
{
	EXPECT_EQUAL(parse("--config /nowhere/at/all"), -1);
	EXPECT_TEXT(problem.text,
	    "/nowhere/at/all: No such file or directory");
	EXPECT_EQUAL(parse("--config /"), -1);
	EXPECT_TEXT(problem.text, "/: Is a directory");
	write_bytes(0, "-m\0 64\n", 7);
	EXPECT_EQUAL(parse("--config A"), -1);
	EXPECT(strstr(problem.text, ": not a text file") != NULL);
	EXPECT_EQUAL(parse("--config"), -1);
	EXPECT_TEXT(problem.text, "--config needs an argument: file");
}

static void
help_needs_no_file(void)
{
	EXPECT_EQUAL(parse("--config /nowhere/at/all --help"), 0);
	EXPECT_EQUAL(options.action, OPTIONS_HELP);
}

int
main(void)
{
	for (unsigned i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof paths[i], "/tmp/cairn-XXXXXX");
		close(mkstemp(paths[i]));
	}
	RUN(a_file_says_what_a_command_line_says);
	RUN(names_need_no_dashes);
	RUN(comments_and_blank_lines_say_nothing);
	RUN(lines_may_end_as_on_other_systems);
	RUN(quotes_and_backslashes_keep_what_they_hold);
	RUN(what_debian_skips_is_skipped);
	RUN(the_command_line_counts_more_wherever_config_stands);
	RUN(a_later_file_counts_more_than_an_earlier_one);
	RUN(a_socket_of_the_file_and_a_port_of_the_command_line_are_both_used);
	RUN(what_is_wrong_is_told_with_its_line);
	RUN(what_does_not_belong_into_a_file_is_refused);
	RUN(lines_and_files_have_a_longest_length);
	RUN(what_is_no_text_file_is_refused);
	RUN(help_needs_no_file);
	options_free(&options);
	for (unsigned i = 0; i < 2; i++)
		unlink(paths[i]);
	return tap_done();
}
