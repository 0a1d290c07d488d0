/* SPDX-License-Identifier: BSD-3-Clause */
/* uri.c - tests of base/uri.h. */
#include "base/uri.h"

#include "tap.h"

static bool
becomes(struct slice bytes, const char *wanted)
{
	char out[URI_LENGTH_MAX(256)];
	size_t length = uri_encode(bytes, out);

	return slice_equal((struct slice){ out, length },
	    (struct slice){ wanted, strlen(wanted) });
}

static void
letters_digits_and_four_marks_stay(void)
{
	EXPECT(becomes(SLICE(""), ""));
	EXPECT(becomes(SLICE("azAZ09-._~"), "azAZ09-._~"));
}

static void
other_bytes_become_two_digits(void)
{
	EXPECT(becomes(SLICE("n,foo"), "n%2Cfoo"));
	EXPECT(becomes(SLICE(" %/:@[`{\x7f"), "%20%25%2F%3A%40%5B%60%7B%7F"));
	EXPECT(becomes(SLICE("\0\n\xc3\xa9\xff"), "%00%0A%C3%A9%FF"));
}

static void
no_byte_takes_more_than_three(void)
{
	char all[256], out[URI_LENGTH_MAX(256)];
	size_t length;

	for (unsigned i = 0; i < sizeof all; i++)
		all[i] = (char)i;
	length = uri_encode((struct slice){ all, sizeof all }, out);
	EXPECT_EQUAL(length, 66 + 3 * (256 - 66));
}

int
main(void)
{
	RUN(letters_digits_and_four_marks_stay);
	RUN(other_bytes_become_two_digits);
	RUN(no_byte_takes_more_than_three);
	return tap_done();
}
