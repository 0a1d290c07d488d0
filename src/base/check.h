/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.h - a bug stops the program here, in release builds too.
 *
 * CHECK(condition) is for what can only be false when cairn itself is wrong.
 * Bad input and a failing system are never checked this way.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(condition)						\
	((condition) ? (void)0 :					\
	    check_failed(#condition, __FILE__, __LINE__, __func__))

/* Say what was expected and where on standard error, then abort(3). */
_Noreturn void	check_failed(const char *condition, const char *file,
		    int line, const char *function);

#endif
