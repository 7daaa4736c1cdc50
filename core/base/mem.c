/*
 * mem - memory that is there, or the process ends
 *
 * Nothing in postern is ever half made: an allocation that fails ends the process in
 * out_of_memory(), and the supervisor starts it again from its checkpoint. An arena is a
 * chain of chunks for things that live and die together.
 */
#include "core/base/mem.h"

#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHUNK = 16384 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t data[];
};

struct arena {
	struct chunk *head;
	size_t bytes;
};

static _Noreturn void out_of_memory(size_t n, size_t size)
{
	(void)fprintf(stderr, "postern: out of memory (%zu x %zu bytes)\n", n, size);
	abort();
}

void *xcalloc(size_t n, size_t size)
{
	void *ptr = calloc(n ? n : 1, size ? size : 1);

	if (!ptr)
		out_of_memory(n, size);
	return ptr;
}

void *xrealloc(void *ptr, size_t n, size_t size)
{
	void *moved = reallocarray(ptr, n ? n : 1, size ? size : 1);

	if (!moved)
		out_of_memory(n, size);
	return moved;
}

char *xstrndup(const char *text, size_t len)
{
	char *copy = xcalloc(len + 1, 1);

	memcpy(copy, text, len);
	return copy;
}

char *xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		out_of_memory(1, 0);
	return text;
}

/*
 * Of the first MUCH bytes of the heap. Blocks as large as tables are made to lie in it too, not in
 * mappings of their own. Pages that nobody touches cost nothing.
 */
void mem_expect_much(void)
{
	enum { MUCH = 64 << 20, TABLE_MOST = 16 << 20, HUGE_PAGE = 2 << 20 };
	char *before = sbrk(0), *after, *first;

#ifdef __GLIBC__ /* others' malloc() has no settings */
	(void)mallopt(M_MMAP_THRESHOLD, TABLE_MOST);
	(void)mallopt(M_TOP_PAD, MUCH);
#endif
	free(xcalloc(1, HUGE_PAGE));
	after = sbrk(0);
	first = before + (HUGE_PAGE - (uintptr_t)before % HUGE_PAGE);
	if (after > first)
		(void)madvise(first, (size_t)(after - first), MADV_HUGEPAGE);
}

void *array_grow(void *array, size_t used, size_t *cap, size_t size)
{
	assert(used <= *cap);
	if (used < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 4;
	return xrealloc(array, *cap, size);
}

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = sizeof(max_align_t);
	struct chunk *c = a->head;
	void *ptr;

	size = (size + align - 1) / align * align;
	if (!c || c->size - c->used < size) {
		size_t room = size > CHUNK ? size : CHUNK;

		c = xcalloc(1, sizeof(*c) + room);
		c->size = room;
		c->next = a->head;
		a->head = c;
		a->bytes += sizeof(*c) + room;
	}
	ptr = (char *)c->data + c->used;
	c->used += size;
	return ptr;
}

char *arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

size_t arena_bytes(const struct arena *a)
{
	return a->bytes;
}
