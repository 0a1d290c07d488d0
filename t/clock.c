/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - the time, and how a test moves it. */
#include "base/clock.h"

#include <time.h>

#include "tap.h"

static int64_t
system_ms(void)
{
	return (int64_t)time(NULL) * 1000;
}

/* So far that the system's clock cannot be mistaken for it. */
#define FAR	((int64_t)1000 * 1000 * 1000)

/* Spend time until the system's clock has moved on. */
static void
let_time_pass(void)
{
	struct clock system = { .shift_ms = 0 };
	int64_t before = clock_unix_ms(&system);

	while (clock_unix_ms(&system) < before + 2)
		;
}

static void
a_clock_shows_the_time_of_the_system(void)
{
	struct clock clock = { .shift_ms = 0 };
	int64_t before = system_ms();
	int64_t shown = clock_unix_ms(&clock);

	EXPECT(shown >= before && shown < system_ms() + 1000);
	let_time_pass();
	EXPECT(clock_unix_ms(&clock) > shown);
}

static void
a_stopped_clock_stands_still(void)
{
	struct clock clock = { .shift_ms = 0 };
	int64_t shown;

	clock_stop(&clock);
	shown = clock_unix_ms(&clock);
	let_time_pass();
	EXPECT_EQUAL(clock_unix_ms(&clock), shown);
	clock_stop(&clock);
	EXPECT_EQUAL(clock_unix_ms(&clock), shown);
	clock_go_on(&clock);
	EXPECT(clock_unix_ms(&clock) > shown);
}

static void
a_clock_is_shifted_both_ways(void)
{
	struct clock clock = { .shift_ms = 0 };
	int64_t before = system_ms();

	EXPECT(clock_shift(&clock, FAR));
	EXPECT(clock_unix_ms(&clock) >= before + FAR);
	EXPECT(clock_shift(&clock, -2 * FAR));
	EXPECT(clock_unix_ms(&clock) < before);
}

static void
a_shift_of_a_stopped_clock_is_exact_and_lasts(void)
{
	struct clock clock = { .shift_ms = 0 };
	int64_t shown;

	clock_stop(&clock);
	shown = clock_unix_ms(&clock);
	EXPECT(clock_shift(&clock, 5000));
	EXPECT_EQUAL(clock_unix_ms(&clock), shown + 5000);
	clock_go_on(&clock);
	EXPECT(clock_unix_ms(&clock) >= shown + 5000);
}

static void
a_clock_is_not_shifted_out_of_reach(void)
{
	struct clock clock = { .shift_ms = 0 };

	EXPECT(!clock_shift(&clock, CLOCK_SHIFT_MAX + 1));
	EXPECT(!clock_shift(&clock, -CLOCK_SHIFT_MAX - 1));
	EXPECT(clock_shift(&clock, CLOCK_SHIFT_MAX));
	EXPECT(!clock_shift(&clock, 1));
	EXPECT(clock_shift(&clock, -CLOCK_SHIFT_MAX));
	EXPECT(clock_shift(&clock, -CLOCK_SHIFT_MAX));
	EXPECT(!clock_shift(&clock, -1));
	EXPECT_EQUAL(clock.shift_ms, -CLOCK_SHIFT_MAX);
}

int
main(void)
{
	RUN(a_clock_shows_the_time_of_the_system);
	RUN(a_stopped_clock_stands_still);
	RUN(a_clock_is_shifted_both_ways);
	RUN(a_shift_of_a_stopped_clock_is_exact_and_lasts);
	RUN(a_clock_is_not_shifted_out_of_reach);
	return tap_done();
}
