/*
 * life_load - decisions from the store, into a process that has just begun
 *
 * What is active goes on as if nothing had happened, under a configuration that may be another one:
 *
 *	an action that is new in the jail	is told of all its active decisions
 *	an action that is no more in it		can't undo what it did: that is told, once a start
 *	a jail that is no more			its decisions last until they end or are lifted
 *	a dry run that was lifted or begun	holds for those that are active, too
 *
 * Then the engine's own cases are looked at, for the store may lack what a power failure took, and the
 * checkpoint what an administrator released just before.
 */
#include "core/decision/life_parts.h"

#include <assert.h>
#include <string.h>

static const struct jail_action *action_named(const struct jail *jail, const char *name)
{
	for (size_t i = 0; jail && i < jail->n_actions; i++)
		if (strcmp(jail->action[i].name, name) == 0)
			return &jail->action[i];
	return NULL;
}

/* The tasks it had; those whose action is gone stay as they are, for nobody can undo them. */
static void tie_tasks(struct life *l, struct record *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct task *t = r->task[i];
		const struct jail_action *a = action_named(r->of, t->action);

		if (a)
			life_tie(l, t, a);
		else if (t->done.level != LEVEL_NONE && !(t->lifting && t->state == TASK_DONE))
			life_news(l, LIFE_ORPHANED, r, t->action);
	}
}

void life_return(struct life *l, struct record *r)
{
	r->of = life_jail(l, r->jail);
	life_enter(l, r);
	tie_tasks(l, r);
}

static void take_record(void *ctx, struct record *r)
{
	struct life *l = ctx;

	const struct jail *jail = life_jail(l, r->jail);

	if (jail)
		r->dry = l->options.dry_run || jail->dry_run;
	life_return(l, r);
	if (r->end == RECORD_ACTIVE)
		life_add_tasks(l, r);
	else
		past_note(l, r);
	/* But for an action that is gone it is over: it goes with the next store. */
	if (!record_is_open(r))
		life_changed(l, r);
}

static void take_past(void *ctx, const struct record *r)
{
	past_note(ctx, r);
}

/* What the engine knows and no decision says: it is decided now, or was forgiven. */
static void take_case(void *ctx, const struct decision *c)
{
	life_consider(ctx, c, c->last_at);
}

void life_load(struct life *l, struct instant now)
{
	struct instant from = { now.ms - l->options.repeat_within_s * 1000 };

	assert(!l->first);
	life_set_now(l, now);
	if (l->store) {
		(void)store_load_past(l->store, from, take_past, l);
		(void)store_load(l->store, take_record, l);
	}
	brake_load(l);
	decisions_each(l->decisions, take_case, l);
	life_tick(l, now);
}
