/*
 * prefixset - is an address in one of many prefixes?
 *
 * Prefixes become ranges, sorted and merged once; a question is a binary search. A list of ten
 * thousand networks costs what a list of ten does, nearly.
 */
#include "core/base/prefixset.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct address *a, const struct address *b)
{
	return memcmp(a->byte, b->byte, sizeof(a->byte));
}

static int by_start(const void *a, const void *b)
{
	return compare(&((const struct range *)a)->from, &((const struct range *)b)->from);
}

static struct range range_of(const struct prefix *p)
{
	struct range r = { p->base, p->base };

	for (unsigned int bit = p->bits; bit < 128; bit++)
		r.to.byte[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return r;
}

void prefixset_add(struct prefixset *set, const struct prefix *p)
{
	set->range = array_grow(set->range, set->n, &set->cap, sizeof(*set->range));
	set->range[set->n++] = range_of(p);
}

void prefixset_add_all(struct prefixset *set, const struct prefixset *other)
{
	for (size_t i = 0; i < other->n; i++) {
		set->range = array_grow(set->range, set->n, &set->cap, sizeof(*set->range));
		set->range[set->n++] = other->range[i];
	}
}

void prefixset_seal(struct prefixset *set)
{
	size_t n = 0;

	if (set->n > 1)
		qsort(set->range, set->n, sizeof(*set->range), by_start);
	for (size_t i = 0; i < set->n; i++) {
		if (n > 0 && compare(&set->range[i].from, &set->range[n - 1].to) <= 0) {
			if (compare(&set->range[i].to, &set->range[n - 1].to) > 0)
				set->range[n - 1].to = set->range[i].to;
			continue;
		}
		set->range[n++] = set->range[i];
	}
	set->n = n;
}

/* Is there a range that has anything of [from, to]? */
static bool meets(const struct prefixset *set, const struct address *from, const struct address *to)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(to, &set->range[mid].from) < 0)
			high = mid;
		else if (compare(from, &set->range[mid].to) > 0)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

bool prefixset_holds(const struct prefixset *set, const struct address *a)
{
	return meets(set, a, a);
}

bool prefixset_meets(const struct prefixset *set, const struct prefix *p)
{
	struct range r = range_of(p);

	return meets(set, &r.from, &r.to);
}

void prefixset_fini(struct prefixset *set)
{
	free(set->range);
	*set = (struct prefixset){ 0 };
}
