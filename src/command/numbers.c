/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * numbers.c - numbers as Redis reads and writes them, and calls that add.
 *
 * An integer has one spelling only; whatever else a client stored is no
 * number. Fractions are long doubles, as there.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/calls.h"

bool
call_parse_integer(struct slice text, int64_t *number)
{
	size_t sign = text.length > 0 && text.bytes[0] == '-';

	if (text.length > sign && text.bytes[sign] == '0' && text.length > 1)
		return false;
	return decimal_parse_signed(text, number);
}

size_t
call_format_integer(char text[1 + DECIMAL_MAX], int64_t number)
{
	if (number >= 0)
		return decimal_format(text, (uint64_t)number);
	text[0] = '-';
	return 1 + decimal_format(text + 1, 0 - (uint64_t)number);
}

bool
call_parse_float(struct slice text, long double *number)
{
	char copy[CALL_FLOAT_MAX], *end;
	long double value;

	if (text.length == 0 || text.length >= sizeof copy ||
	    text.bytes[0] == ' ' ||
	    (text.bytes[0] >= '\t' && text.bytes[0] <= '\r'))
		return false;
	memcpy(copy, text.bytes, text.length);
	copy[text.length] = '\0';
	errno = 0;
	value = strtold(copy, &end);
	if (end != copy + text.length || isnan(value) || errno == EINVAL)
		return false;
	if (errno == ERANGE && (isinf(value) ||
	    fpclassify(value) == FP_ZERO))
		return false;
	*number = value;
	return true;
}

size_t
call_format_float(char text[CALL_FLOAT_MAX], long double number)
{
	int length = snprintf(text, CALL_FLOAT_MAX, "%.17Lf", number);

	while (text[length - 1] == '0')
		length--;
	if (text[length - 1] == '.')
		length--;
	if (length == 2 && memcmp(text, "-0", 2) == 0)
		text[--length - 1] = '0';
	return (size_t)length;
}

/* What INCR and its like add. False: the error is told. */
static bool
read_delta(struct call *call, int64_t *delta)
{
	bool subtract = call->row->id == CALL_DECR ||
	    call->row->id == CALL_DECRBY;

	*delta = 1;
	if (call->count == 3 && !call_integer(call, 2, delta))
		return false;
	if (subtract && *delta == INT64_MIN) {
		resp_error(call->output, "ERR decrement would overflow");
		return false;
	}
	if (subtract)
		*delta = -*delta;
	return true;
}

/* The value of what was found; it is not in pieces. */
static struct slice
value_of(const struct place *place)
{
	return (struct slice){ place->item.value, place->item.length };
}

void
numbers_add(struct call *call)
{
	char digits[1 + DECIMAL_MAX];
	struct place place;
	int64_t number = 0, delta;
	enum store_result result;

	if (!read_delta(call, &delta) || !call_look_string(call, 1, &place))
		return;
	if (place.there && (place.item.pieces > 0 ||
	    !call_parse_integer(value_of(&place), &number))) {
		call_not_an_integer(call);
		return;
	}
	if (__builtin_add_overflow(number, delta, &number)) {
		resp_error(call->output,
		    "ERR increment or decrement would overflow");
		return;
	}
	result = call_replace(&place, (struct slice){ digits,
	    call_format_integer(digits, number) });
	if (result == STORE_OK)
		resp_integer(call->output, number);
	else
		call_fail(call, result);
}

void
numbers_add_float(struct call *call)
{
	char text[CALL_FLOAT_MAX];
	struct place place;
	long double number = 0, delta;
	struct slice sum = { text, 0 };
	enum store_result result;

	if (!call_look_string(call, 1, &place))
		return;
	if (place.there && (place.item.pieces > 0 ||
	    !call_parse_float(value_of(&place), &number))) {
		resp_error(call->output, "ERR value is not a valid float");
		return;
	}
	if (!call_float(call, 2, &delta))
		return;
	number += delta;
	if (isnan(number) || isinf(number)) {
		resp_error(call->output,
		    "ERR increment would produce NaN or Infinity");
		return;
	}
	sum.length = call_format_float(text, number);
	result = call_replace(&place, sum);
	if (result == STORE_OK)
		resp_bulk(call->output, sum);
	else
		call_fail(call, result);
}
