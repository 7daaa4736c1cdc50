/*
 * table - a hash table of small elements that forgets what is idle
 *
 * Open addressing with linear probing; elements are moved back on removal, so there are no
 * tombstones. Windows, queue ids and addresses come and go by the million while few are alive
 * at once: before it grows, the table drops what its owner calls idle, so its size follows
 * what is alive. A table that attackers can fill has a bound; there the victim is the oldest of
 * a few neighbours, which is near enough to the oldest of all.
 */
#include "core/base/table.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 64, SAMPLE = 8 };

/* In `used`. */
enum { USED = 1, MARKED = 2, SETTLED = 4 };

static struct table_head *at(const struct table *t, size_t i)
{
	return (struct table_head *)(void *)(t->slot + i * t->size);
}

static size_t home(const struct table *t, uint64_t key)
{
	return (size_t)(key & (t->cap - 1));
}

void table_init(struct table *t, size_t element_size, size_t most, void (*drop)(void *element))
{
	assert(element_size >= sizeof(struct table_head) && element_size % sizeof(uint64_t) == 0);
	*t = (struct table){ .size = element_size, .cap = FIRST, .most = most, .drop = drop };
	t->slot = xcalloc(t->cap, t->size);
}

void table_fini(struct table *t)
{
	for (void *e = NULL; t->drop && (e = table_next(t, e));)
		t->drop(e);
	free(t->slot);
	free(t->gone);
	*t = (struct table){ 0 };
}

void *table_next(const struct table *t, const void *element)
{
	size_t i = element ? (size_t)((const char *)element - t->slot) / t->size + 1 : 0;

	for (; i < t->cap; i++)
		if (at(t, i)->used)
			return at(t, i);
	return NULL;
}

/* The slot of `key`, or the free one where it belongs. */
static struct table_head *probe(const struct table *t, uint64_t key)
{
	size_t i = home(t, key);

	while (at(t, i)->used && at(t, i)->key != key)
		i = (i + 1) & (t->cap - 1);
	return at(t, i);
}

void *table_find(const struct table *t, uint64_t key)
{
	struct table_head *e = probe(t, key);

	return e->used ? e : NULL;
}

void table_fetch(const struct table *t, uint64_t key)
{
	__builtin_prefetch(at(t, home(t, key)));
}

/* Closes the gap at `hole`: what was pushed behind it moves up. */
static void close_gap(struct table *t, size_t hole)
{
	size_t i = hole;

	for (;;) {
		i = (i + 1) & (t->cap - 1);
		if (!at(t, i)->used)
			break;
		/* An element may fill the hole unless its home lies behind it, cyclically. */
		if (((i - home(t, at(t, i)->key)) & (t->cap - 1)) < ((i - hole) & (t->cap - 1)))
			continue;
		memcpy(at(t, hole), at(t, i), t->size);
		hole = i;
	}
	memset(at(t, hole), 0, t->size);
}

/* An element goes for good. */
static void let_go(struct table *t, struct table_head *e)
{
	if (e->used & SETTLED) {
		t->gone = array_grow(t->gone, t->n_gone, &t->cap_gone, sizeof(*t->gone));
		t->gone[t->n_gone++] = e->key;
	}
	if (t->drop)
		t->drop(e);
}

void table_take(struct table *t, void *element)
{
	close_gap(t, (size_t)((char *)element - t->slot) / t->size);
	t->n--;
}

void table_remove(struct table *t, void *element)
{
	let_go(t, element);
	table_take(t, element);
}

/* Moves all elements but the idle ones into `cap` slots. */
static void rebuild(struct table *t, size_t cap, uint32_t idle_before)
{
	const struct table old = *t;

	t->cap = cap;
	t->n = 0;
	t->slot = xcalloc(cap, t->size);
	for (struct table_head *e = NULL; (e = table_next(&old, e));) {
		if (e->last < idle_before) {
			let_go(t, e);
			continue;
		}
		memcpy(probe(t, e->key), e, t->size);
		t->n++;
	}
	free(old.slot);
}

static size_t count_idle(const struct table *t, uint32_t idle_before)
{
	size_t n = 0;

	for (const struct table_head *e = NULL; (e = table_next(t, e));)
		n += e->last < idle_before;
	return n;
}

/*
 * At the bound somebody has to go: the one longest idle of the first few met from `key` on. False
 * where these all are in use for as long as their owner says (TABLE_PINNED).
 */
static bool evict_one(struct table *t, uint64_t key)
{
	struct table_head *victim = NULL;
	size_t i = home(t, key ^ t->n * 0x9e3779b97f4a7c15ULL);

	for (int seen = 0; seen < SAMPLE; i = (i + 1) & (t->cap - 1)) {
		struct table_head *e = at(t, i);

		if (!e->used)
			continue;
		seen++;
		if (!victim || e->last < victim->last)
			victim = e;
	}
	if (victim->last == TABLE_PINNED)
		return false;
	table_remove(t, victim);
	return true;
}

static void make_room(struct table *t, uint64_t key, uint32_t idle_before)
{
	if (t->most && t->n >= t->most && t->n > SAMPLE && evict_one(t, key))
		return;
	if (t->n < t->cap - t->cap / 4)
		return;
	/* Worth keeping the size only where that frees a good part; else it would be for ever. */
	rebuild(t, count_idle(t, idle_before) > t->n / 3 ? t->cap : t->cap * 2, idle_before);
}

void *table_add(struct table *t, uint64_t key, uint32_t idle_before, bool *is_new)
{
	struct table_head *e = probe(t, key);

	if (is_new)
		*is_new = !e->used;
	if (e->used)
		return e;
	make_room(t, key, idle_before);
	e = probe(t, key);
	e->key = key;
	e->used = USED;
	t->n++;
	return e;
}

void table_mark(void *element)
{
	((struct table_head *)element)->used |= MARKED;
}

bool table_is_marked(const void *element)
{
	return ((const struct table_head *)element)->used & MARKED;
}

void *table_next_marked(const struct table *t, const void *element)
{
	struct table_head *e = table_next(t, element);

	while (e && !(e->used & MARKED))
		e = table_next(t, e);
	return e;
}

void table_settle(void *element)
{
	((struct table_head *)element)->used = USED | SETTLED;
}
