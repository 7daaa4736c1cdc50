/*
 * life_tasks - which actions are told of which decisions
 *
 * One address may be in several decisions that one action has applied. When the first of them is
 * undone, or one that ends sooner is applied, the action is told of the others again, so that what
 * the world was told last is what lasts longest. So are other actions of the same plugin: they may
 * write to the same place, where what one of them takes out another still wants.
 */
#include "core/decision/life_parts.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 500 }; /* tasks that are taken before a piece is told, of all */

/* Is the action to be told of it, as things are? */
static bool is_for(const struct record *r, const struct jail_action *a)
{
	if (r->dry)
		return strcmp(a->plugin, "log") == 0 &&
		       (r->level == LEVEL_ACT || a->at == AT_SUSPECT);
	if (r->level == LEVEL_SUSPECT || r->braked)
		return a->at == AT_SUSPECT;
	return true;
}

static struct task *task_for(const struct record *r, const struct jail_action *a)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->task[i]->instance == a->id || strcmp(r->task[i]->action, a->name) == 0)
			return r->task[i];
	return NULL;
}

/* Ties a task to the instance that serves it now. */
void life_tie(struct life *l, struct task *t, const struct jail_action *a)
{
	t->instance = a->id;
	t->wants = l->options.wants ? l->options.wants[a->id]
				    : POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES |
					      POSTERN_WANTS_QUEUE_IDS;
	tasks_add(l->tasks, t);
}

void life_add_tasks(struct life *l, struct record *r)
{
	for (size_t i = 0; r->of && i < r->of->n_actions; i++) {
		const struct jail_action *a = &r->of->action[i];

		if (is_for(r, a) && !task_for(r, a))
			life_tie(l, record_add_task(r, a->name), a);
	}
	life_look(l, r);
}

void life_look(struct life *l, struct record *r)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->task[i]->instance != TASK_ORPHAN)
			tasks_look(l->tasks, r->task[i]);
}

/* Do both tasks' actions act by the same plugin? What it is set to, the plugin alone knows. */
static bool same_plugin(const struct life *l, const struct task *t, const struct task *other)
{
	const struct jail_action *const *instance = l->options.jails->instance;

	return other->instance == t->instance ||
	       (other->instance != TASK_ORPHAN &&
		strcmp(instance[other->instance]->plugin, instance[t->instance]->plugin) == 0);
}

/* Another decision holds what was just undone, or longer: its action is told of it again. */
static void tell_holder(struct life *l, const struct record *r, const struct task *t,
			enum life_way way, struct record *other)
{
	bool longer = instant_is_none(other->until)
			      ? !instant_is_none(r->until)
			      : !instant_is_none(r->until) && other->until.ms > r->until.ms;
	bool shares = r->kind == SUBJECT_ACCOUNT && other->kind == SUBJECT_ACCOUNT &&
		      strcmp(r->name, other->name) == 0;

	if (other == r || other->end != RECORD_ACTIVE || (way == LIFE_APPLY && !longer))
		return;
	for (size_t i = 0; i < r->n_addresses && !shares; i++)
		shares = life_holders(l, &r->address[i].host) > 0 &&
			 record_holds(other, &r->address[i].host);
	for (size_t i = 0; shares && i < other->n_tasks; i++)
		if (same_plugin(l, t, other->task[i]) && other->task[i]->done.level != LEVEL_NONE)
			tasks_renew(l->tasks, other->task[i]);
}

/* Does any other active decision hold one of its addresses, or its account? */
static bool is_shared(const struct life *l, const struct record *r)
{
	for (size_t i = 0; i < r->n_addresses; i++) {
		bool own = r->end == RECORD_ACTIVE && !r->address[i].gone;

		if (life_holders(l, &r->address[i].host) > own)
			return true;
	}
	for (size_t i = 0; r->kind == SUBJECT_ACCOUNT && i < l->options.jails->n_jails; i++) {
		const char *jail = l->options.jails->jail[i]->name;
		const struct record *other = life_active(l, jail, r->kind, r->name);

		if (other && other != r)
			return true;
	}
	return false;
}

static void after(void *ctx, struct task *t, enum life_way way)
{
	struct life *l = ctx;

	if (!is_shared(l, t->record))
		return;
	for (struct record *other = l->first; other; other = other->after)
		tell_holder(l, t->record, t, way, other);
}

static void failed(void *ctx, const struct task *t)
{
	char *text = xasprintf("%s: %s", t->action, t->error);

	life_news(ctx, LIFE_FAILED, t->record, text);
	free(text);
}

static void changed(void *ctx, struct record *r)
{
	life_changed(ctx, r);
}

static void before(void *ctx)
{
	life_store(ctx);
}

static char *describe(void *ctx, const struct record *r)
{
	const struct life *l = ctx;

	return l->options.describe(l->options.ctx, r, life_case(l, r));
}

struct tasks *life_make_tasks(struct life *l)
{
	struct tasks_options o = { .jails = l->options.jails,
				   .describe = describe,
				   .changed = changed,
				   .before = before,
				   .after = after,
				   .failed = failed,
				   .ctx = l };

	return tasks_new(&o);
}

struct life_batch life_batch(struct life *l, uint32_t instance, struct instant now, size_t most)
{
	life_set_now(l, now);
	return tasks_batch(l->tasks, instance, now, most);
}

bool life_has_batch(const struct life *l, uint32_t instance)
{
	return tasks_has_batch(l->tasks, instance);
}

bool life_is_busy(const struct life *l, uint32_t instance)
{
	return tasks_is_busy(l->tasks, instance);
}

void life_result(struct life *l, uint32_t instance, struct instant now, uint64_t batch, uint64_t id,
		 enum postern_result result, const char *text)
{
	struct record *r = life_numbered(l, id);

	life_set_now(l, now);
	for (size_t i = 0; r && i < r->n_tasks; i++)
		if (r->task[i]->instance == instance)
			tasks_result(l->tasks, instance, now, batch, r->task[i], result, text);
}

void life_unanswered(struct life *l, uint32_t instance)
{
	tasks_unanswered(l->tasks, instance);
}

uint64_t life_everything(struct life *l, uint32_t instance, struct instant now,
			 void (*put)(void *ctx, struct postern_item *item, size_t n), void *ctx)
{
	uint64_t number;
	size_t taken = 0;

	life_set_now(l, now);
	number = tasks_begin(l->tasks, instance);
	for (struct record *r = l->first; number && r; r = r->after) {
		for (size_t i = 0; i < r->n_tasks; i++)
			if (r->task[i]->instance == instance)
				taken += tasks_take(l->tasks, r->task[i]);
		if (taken >= PIECE || !r->after) {
			struct life_batch b;

			while ((b = tasks_piece(l->tasks, instance)).n > 0)
				put(ctx, b.item, b.n);
			taken = 0;
		}
	}
	return number;
}

uint32_t life_instances(const struct life *l)
{
	return (uint32_t)l->options.jails->n_instances;
}

const struct life_instance *life_instance(const struct life *l, uint32_t instance)
{
	return tasks_instance(l->tasks, instance);
}
