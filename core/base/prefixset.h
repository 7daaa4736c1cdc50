/* prefixset.h - is an address in one of many prefixes? */
#pragma once

#include "core/base/address.h"

#include <stddef.h>

struct range {
	struct address from, to;
};

/* Init with {0}. Add first, then ask: prefixset_seal() comes between. */
struct prefixset {
	struct range *range;
	size_t n, cap;
};

void prefixset_add(struct prefixset *set, const struct prefix *p);
/* All that is in another set. */
void prefixset_add_all(struct prefixset *set, const struct prefixset *other);
/* Sorts and merges; from here on prefixset_holds() may be asked. */
void prefixset_seal(struct prefixset *set);
bool prefixset_holds(const struct prefixset *set, const struct address *a);
/* Have they an address in common? */
bool prefixset_meets(const struct prefixset *set, const struct prefix *p);
void prefixset_fini(struct prefixset *set);
