/* SPDX-License-Identifier: BSD-3-Clause */
/* users.c - the file of users: what it may hold, and who is known then. */
#include "server/users.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

static char path[] = "/tmp/cairn-users-XXXXXX";
static struct users users;
static struct error problem;

static void
write_bytes(const char *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	fwrite(bytes, 1, length, file);
	fclose(file);
}

static void
write_file(const char *text)
{
	write_bytes(text, strlen(text));
}

/* Open the users of a file with this text. */
static void
open_text(const char *text)
{
	write_file(text);
	EXPECT_EQUAL(users_open(&users, path, NULL, &problem), 0);
}

static bool
knows(const char *name, const char *password)
{
	struct rights *rights;
	bool known = users_know(&users, slice_of(name), slice_of(password),
	    &rights);

	rights_release(rights);
	return known;
}

static void
a_user_is_known_by_name_and_password(void)
{
	open_text("ann:one\nbob:two\n");
	EXPECT(knows("ann", "one"));
	EXPECT(knows("bob", "two"));
	EXPECT(!knows("ann", "two"));
	EXPECT(!knows("bob", "one"));
	EXPECT(!knows("carl", "one"));
	EXPECT(!knows("ann", "on"));
	EXPECT(!knows("ann", "onee"));
	EXPECT(!knows("an", "none"));
	EXPECT(!knows("ann", ""));
	EXPECT(!knows("", "one"));
	EXPECT(!knows("", ""));
	users_close(&users);
}

static void
a_password_may_have_anything_but_line_ends(void)
{
	open_text("ann:a:b \t:\x80#\n#bob:x\na b:c d\n");
	EXPECT(knows("ann", "a:b \t:\x80#"));
	EXPECT(knows("#bob", "x"));
	EXPECT(knows("a b", "c d"));
	EXPECT(!knows("ann", "a"));
	users_close(&users);
}

static void
lines_end_as_they_do_elsewhere(void)
{
	open_text("ann:one\r\n\r\n\nbob:two\n\ncarl:three");
	EXPECT(knows("ann", "one"));
	EXPECT(!knows("ann", "one\r"));
	EXPECT(knows("bob", "two"));
	EXPECT(knows("carl", "three"));
	users_close(&users);
}

static void
a_name_may_have_several_passwords(void)
{
	open_text("ann:old\nann:new\nann:new\n");
	EXPECT(knows("ann", "old"));
	EXPECT(knows("ann", "new"));
	EXPECT(!knows("ann", "other"));
	users_close(&users);
}

static void
an_empty_file_knows_nobody(void)
{
	open_text("");
	EXPECT(!knows("ann", "one"));
	EXPECT(!knows("", ""));
	users_close(&users);
}

static void
there_may_be_very_many_users(void)
{
	FILE *file = fopen(path, "w");
	char name[20], password[20];

	for (unsigned n = 0; n < 100000; n++)
		fprintf(file, "user%u:word%u\n", n, n * 7);
	fclose(file);
	EXPECT_EQUAL(users_open(&users, path, NULL, &problem), 0);
	for (unsigned n = 0; n < 100000; n++) {
		snprintf(name, sizeof name, "user%u", n);
		snprintf(password, sizeof password, "word%u", n * 7);
		if (!EXPECT(knows(name, password)) ||
		    !EXPECT(!knows(password, name)))
			break;
	}
	EXPECT(!knows("user100000", "word700000"));
	users_close(&users);
}

/* The words about a file that is wrong, after its name. */
static const char *
complaint(const char *bytes, size_t length)
{
	write_bytes(bytes, length);
	if (users_open(&users, path, NULL, &problem) == 0) {
		users_close(&users);
		return "none";
	}
	EXPECT_EQUAL(strncmp(problem.text, path, strlen(path)), 0);
	EXPECT(users.path == NULL);
	return problem.text + strlen(path);
}

static void
what_is_wrong_is_said_with_its_line(void)
{
	static char line[2000];

#define COMPLAINT(text)	complaint(text, sizeof(text) - 1)
	EXPECT_TEXT(COMPLAINT("ann:one\n\nbob\n"),
	    ":3: not of the form user:password");
	EXPECT_TEXT(COMPLAINT("ann:one\n: two\n"),
	    ":2: there is no user behind the :");
	EXPECT_TEXT(COMPLAINT("ann:one\n:two +get\n"),
	    ":2: rights of a user who has no password");
	EXPECT_TEXT(COMPLAINT("ann:one\n:ann +nosuch\n"),
	    ":2: there is no call 'nosuch'");
	EXPECT_TEXT(COMPLAINT("ann:one\n:ann +@nosuch\n"),
	    ":2: there is no class of calls 'nosuch'");
	EXPECT_TEXT(COMPLAINT("ann:one\n:ann keys\n"),
	    ":2: 'keys' is none of +call, -call, +@class, -@class, ~keys, "
	    "%R~keys, %W~keys, &channels");
	EXPECT_TEXT(COMPLAINT("ann:\n"),
	    ":1: there is no password after the :");
	EXPECT_TEXT(COMPLAINT("ann:\r\n"),
	    ":1: there is no password after the :");
	EXPECT_TEXT(COMPLAINT("ann:one\nbob:t\0wo\n"),
	    ":2: a zero byte in a line");
	memset(line, 'x', sizeof line);
	line[3] = ':';
	EXPECT_TEXT(complaint(line, 1024), "none");
	line[1024] = '\n';
	EXPECT_TEXT(complaint(line, 1025), "none");
	EXPECT_TEXT(complaint(line + 1, 1024), "none");
	line[1024] = 'x';
	EXPECT_TEXT(complaint(line, 1025), ":1: longer than 1024 bytes");
}

static void
the_longest_line_is_a_user(void)
{
	static char line[1025];
	struct rights *rights;

	memset(line, 'x', 1024);
	line[3] = ':';
	open_text(line);
	EXPECT(knows("xxx", line + 4));
	EXPECT(!knows("xxx", line + 5));
	/* One more than any user has. */
	EXPECT(!users_know(&users, SLICE("xxxx"),
	    (struct slice){ line + 4, 1020 }, &rights));
	users_close(&users);
}

static void
a_file_that_is_not_there_is_said_so(void)
{
	struct users none;

	EXPECT_EQUAL(users_open(&none, "/nowhere/users", NULL, &problem),
	    -1);
	EXPECT_TEXT(problem.text, "/nowhere/users: No such file or directory");
	EXPECT_EQUAL(users_open(&none, "/tmp", NULL, &problem), -1);
	EXPECT_TEXT(problem.text, "/tmp: Is a directory");
}

static void
a_file_is_read_again(void)
{
	open_text("ann:one\nbob:two\n");
	write_file("ann:new\ncarl:three\n");
	EXPECT(knows("ann", "one"));
	EXPECT_EQUAL(users_reload(&users, &problem), 0);
	EXPECT(!knows("ann", "one"));
	EXPECT(knows("ann", "new"));
	EXPECT(!knows("bob", "two"));
	EXPECT(knows("carl", "three"));
	users_close(&users);
}

static void
a_wrong_file_changes_nothing(void)
{
	open_text("ann:one\n");
	write_file("bob:two\nnonsense\n");
	EXPECT_EQUAL(users_reload(&users, &problem), -1);
	EXPECT(strstr(problem.text, ":2: not of the form") != NULL);
	EXPECT(knows("ann", "one"));
	EXPECT(!knows("bob", "two"));
	unlink(path);
	EXPECT_EQUAL(users_reload(&users, &problem), -1);
	EXPECT(knows("ann", "one"));
	users_close(&users);
}

static void
a_relative_path_is_good_after_a_change_of_directory(void)
{
	write_file("ann:one\n");
	EXPECT_EQUAL(chdir("/tmp"), 0);
	EXPECT_EQUAL(users_open(&users, path + strlen("/tmp/"), NULL,
	    &problem), 0);
	EXPECT_EQUAL(chdir("/"), 0);
	write_file("ann:two\n");
	EXPECT_EQUAL(users_reload(&users, &problem), 0);
	EXPECT(knows("ann", "two"));
	users_close(&users);
}

static void *
ask_all_the_time(void *stop)
{
	unsigned wrong = 0;

	while (!atomic_load((_Atomic bool *)stop))
		wrong += !knows("ann", "one") || knows("ann", "two");
	return (void *)(uintptr_t)wrong;
}

static void
others_ask_while_it_is_read_again(void)
{
	_Atomic bool stop = false;
	pthread_t thread;
	void *wrong;

	open_text("ann:one\nbob:two\n");
	EXPECT_EQUAL(pthread_create(&thread, NULL, ask_all_the_time, &stop),
	    0);
	for (int i = 0; i < 500; i++)
		EXPECT_EQUAL(users_reload(&users, &problem), 0);
	atomic_store(&stop, true);
	pthread_join(thread, &wrong);
	EXPECT_EQUAL((uintptr_t)wrong, 0);
	users_close(&users);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd == -1) {
		printf("Bail out! %s\n", path);
		return 1;
	}
	close(fd);
	RUN(a_user_is_known_by_name_and_password);
	RUN(a_password_may_have_anything_but_line_ends);
	RUN(lines_end_as_they_do_elsewhere);
	RUN(a_name_may_have_several_passwords);
	RUN(an_empty_file_knows_nobody);
	RUN(there_may_be_very_many_users);
	RUN(what_is_wrong_is_said_with_its_line);
	RUN(the_longest_line_is_a_user);
	RUN(a_file_that_is_not_there_is_said_so);
	RUN(a_file_is_read_again);
	RUN(a_wrong_file_changes_nothing);
	RUN(a_relative_path_is_good_after_a_change_of_directory);
	RUN(others_ask_while_it_is_read_again);
	unlink(path);
	return tap_done();
}
