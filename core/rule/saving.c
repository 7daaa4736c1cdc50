/*
 * saving - a checkpoint in the making: rows on their way to whoever keeps them
 *
 *	engine_save() -> each part of the engine -> here -> the store
 */
#include "core/rule/saving.h"

void saving_fini(struct saving *s)
{
	pack_fini(&s->pack);
}

void saving_put(struct saving *s, uint64_t table, uint64_t key)
{
	const struct state_row row = { table, key, pack_contents(&s->pack) };

	s->put(s->ctx, &row);
	s->pack.len = 0;
}

void saving_gone(struct saving *s, uint64_t table, uint64_t key)
{
	const struct state_row row = { table, key, { NULL, 0 } };

	s->put(s->ctx, &row);
}

void saving_table(struct saving *s, uint64_t id, struct table *t,
		  void (*pack)(struct pack *p, const void *element))
{
	struct table_head *e = NULL;

	/* One that went and came back is put again below. */
	for (size_t i = 0; i < t->n_gone; i++)
		saving_gone(s, id, t->gone[i]);
	t->n_gone = 0;
	while ((e = s->all ? table_next(t, e) : table_next_marked(t, e))) {
		pack(&s->pack, e);
		saving_put(s, id, e->key);
		table_settle(e);
	}
}
