/* SPDX-License-Identifier: BSD-3-Clause */
/* log.c - see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool
log_wants(const struct log *log, enum log_level level)
{
	return log != NULL && (int)level <= log->level;
}

void
log_write(struct log *log, enum log_level level, const char *format, ...)
{
	char line[512] = "cairnd: ";
	const int prefix = sizeof "cairnd: " - 1;
	va_list arguments;
	int length;

	if (!log_wants(log, level))
		return;
	va_start(arguments, format);
	length = prefix + vsnprintf(line + prefix,
	    sizeof line - (size_t)prefix - 1, format, arguments);
	va_end(arguments);
	if (length > (int)sizeof line - 2)
		length = sizeof line - 2;
	line[length++] = '\n';
	/* One write, so that lines of two threads do not mix. */
	if (write(STDERR_FILENO, line, (size_t)length) == -1)
		return;		/* nowhere left to say so */
}
