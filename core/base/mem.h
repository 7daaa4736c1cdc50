/* mem.h - memory that is there, or the process ends */
#pragma once

#include <stddef.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Zeroed memory; the one place where "out of memory" is met, and it ends the process. */
void *xcalloc(size_t n, size_t size);
/* Like reallocarray(3); the new part is not zeroed. */
void *xrealloc(void *ptr, size_t n, size_t size);
/* A copy of `len` bytes with a NUL behind it; the caller frees. */
char *xstrndup(const char *text, size_t len);
char *xstrdup(const char *text);
/* printf into memory that the caller frees. */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Makes room for one more element in an array that grows by doubling: *cap is what it
 * holds now, `used` what is taken. Returns the array, which may have moved.
 */
void *array_grow(void *array, size_t used, size_t *cap, size_t size);

/*
 * Says that tens of megabytes will be taken and read at random: they come from huge pages where
 * the kernel has them. Called once, before there are threads.
 */
void mem_expect_much(void);

struct arena;

/* Memory that is given back in one go: one line, one batch, one reload. */
struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */
/* Zeroed, aligned for any type, valid until the arena goes. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strndup(struct arena *a, const char *text, size_t len);
char *arena_strdup(struct arena *a, const char *text);
/* What the arena holds from malloc, in bytes. */
size_t arena_bytes(const struct arena *a);
