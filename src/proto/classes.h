/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * classes.h - the classes of calls that Redis knows, "@read" and the like: by
 * them users get their rights, and clients are told what a call is.
 */
#ifndef PROTO_CLASSES_H
#define PROTO_CLASSES_H

#include <stdint.h>

#include "proto/call.h"

/* In the order of ACL CAT. Some have no calls here. */
#define CLASSES(CLASS)							\
	CLASS(keyspace)							\
	CLASS(read)							\
	CLASS(write)							\
	CLASS(set)							\
	CLASS(sortedset)						\
	CLASS(list)							\
	CLASS(hash)							\
	CLASS(string)							\
	CLASS(bitmap)							\
	CLASS(hyperloglog)						\
	CLASS(geo)							\
	CLASS(stream)							\
	CLASS(pubsub)							\
	CLASS(admin)							\
	CLASS(fast)							\
	CLASS(slow)							\
	CLASS(blocking)							\
	CLASS(dangerous)						\
	CLASS(connection)						\
	CLASS(transaction)						\
	CLASS(scripting)

enum class {
#define CLASS_NUMBER(name)	CLASS_##name,
	CLASSES(CLASS_NUMBER)
#undef CLASS_NUMBER
	CLASS_COUNT
};

/* The bit of a class in a set of them. */
#define CLASS_BIT(name)	((uint32_t)1 << CLASS_##name)

extern const char *const class_names[CLASS_COUNT];

/* The class of that name, in any case of letters. -1: there is none. */
int	class_find(struct slice name);

/* The classes of a call. */
uint32_t call_classes(const struct call_row *);

#endif
