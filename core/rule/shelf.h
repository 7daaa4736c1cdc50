/* shelf.h - many small records, packed side by side in memory */
#pragma once

#include "core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHELF_RECORD_MOST = 65535 };

/* Records by key; each takes its length, 10 bytes, and 9 to 18 of the index. */
struct shelf {
	struct shelf_slot *slot;
	struct shelf_board *board; /* where the records lie */
	size_t n, cap;
	uint32_t n_boards, cap_boards, open, spare;
	uint64_t used, dead; /* bytes: all that were written, those of them of no use any more */
};

void shelf_init(struct shelf *s); /* takes no memory yet */
void shelf_fini(struct shelf *s);

/* Puts a record of at most SHELF_RECORD_MOST bytes; there must be none of that key. */
void shelf_put(struct shelf *s, uint64_t key, struct slice record, bool changed);
/* The record, borrowed until the next shelf_put(); ptr NULL where there is none. */
struct slice shelf_find(const struct shelf *s, uint64_t key, bool *changed);
void shelf_remove(struct shelf *s, uint64_t key);

/* One that shelf_next() came by. */
struct shelf_item {
	size_t at; /* its slot */
	uint64_t key;
	struct slice record;
	bool changed;
};

/*
 * The item after item->at - 1, begun with {0}; false behind the last. With `changed_only` the
 * others are passed by, which costs next to nothing.
 */
bool shelf_next(const struct shelf *s, struct shelf_item *item, bool changed_only);
/* The item that shelf_next() gave last counts as unchanged from now on. */
void shelf_settle(struct shelf *s, const struct shelf_item *item);
