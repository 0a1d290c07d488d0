/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tap.h - the Test Anything Protocol for a test program in C.
 *
 *	static void
 *	an_expired_item_is_a_miss(void)
 *	{
 *		EXPECT_EQUAL(find("k"), STORE_MISS);
 *	}
 *
 *	int
 *	main(void)
 *	{
 *		RUN(an_expired_item_is_a_miss);
 *		return tap_done();
 *	}
 *
 * A test goes on after a failed expectation. The state is the program's, so
 * include this in one file of it; expectations belong on the main thread.
 */
#ifndef T_TAP_H
#define T_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_tests;		/* run so far */
static int tap_failures;	/* of those */
static bool tap_test_failed;	/* the one that is running */

/* Run a test function; its name, in words, is the name of the test. */
#define RUN(function)							\
	tap_run(#function, (function))

/* The condition is true. */
#define EXPECT(condition)						\
	tap_expect(__FILE__, __LINE__, #condition, (condition))

/* Two integers are equal. */
#define EXPECT_EQUAL(actual, wanted)					\
	tap_expect_equal(__FILE__, __LINE__, #actual,			\
	    (long long)(actual), (long long)(wanted))

/* Two strings are equal; either may be NULL. */
#define EXPECT_TEXT(actual, wanted)					\
	tap_expect_text(__FILE__, __LINE__, #actual, (actual), (wanted))

static inline void
tap_failed_at(const char *file, int line)
{
	tap_test_failed = true;
	printf("# %s:%d: ", file, line);
}

static inline bool
tap_expect(const char *file, int line, const char *condition, bool holds)
{
	if (!holds) {
		tap_failed_at(file, line);
		printf("expected %s\n", condition);
	}
	return holds;
}

static inline bool
tap_expect_equal(const char *file, int line, const char *expression,
    long long actual, long long wanted)
{
	if (actual != wanted) {
		tap_failed_at(file, line);
		printf("%s is %lld, expected %lld\n", expression, actual,
		    wanted);
	}
	return actual == wanted;
}

/* In quotes on one line, whatever the bytes: a line break would end the `#`. */
static inline void
tap_print_text(const char *text)
{
	if (text == NULL) {
		printf("NULL");
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			printf("\\%c", byte);
		else if (byte >= ' ' && byte < 0x7f)
			putchar(byte);
		else
			printf("\\x%02x", byte);
	}
	putchar('"');
}

static inline bool
tap_expect_text(const char *file, int line, const char *expression,
    const char *actual, const char *wanted)
{
	bool equal = actual == wanted || (actual != NULL && wanted != NULL &&
	    strcmp(actual, wanted) == 0);

	if (!equal) {
		tap_failed_at(file, line);
		printf("%s is ", expression);
		tap_print_text(actual);
		printf(", expected ");
		tap_print_text(wanted);
		putchar('\n');
	}
	return equal;
}

static inline void
tap_run(const char *name, void (*test)(void))
{
	tap_test_failed = false;
	test();
	tap_tests++;
	tap_failures += tap_test_failed;
	printf("%sok %d - ", tap_test_failed ? "not " : "", tap_tests);
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? ' ' : *name);
	putchar('\n');
	/* A later crash must not take this line with it. */
	fflush(stdout);
}

/* Say how many tests ran. Returns the exit status for main(). */
static inline int
tap_done(void)
{
	printf("1..%d\n", tap_tests);
	return tap_failures > 0;
}

#endif
