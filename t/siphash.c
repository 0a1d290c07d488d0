/* SPDX-License-Identifier: BSD-3-Clause */
/* siphash.c - digests are those of the authors' reference. */
#include "base/siphash.h"

#include "tap.h"

/* Of 0, 1, 2, ... bytes 00 01 02 ..., with the key 00 01 ... 0f. */
static const char *const vectors[] = {
	"a3817f04ba25a8e66df67214c7550293",
	"da87c1d86b99af44347659119b22fc45",
	"8177228da4a45dc7fca38bdef60affe4",
	"9c70b60c5267a94e5f33b6b02985ed51",
	"f88164c12d9c8faf7d0f6e7c7bcd5579",
	"1368875980776f8854527a07690e9627",
	"14eeca338b208613485ea0308fd7a15e",
	"a1f1ebbed8dbc153c0b84aa61ff08239",
	"3b62a9ba6258f5610f83e264f31497b4",
};

static const char *
digest_of(const uint8_t *key, const void *bytes, size_t length)
{
	static char text[2 * SIPHASH_DIGEST + 1];
	uint8_t digest[SIPHASH_DIGEST];

	siphash(key, bytes, length, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

static void
fill(uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)i;
}

static void
digests_are_those_of_the_reference(void)
{
	uint8_t bytes[16];

	fill(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		EXPECT_TEXT(digest_of(bytes, bytes, i), vectors[i]);
}

static void
every_byte_and_the_key_matter(void)
{
	uint8_t key[SIPHASH_KEY], bytes[64];
	char before[2 * SIPHASH_DIGEST + 1];

	fill(key, sizeof key);
	fill(bytes, sizeof bytes);
	snprintf(before, sizeof before, "%s",
	    digest_of(key, bytes, sizeof bytes));
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] ^= 0x80;
		EXPECT(strcmp(digest_of(key, bytes, sizeof bytes), before)
		    != 0);
		bytes[i] ^= 0x80;
	}
	for (size_t i = 0; i < sizeof key; i++) {
		key[i] ^= 1;
		EXPECT(strcmp(digest_of(key, bytes, sizeof bytes), before)
		    != 0);
		key[i] ^= 1;
	}
	EXPECT_TEXT(digest_of(key, bytes, sizeof bytes), before);
}

int
main(void)
{
	RUN(digests_are_those_of_the_reference);
	RUN(every_byte_and_the_key_matter);
	return tap_done();
}
