/* table.h - a hash table of small elements that forgets what is idle */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As `last`: never idle, and not dropped at the table's bound either. */
#define TABLE_PINNED UINT32_MAX

/* What every element begins with. */
struct table_head {
	uint64_t key;  /* a hash (core/base/hash.h) */
	uint32_t last; /* when it was last of use, in seconds since 1970; kept by the owner */
	uint32_t used; /* the table's: flags */
};

/*
 * Elements lie in the table itself and move when it grows: a pointer to one is valid until the
 * next table_add() or table_remove(). Init with table_init(); all fields are private.
 */
struct table {
	char *slot;
	size_t size, n, cap, most;
	void (*drop)(void *element); /* gives back what an element owns */
	uint64_t *gone;              /* keys of elements that were saved, and are no more */
	size_t n_gone, cap_gone;
};

/* `most` bounds the number of elements (0: none does). `drop` may be NULL. */
void table_init(struct table *t, size_t element_size, size_t most, void (*drop)(void *element));
void table_fini(struct table *t);

/* NULL where the key is not in it. */
void *table_find(const struct table *t, uint64_t key);
/*
 * Finds or adds the key; a new element is zeroed behind its head (*is_new tells; may be NULL).
 * Before the table grows it drops elements last used before `idle_before`; at its bound it
 * drops the one least recently used of a few.
 */
void *table_add(struct table *t, uint64_t key, uint32_t idle_before, bool *is_new);
/* Has the place of the key fetched into the cache, for a look-up soon. */
void table_fetch(const struct table *t, uint64_t key);
void table_remove(struct table *t, void *element);
/* The element after `element` (NULL: the first), in no order; NULL behind the last. */
void *table_next(const struct table *t, const void *element);

/*
 * For an owner who saves what changed: it marks an element with each change, walks the marked ones
 * (NULL: from the first), and settles each once it is saved. A settled one that goes later, for
 * whatever reason, leaves its key in `gone`, until the owner sets n_gone to 0. Nothing is noted
 * where nothing was ever settled.
 */
void table_mark(void *element);
bool table_is_marked(const void *element);
void *table_next_marked(const struct table *t, const void *element);
void table_settle(void *element);
/* Takes an element out without its drop() and without a trace: it goes on living elsewhere. */
void table_take(struct table *t, void *element);
