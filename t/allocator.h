/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * allocator.h - counts the calls of malloc(3) and its kin in this program.
 *
 * Include it in one file of a program: it defines these functions, which pass
 * each call on to the C library's. With a sanitizer, which brings its own,
 * ALLOCATOR_COUNTS is 0 and nothing is counted.
 */
#ifndef T_ALLOCATOR_H
#define T_ALLOCATOR_H

#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ALLOCATOR_COUNTS	0
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ALLOCATOR_COUNTS	0
#endif
#ifndef ALLOCATOR_COUNTS
#define ALLOCATOR_COUNTS	1
#endif

/* Calls so far, of all threads. */
static _Atomic uint64_t allocator_calls;

#if ALLOCATOR_COUNTS

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The C library's, as soon as they are known. */
static struct {
	void	*(*malloc)(size_t);
	void	*(*calloc)(size_t, size_t);
	void	*(*realloc)(void *, size_t);
	void	 (*free)(void *);
	int	 (*posix_memalign)(void **, size_t, size_t);
	void	*(*aligned_alloc)(size_t, size_t);
} allocator;

/* What dlsym(3) itself asks for; never given back. */
static _Alignas(16) char allocator_early[8192];
static size_t allocator_early_used;

static void *
allocator_early_take(size_t bytes)
{
	void *taken = allocator_early + allocator_early_used;

	allocator_early_used += (bytes + 15) / 16 * 16;
	if (allocator_early_used > sizeof allocator_early)
		abort();
	return taken;
}

static int
allocator_is_early(const void *memory)
{
	return (const char *)memory >= allocator_early &&
	    (const char *)memory < allocator_early + sizeof allocator_early;
}

/* A function pointer is no object pointer: copy its bytes. */
static void
allocator_find_one(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (found == NULL)
		abort();
	memcpy(function, &found, sizeof found);
}

static int
allocator_find(void)
{
	static int finding;

	if (allocator.free != NULL)
		return 1;
	if (finding)
		return 0;
	finding = 1;
	allocator_find_one(&allocator.malloc, "malloc");
	allocator_find_one(&allocator.calloc, "calloc");
	allocator_find_one(&allocator.realloc, "realloc");
	allocator_find_one(&allocator.posix_memalign, "posix_memalign");
	allocator_find_one(&allocator.aligned_alloc, "aligned_alloc");
	allocator_find_one(&allocator.free, "free");
	return 1;
}

void *
malloc(size_t bytes)
{
	allocator_calls++;
	return allocator_find() ? allocator.malloc(bytes) :
	    allocator_early_take(bytes);
}

void *
calloc(size_t count, size_t size)
{
	allocator_calls++;
	return allocator_find() ? allocator.calloc(count, size) :
	    allocator_early_take(count * size);
}

void *
realloc(void *memory, size_t bytes)
{
	allocator_calls++;
	if (!allocator_find() || allocator_is_early(memory))
		abort();
	return allocator.realloc(memory, bytes);
}

void
free(void *memory)
{
	if (memory == NULL || allocator_is_early(memory))
		return;
	allocator_calls++;
	if (allocator_find())
		allocator.free(memory);
}

int
posix_memalign(void **memory, size_t alignment, size_t bytes)
{
	allocator_calls++;
	return allocator_find() ?
	    allocator.posix_memalign(memory, alignment, bytes) : ENOMEM;
}

void *
aligned_alloc(size_t alignment, size_t bytes)
{
	allocator_calls++;
	return allocator_find() ?
	    allocator.aligned_alloc(alignment, bytes) : NULL;
}

#endif
#endif
