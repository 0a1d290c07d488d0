/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load.h - what all threads share: made before they begin, and constant but
 * for the wish to end.
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "load/link.h"
#include "load/options.h"
#include "load/values.h"
#include "load/wire.h"

struct load {
	struct options		 options;
	const struct wire	*wire;
	struct keys		 keys;
	struct values		 values;
	struct target		 target;
	_Atomic bool		 stopped;
};

#endif
