/*
 * reconcile - what should be in force, against what is
 *
 * Both sides become sets of users and addresses, as hashes; the differences, in both directions,
 * become items for lift() and for apply(). A list of 100,000 addresses costs two look-ups each.
 */
#include "core/action/reconcile.h"

#include "core/base/hash.h"
#include "core/base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MOST = 1000000, BYTES_MOST = 512 * 1024 * 1024, ADDRESSES_AT_ONCE = 10000 };

struct reconcile {
	unsigned int wants;
	struct arena *arena;
	struct postern_item *item, *surplus;
	size_t n_items, cap_items, n_surplus, cap_surplus;
	struct postern_address *address; /* of the surplus */
	size_t n_addresses, cap_addresses;
	struct table wanted, found; /* of struct table_head */
};

struct reconcile *reconcile_new(unsigned int wants)
{
	struct reconcile *r = xcalloc(1, sizeof(*r));

	r->wants = wants;
	r->arena = arena_new();
	table_init(&r->wanted, sizeof(struct table_head), 0, NULL);
	table_init(&r->found, sizeof(struct table_head), 0, NULL);
	return r;
}

void reconcile_free(struct reconcile *r)
{
	if (!r)
		return;
	table_fini(&r->wanted);
	table_fini(&r->found);
	free(r->item);
	free(r->surplus);
	free(r->address);
	arena_free(r->arena);
	free(r);
}

struct arena *reconcile_arena(struct reconcile *r)
{
	return r->arena;
}

/* A user and an address never share a key: an address is hashed once more. */
static uint64_t user_key(const char *user)
{
	return hash_bytes(user, strlen(user));
}

static uint64_t address_key(const struct postern_address *a)
{
	return hash_pair(hash_bytes(a->byte, sizeof(a->byte)), a->bits);
}

static void note(struct table *t, uint64_t key)
{
	struct table_head *head = table_add(t, key, 0, NULL);

	head->last = TABLE_PINNED;
}

int reconcile_want(struct reconcile *r, const struct postern_item *item, size_t n, struct err *err)
{
	if (n > ITEMS_MOST - r->n_items || arena_bytes(r->arena) > BYTES_MOST)
		return err_set(err, E2BIG, "more than %d items to reconcile", ITEMS_MOST);
	for (size_t i = 0; i < n; i++) {
		r->item = array_grow(r->item, r->n_items, &r->cap_items, sizeof(*r->item));
		r->item[r->n_items++] = item[i];
		if (item[i].user)
			note(&r->wanted, user_key(item[i].user));
		for (size_t k = 0; k < item[i].n_addresses; k++)
			note(&r->wanted, address_key(&item[i].address[k]));
	}
	return 0;
}

/* The item of the surplus that is next; texts say why it comes with no decision. */
static struct postern_item *add_surplus(struct reconcile *r)
{
	r->surplus = array_grow(r->surplus, r->n_surplus, &r->cap_surplus, sizeof(*r->surplus));
	r->surplus[r->n_surplus] =
		(struct postern_item){ .jail = "",
				       .level = "act",
				       .reason = "no decision asks for it any more",
				       .json = "{}" };
	return &r->surplus[r->n_surplus++];
}

void reconcile_found(void *to, const struct postern_found *found)
{
	struct reconcile *r = to;

	if (found->user) {
		note(&r->found, user_key(found->user));
		if (!table_find(&r->wanted, user_key(found->user)))
			add_surplus(r)->user = arena_strdup(r->arena, found->user);
	}
	if (found->address) {
		note(&r->found, address_key(found->address));
		if (table_find(&r->wanted, address_key(found->address)))
			return;
		r->address = array_grow(r->address, r->n_addresses, &r->cap_addresses,
					sizeof(*r->address));
		r->address[r->n_addresses++] = *found->address;
	}
}

struct postern_item *reconcile_items(struct reconcile *r, size_t *n)
{
	*n = r->n_items;
	return r->item;
}

void reconcile_compare(struct reconcile *r)
{
	for (size_t i = 0; i < r->n_items; i++) {
		struct postern_item *item = &r->item[i];
		struct postern_address *missing =
			arena_alloc(r->arena, item->n_addresses * sizeof(*missing));
		size_t n = 0;

		for (size_t k = 0; k < item->n_addresses; k++)
			if (!table_find(&r->found, address_key(&item->address[k])))
				missing[n++] = item->address[k];
		item->address = missing;
		item->n_addresses = n;
	}
}

bool reconcile_is_missing(const struct reconcile *r, const struct postern_item *item)
{
	return (r->wants & POSTERN_WANTS_USERS && item->user &&
		!table_find(&r->found, user_key(item->user))) ||
	       (r->wants & POSTERN_WANTS_ADDRESSES && item->n_addresses > 0) ||
	       (r->wants & POSTERN_WANTS_QUEUE_IDS && item->n_queue_ids > 0);
}

struct postern_item *reconcile_surplus(struct reconcile *r, size_t *n)
{
	for (size_t at = 0; at < r->n_addresses; at += ADDRESSES_AT_ONCE) {
		struct postern_item *item = add_surplus(r);
		size_t left = r->n_addresses - at;

		item->address = r->address + at;
		item->n_addresses = left < ADDRESSES_AT_ONCE ? left : ADDRESSES_AT_ONCE;
	}
	r->n_addresses = 0; /* they are in items now */
	*n = r->n_surplus;
	return r->surplus;
}
