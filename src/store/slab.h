/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slab.h - pages cut into equal chunks by size class. Private to src/store/.
 *
 * One address range is reserved per store and cut into pages of one size.
 * A page belongs to a class, which cuts it into chunks, or to the pool of
 * free pages. A chunk is named by a handle, its offset / ITEM_UNIT, so that
 * finding it costs one addition. The slab knows nothing about eviction: when
 * there is no chunk it says so.
 *
 * The pages of a class are in two queues: in the small one items are on
 * probation, in the main one they have proved themselves (evict.c). A page
 * is in one queue as a whole, and can change it without being touched.
 */
#ifndef STORE_SLAB_H
#define STORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/item.h"

#define SLAB_CLASSES_MAX	128
#define SLAB_NO_PAGE		0	/* page 0 is never used */
#define SLAB_NO_CLASS		UINT8_MAX

enum slab_queue_name { SLAB_SMALL, SLAB_MAIN, SLAB_QUEUES };

/* Marks of a page's chunks, see expiry.c: one bit each of 256. */
struct slab_marks {
	uint64_t	word[4];
};

/* One page's bookkeeping; all chunk numbers count from the page's start. */
struct slab_page {
	uint32_t	next, prev;	/* ring of the queue's pages, or pool */
	uint32_t	partial_next, partial_prev;	/* pages with room */
	uint32_t	free;		/* handle of the first free chunk */
	uint32_t	fresh;		/* chunks from here were never used */
	uint32_t	used;		/* chunks in use */
	uint32_t	pinned;		/* pins on items with a chunk here */
	uint8_t		class;
	uint8_t		queue;
	bool		closed;		/* gives no chunk: it is being emptied */
	struct slab_marks marks;	/* that some chunk here has */
};

struct slab_queue {
	uint32_t	pages;		/* how many the queue has */
	uint32_t	partial;	/* first page with a free chunk */
	uint32_t	hand_page;	/* where the eviction hand stands */
	uint32_t	hand_chunk;
	uint64_t	used;		/* chunks in use */
};

struct slab_class {
	uint32_t		chunk_size;	/* bytes */
	uint32_t		chunks;		/* per page */
	uint32_t		offset;		/* of the first chunk */
	struct slab_queue	queue[SLAB_QUEUES];
};

/* Where pages lie that are to outlive the process. */
struct slab_file {
	int			 fd;		/* -1: nowhere */
	size_t			 offset;
};

struct slab {
	char			*base;		/* of the address range */
	struct slab_file	 file;
	size_t			 reserved;	/* its length in bytes */
	size_t			 committed;	/* how much of it is usable */
	unsigned		 page_shift;	/* page size = 1 << page_shift */
	uint32_t		 pages_touched;	/* pages below were used once */
	uint32_t		 pages_held;	/* in classes and in the pool */
	uint32_t		 pages_allowed;	/* by the memory limit */
	uint32_t		 pages_pooled;	/* in the pool */
	uint32_t		 pool;		/* first free page with memory */
	uint32_t		 returned;	/* first page given back to the OS */
	struct slab_page	*pages;
	unsigned		 class_count;
	struct slab_class	 classes[SLAB_CLASSES_MAX];
};

struct slab_config {
	const struct slab_file *file;	/* has `reserve` bytes; or NULL */
	size_t	limit;		/* bytes; decides the page size */
	size_t	reserve;	/* bytes of address range, at most 32 GB */
	double	growth_factor;	/* between classes above the 8-byte steps */
	size_t	chunk_min;	/* smallest chunk, bytes */
	bool	large_pages;	/* of the system, where it has them */
};

int	slab_open(struct slab *, const struct slab_config *, struct error *);
void	slab_close(struct slab *);

static inline size_t
slab_page_size(const struct slab *slab)
{
	return (size_t)1 << slab->page_shift;
}

static inline struct item *
slab_item(const struct slab *slab, uint32_t handle)
{
	return (struct item *)(void *)
	    (slab->base + (size_t)handle * ITEM_UNIT);
}

static inline uint32_t
slab_page_of(const struct slab *slab, uint32_t handle)
{
	return (uint32_t)((size_t)handle * ITEM_UNIT >> slab->page_shift);
}

static inline const struct slab_class *
slab_class_of(const struct slab *slab, uint32_t handle)
{
	return &slab->classes[slab->pages[slab_page_of(slab, handle)].class];
}

/* The marks of a page's chunks, one byte each; they outlive the items. */
static inline uint8_t *
slab_marks(const struct slab *slab, uint32_t page)
{
	return (uint8_t *)slab->base + ((size_t)page << slab->page_shift);
}

/* Where the first chunk is, of a page that belongs to the class. */
static inline const char *
slab_chunks(const struct slab *slab, uint32_t page,
    const struct slab_class *class)
{
	return slab->base + ((size_t)page << slab->page_shift) +
	    class->offset;
}

/* Handle of chunk number `chunk` of a page that belongs to a class. */
static inline uint32_t
slab_handle(const struct slab *slab, uint32_t page, uint32_t chunk)
{
	const struct slab_class *class =
	    &slab->classes[slab->pages[page].class];

	return (uint32_t)((((size_t)page << slab->page_shift) +
	    class->offset + (size_t)chunk * class->chunk_size) / ITEM_UNIT);
}

/* The number in its page of the chunk that `offset` in the page is in. */
static inline uint32_t
slab_chunk_at(const struct slab_class *class, size_t offset)
{
	return (uint32_t)((uint32_t)offset - class->offset) /
	    class->chunk_size;
}

static inline uint32_t
slab_class_pages(const struct slab_class *class)
{
	return class->queue[SLAB_SMALL].pages + class->queue[SLAB_MAIN].pages;
}

/* The largest chunk that holds an item in one piece. */
size_t	slab_single_max(const struct slab *);

/* The largest chunk, a whole page but for its marks. */
size_t	slab_chunk_max(const struct slab *);

/* The class whose chunks hold `size` bytes, at most slab_chunk_max(). */
unsigned slab_class_for(const struct slab *, size_t size);

/*
 * A free chunk of the queue, marked ITEM_DETACHED so that nobody takes its
 * old contents for an item. 0: there is none.
 */
uint32_t slab_alloc(struct slab *, unsigned class, enum slab_queue_name);

/* Give the class a free page, if there is one and the limit allows it. */
bool	slab_grow(struct slab *, unsigned class, enum slab_queue_name);

/* How many pages are there that slab_grow() would take? */
uint32_t slab_free_pages(const struct slab *);

/* The chunk is free again; a page without used chunks goes to the pool. */
void	slab_free(struct slab *, uint32_t handle);

/*
 * A page that is in the file belongs to a class again, with `fresh` chunks
 * used at least once, of which those are free that say so. It is the last in
 * its queue. First ask whether that can be.
 */
bool	slab_may_restore(const struct slab *, uint32_t page, unsigned class,
	    unsigned queue, uint32_t fresh);
void	slab_restore_page(struct slab *, uint32_t page, unsigned class,
	    enum slab_queue_name, uint32_t fresh);

/* All were restored: what lies between them is free. */
void	slab_restored(struct slab *);

/* Is it the handle of a chunk that was used at least once? */
bool	slab_is_chunk(const struct slab *, uint32_t handle);

/* Free a whole page whose chunks are all dead, whatever their headers say. */
void	slab_free_page(struct slab *, uint32_t page);

/* The page gives no more chunks, until it is free or opened again. */
void	slab_close_page(struct slab *, uint32_t page);
void	slab_open_page(struct slab *, uint32_t page);

/* Move a page with all that is on it to the other queue of its class. */
void	slab_requeue(struct slab *, uint32_t page, enum slab_queue_name);

/* Handle of the chunk that `address` points into. */
uint32_t slab_find_chunk(const struct slab *, const void *address);

/*
 * Set how many pages may be held. Pages in the pool above it go back to the
 * system at once; classes keep theirs until they free them, then these go
 * back too.
 */
void	slab_allow(struct slab *, uint32_t pages);

#endif
