/* reconcile.h - what should be in force, against what is */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/err.h"
#include "core/base/mem.h"

#include <stdbool.h>
#include <stddef.h>

struct reconcile;

/* For a plugin that wants these (enum postern_wants). */
struct reconcile *reconcile_new(unsigned int wants);
void reconcile_free(struct reconcile *r); /* NULL is fine */

/* Where items that reconcile_want() is given hang off. */
struct arena *reconcile_arena(struct reconcile *r);
/* Takes items that should be in force; -1 where they are more than a machine bears. */
int reconcile_want(struct reconcile *r, const struct postern_item *item, size_t n, struct err *err);

/* What is in force; meant as the plugin's postern_list, with the reconcile as `to`. */
void reconcile_found(void *to, const struct postern_found *found);

/*
 * All wanted items, in the order they were given. After `compare`, each has only the addresses that
 * were not found, and reconcile_is_missing() tells whether anything is left to be applied of it.
 */
struct postern_item *reconcile_items(struct reconcile *r, size_t *n);
void reconcile_compare(struct reconcile *r);
bool reconcile_is_missing(const struct reconcile *r, const struct postern_item *item);
/* What was found and no item wants, once: an item with id 0 for each user, and some for all addresses. */
struct postern_item *reconcile_surplus(struct reconcile *r, size_t *n);
