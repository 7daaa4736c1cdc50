/* saving.h - a checkpoint in the making: rows on their way to whoever keeps them */
#pragma once

#include "core/base/pack.h"
#include "core/base/table.h"
#include "core/rule/state.h"

#include <stdbool.h>

/* Begin with all, put and ctx as engine_save() got them; saving_fini() in the end. */
struct saving {
	bool all; /* also what did not change */
	void (*put)(void *ctx, const struct state_row *row);
	void *ctx;
	struct pack pack; /* the value of the next row */
};

void saving_fini(struct saving *s);
/* Puts the row whose value was packed into s->pack, and empties that. */
void saving_put(struct saving *s, uint64_t table, uint64_t key);
/* There is no such row any more. */
void saving_gone(struct saving *s, uint64_t table, uint64_t key);
/* Puts what is gone of a table, and its elements as `pack` writes them; settles them. */
void saving_table(struct saving *s, uint64_t id, struct table *t,
		  void (*pack)(struct pack *p, const void *element));
