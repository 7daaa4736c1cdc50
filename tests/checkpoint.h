/* checkpoint.h - a store of state rows, for tests */
#pragma once

#include "core/base/hash.h"
#include "core/base/table.h"
#include "core/rule/state.h"
#include "tests/rows.h"

#include <string.h>

enum { CHECKPOINT_TABLES = 64 };

struct checkpoint_row {
	struct table_head head; /* key: of table and key */
	uint64_t table, key;
	char *value;
	size_t len;
};

/* Rows as the last of each name said, and the tables in the order in which they were first put. */
struct checkpoint {
	struct table rows;
	uint64_t table[CHECKPOINT_TABLES];
	size_t n_tables, puts;
};

static inline void checkpoint_drop(void *element)
{
	free(((struct checkpoint_row *)element)->value);
}

static inline void checkpoint_init(struct checkpoint *c)
{
	*c = (struct checkpoint){ 0 };
	table_init(&c->rows, sizeof(struct checkpoint_row), 0, checkpoint_drop);
}

static inline void checkpoint_fini(struct checkpoint *c)
{
	table_fini(&c->rows);
}

static inline void checkpoint_note_table(struct checkpoint *c, uint64_t table)
{
	for (size_t i = 0; i < c->n_tables; i++)
		if (c->table[i] == table)
			return;
	assert_in_range(c->n_tables, 0, CHECKPOINT_TABLES - 1);
	c->table[c->n_tables++] = table;
}

/* For engine_save(). */
static inline void checkpoint_put(void *ctx, const struct state_row *row)
{
	struct checkpoint *c = ctx;
	struct checkpoint_row *r = table_add(&c->rows, hash_pair(row->table, row->key), 0, NULL);

	c->puts++;
	if (!row->value.ptr) {
		table_remove(&c->rows, r);
		return;
	}
	checkpoint_note_table(c, row->table);
	free(r->value);
	r->table = row->table;
	r->key = row->key;
	r->len = row->value.len;
	r->value = xstrndup(row->value.ptr, row->value.len);
}

/* Gives all rows of one table after the other. */
static inline void checkpoint_walk(const struct checkpoint *c,
				   void (*each)(void *ctx, const struct state_row *row), void *ctx)
{
	for (size_t i = 0; i < c->n_tables; i++) {
		const struct checkpoint_row *r = NULL;

		while ((r = table_next(&c->rows, r))) {
			struct state_row row = { r->table, r->key, { r->value, r->len } };

			if (r->table == c->table[i])
				each(ctx, &row);
		}
	}
}
