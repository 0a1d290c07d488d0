/* SPDX-License-Identifier: BSD-3-Clause */
/* path.h - names of files. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

/*
 * A name that is good after a change of the working directory, too, to be
 * freed. Links stay links, for whoever puts another file behind them. NULL:
 * errno says why.
 */
char	*path_absolute(const char *path);

#endif
