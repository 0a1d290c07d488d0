/* SPDX-License-Identifier: BSD-3-Clause */
/* base64.c - tests of base/base64.h. */
#include "base/base64.h"

#include "base/random.h"
#include "tap.h"

/* RFC 4648, section 10. */
static const char *const vectors[][2] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static struct slice
slice(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

static void
the_vectors_of_the_rfc_hold(void)
{
	char out[16];
	size_t length;

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const char *plain = vectors[i][0], *text = vectors[i][1];

		length = base64_encode(slice(plain), out);
		EXPECT(slice_equal((struct slice){ out, length },
		    slice(text)));
		EXPECT(base64_decode(slice(text), out, &length));
		EXPECT(slice_equal((struct slice){ out, length },
		    slice(plain)));
	}
}

static void
what_is_not_base64_is_refused(void)
{
	static const char *const wrong[] = {
		"Z", "Zm", "Zm9", "Zm9vY", "=", "==", "===", "====", "Zg=v",
		"Z===", "Zm9 ", "Zm9\n", "Zm9-", "Zm9_", "Zg==Zg==", "Zh==",
		"Zm9=",
	};
	char out[16];
	size_t length;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		EXPECT(!base64_decode(slice(wrong[i]), out, &length));
}

static void
any_bytes_come_back(void)
{
	struct random random = { 1 };
	int wrong = 0;

	for (int n = 0; n < 1000; n++) {
		char bytes[250], text[BASE64_LENGTH(250)], back[252];
		size_t length = random_below(&random, sizeof bytes + 1), got;

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)random_next(&random);
		got = base64_encode((struct slice){ bytes, length }, text);
		wrong += got != BASE64_LENGTH(length) ||
		    !base64_decode((struct slice){ text, got }, back, &got) ||
		    got != length || memcmp(bytes, back, length) != 0;
	}
	EXPECT(wrong == 0);
}

int
main(void)
{
	RUN(the_vectors_of_the_rfc_hold);
	RUN(what_is_not_base64_is_refused);
	RUN(any_bytes_come_back);
	return tap_done();
}
