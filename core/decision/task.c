/*
 * task - decisions on their way to actions
 *
 * One task for each decision and each action that is to be told of it:
 *
 *	            +-------- an address joins, the level rises, `until` changes ------+
 *	            v                                                                  |
 *	(none) -> pending --handed out--> under way --done--> applied -----------------+
 *	            ^                      |  |  |               |
 *	            |<--- no answer -------+  |  +- failed ->  failed -- looked after --> under way
 *	            +<-- 1 s .. 5 min -- retrying
 *
 *	the decision is over: pending, never handed out -> reverted
 *	                      under way -> its answer is waited for, then as below
 *	                      any other -> reverting --handed out--> under way --done--> reverted
 *	                                   (no answer, retry and failed: as above)
 *
 * "Under way" is never stored: after a crash such a task is pending, and is handed out again, which
 * actions have to bear. `done` says how much the world knows: what joins later is handed out alone.
 * An address that is taken out of an active decision is lifted by itself, before anything is added.
 *
 * Each instance has a queue in the order of decisions, and one batch under way at a time: so an
 * action sees things in the order in which they were decided, and none is overtaken by its undoing.
 */
#include "core/decision/task.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	BACK_OFF_MS = 1000,
	BACK_OFF_MOST_MS = 5 * 60 * 1000,
	JSON_MOST = 256 * 1024, /* bytes of evidence with one item */
	BATCH_MOST = 1 << 20,   /* bytes of a batch, about */
};

struct instance {
	struct life_instance told;
	char *error;
	struct heap ready; /* pending tasks, by number of their decision */
	struct task **handed;
	size_t n_handed, cap_handed;
	size_t under_way; /* of those handed out */
	size_t piece;     /* the first of those not yet in a piece */
	uint64_t batch;
	enum life_way way;
	struct arena *arena; /* of the items */
};

struct tasks {
	struct tasks_options options;
	struct instance *instance;
	uint32_t n;
	struct heap retries; /* by when they are over */
	uint64_t batch;
};

struct tasks *tasks_new(const struct tasks_options *options)
{
	struct tasks *ts = xcalloc(1, sizeof(*ts));

	ts->options = *options;
	ts->n = (uint32_t)options->jails->n_instances;
	ts->instance = xcalloc(ts->n, sizeof(*ts->instance));
	for (uint32_t i = 0; i < ts->n; i++) {
		ts->instance[i].told.name = options->jails->instance[i]->name;
		ts->instance[i].told.error_at = INSTANT_NONE;
		ts->instance[i].arena = arena_new();
	}
	return ts;
}

void tasks_free(struct tasks *ts)
{
	if (!ts)
		return;
	for (uint32_t i = 0; i < ts->n; i++) {
		free(ts->instance[i].error);
		free(ts->instance[i].handed);
		heap_fini(&ts->instance[i].ready);
		arena_free(ts->instance[i].arena);
	}
	heap_fini(&ts->retries);
	free(ts->instance);
	free(ts);
}

static struct instance *home_of(const struct tasks *ts, const struct task *t)
{
	assert(t->instance < ts->n);
	return &ts->instance[t->instance];
}

static struct task *task_of(const struct heap_node *node)
{
	return (struct task *)(uintptr_t)((const char *)node - offsetof(struct task, node));
}

static size_t *count_of(const struct tasks *ts, const struct task *t)
{
	struct life_instance *told = &home_of(ts, t)->told;

	return &(t->lifting ? told->lifting : told->applying)[t->state];
}

/* The one place where a task changes its state, and with it the queue it is in. */
static void task_set(struct tasks *ts, struct task *t, enum task_state state, bool lifting)
{
	struct instance *home = home_of(ts, t);

	heap_remove(t->state == TASK_RETRYING ? &ts->retries : &home->ready, &t->node);
	--*count_of(ts, t);
	t->state = state;
	t->lifting = lifting;
	++*count_of(ts, t);
	if (state == TASK_PENDING)
		heap_put(&home->ready, &t->node, (int64_t)t->record->id, 0);
	if (state == TASK_RETRYING)
		heap_put(&ts->retries, &t->node, t->retry_at.ms, t->record->id);
	ts->options.changed(ts->options.ctx, t->record);
}

void tasks_add(struct tasks *ts, struct task *t)
{
	++*count_of(ts, t);
	if (t->state == TASK_PENDING)
		task_set(ts, t, TASK_PENDING, t->lifting);
}

void tasks_remove(struct tasks *ts, struct task *t)
{
	struct instance *home = home_of(ts, t);

	heap_remove(t->state == TASK_RETRYING ? &ts->retries : &home->ready, &t->node);
	--*count_of(ts, t);
	home->under_way -= t->state == TASK_HANDED;
	for (size_t i = 0; i < home->n_handed; i++)
		if (home->handed[i] == t)
			home->handed[i] = NULL;
}

void tasks_look(struct tasks *ts, struct task *t)
{
	bool rests = t->state == TASK_DONE || t->state == TASK_FAILED;

	if (rests && !t->lifting && task_has_news(t))
		task_set(ts, t, TASK_PENDING, false);
}

void tasks_lift(struct tasks *ts, struct task *t)
{
	if (t->lifting)
		return;
	if (t->state == TASK_HANDED)
		task_set(ts, t, TASK_HANDED, true);
	else
		task_set(ts, t, t->touched ? TASK_PENDING : TASK_DONE, true);
}

void tasks_lift_again(struct tasks *ts, struct task *t)
{
	if (t->lifting && t->state != TASK_HANDED)
		task_set(ts, t, TASK_PENDING, true);
}

void tasks_renew(struct tasks *ts, struct task *t)
{
	if (t->lifting || t->wants & POSTERN_WANTS_ONCE)
		return;
	t->done = (struct task_mark){ .gone = t->done.gone };
	tasks_look(ts, t);
}

void tasks_tick(struct tasks *ts, struct instant now)
{
	const struct heap_node *node;

	while ((node = heap_first(&ts->retries)) && node->key <= now.ms)
		task_set(ts, task_of(node), TASK_PENDING, task_of(node)->lifting);
}

struct instant tasks_next(const struct tasks *ts)
{
	const struct heap_node *node = heap_first(&ts->retries);
	struct instant next = INSTANT_NONE;

	if (node)
		next.ms = node->key;
	return next;
}

/* Addresses that were taken out come first, as a call to lift() of their own. */
static bool parts_first(const struct task *t)
{
	return !t->lifting && t->done.level != LEVEL_NONE && task_target(t).gone > t->done.gone;
}

static enum life_way way_of(const struct task *t)
{
	return t->lifting || parts_first(t) ? LIFE_LIFT : LIFE_APPLY;
}

/* Is this address what the call is about? */
static bool is_wanted(const struct task *t, const struct record_address *a)
{
	bool anew = t->handed.level != t->done.level || t->handed.until_s != t->done.until_s;

	if (parts_first(t))
		return a->gone > t->done.gone && a->n <= t->done.addresses;
	if (t->lifting)
		return true; /* those that were taken out too: better once more than not at all */
	return !a->gone && (anew || a->n > t->done.addresses);
}

static void add_addresses(struct arena *arena, struct postern_item *item, const struct task *t)
{
	const struct record *r = t->record;
	struct postern_address *list =
		arena_alloc(arena, (r->n_addresses ? r->n_addresses : 1) * sizeof(*list));

	for (size_t i = 0; i < r->n_addresses; i++) {
		const struct prefix *host = &r->address[i].host;

		if (!is_wanted(t, &r->address[i]))
			continue;
		memcpy(list[item->n_addresses].byte, host->base.byte, sizeof(host->base.byte));
		list[item->n_addresses++].bits = host->bits;
	}
	item->address = list;
}

static void add_messages(struct arena *arena, struct postern_item *item, const struct task *t)
{
	const struct record *r = t->record;
	bool all = t->lifting || t->handed.level != t->done.level;
	const char **list =
		arena_alloc(arena, (r->n_messages ? r->n_messages : 1) * sizeof(const char *));

	for (size_t i = 0; i < r->n_messages; i++)
		if (all || r->message[i].n > t->done.messages)
			list[item->n_queue_ids++] = arena_strdup(arena, r->message[i].id);
	item->queue_id = list;
}

/* Failures never disable an account: an attacked name is nobody's to an action. */
static bool may_name_user(const struct task *t)
{
	return t->record->kind == SUBJECT_ACCOUNT && t->wants & POSTERN_WANTS_USERS &&
	       record_name_is_plain(t->record);
}

/* Fills in the item; what it points to hangs off the instance's arena. Returns its size, about. */
static size_t item_fill(const struct tasks *ts, struct postern_item *item, const struct task *t)
{
	struct arena *arena = home_of(ts, t)->arena;
	const struct record *r = t->record;
	char *json = ts->options.describe(ts->options.ctx, r);
	bool parts = parts_first(t);

	*item = (struct postern_item){
		.id = r->id,
		.jail = arena_strdup(arena, r->jail),
		.level = level_word(r->level),
		.user = may_name_user(t) && !parts ? arena_strdup(arena, r->name) : NULL,
		.until_s = t->handed.until_s,
		.reason = arena_strdup(arena, r->reason),
		.json = json && strlen(json) <= JSON_MOST ? arena_strdup(arena, json) : "{}",
		.release = r->mail,
	};
	free(json);
	add_addresses(arena, item, t);
	if (t->wants & POSTERN_WANTS_QUEUE_IDS && !parts)
		add_messages(arena, item, t);
	return strlen(item->json) + item->n_addresses * sizeof(*item->address) +
	       item->n_queue_ids * (QUEUE_ID_LONGEST + sizeof(char *));
}

/* Notes what is told now; for addresses that are lifted by themselves, that and no more. */
static void hand_out(struct tasks *ts, struct task *t)
{
	struct instance *home = home_of(ts, t);

	t->handed = task_target(t);
	if (parts_first(t)) {
		uint64_t gone = t->handed.gone;

		t->handed = t->done;
		t->handed.gone = gone;
	} else if (t->touched && t->done.level == LEVEL_NONE) {
		t->handed.gone = t->done.gone; /* the world may know some: they are lifted next */
	}
	t->handed_lifting = t->lifting;
	t->batch = home->batch;
	t->touched = true;
	task_set(ts, t, TASK_HANDED, t->lifting);
	home->handed =
		array_grow(home->handed, home->n_handed, &home->cap_handed, sizeof(struct task *));
	home->handed[home->n_handed++] = t;
	home->under_way++;
}

static void batch_begin(struct tasks *ts, struct instance *home, enum life_way way)
{
	home->n_handed = home->piece = 0;
	home->batch = ++ts->batch;
	home->way = way;
}

struct life_batch tasks_piece(struct tasks *ts, uint32_t instance)
{
	struct instance *home = &ts->instance[instance];
	size_t n = home->n_handed - home->piece, bytes = 0, i;
	struct life_batch b = { home->batch, home->way, NULL, 0 };

	if (n == 0)
		return b;
	arena_free(home->arena);
	home->arena = arena_new();
	b.item = arena_alloc(home->arena, n * sizeof(*b.item));
	for (i = 0; i < n && (i == 0 || bytes < BATCH_MOST); i++)
		bytes += item_fill(ts, &b.item[i], home->handed[home->piece + i]);
	home->piece += i;
	b.n = i;
	return b;
}

bool tasks_has_batch(const struct tasks *ts, uint32_t instance)
{
	assert(instance < ts->n);
	return ts->instance[instance].under_way == 0 && ts->instance[instance].ready.n > 0;
}

/* What did not fit any more goes back to its place. */
static void put_back(struct tasks *ts, struct instance *home)
{
	while (home->n_handed > home->piece) {
		struct task *t = home->handed[--home->n_handed];

		home->under_way--;
		task_set(ts, t, TASK_PENDING, t->lifting);
	}
}

struct life_batch tasks_batch(struct tasks *ts, uint32_t instance, struct instant now, size_t most)
{
	struct life_batch b = { 0 };
	struct instance *home;
	const struct heap_node *node;

	tasks_tick(ts, now);
	if (!tasks_has_batch(ts, instance))
		return b;
	ts->options.before(ts->options.ctx);
	home = &ts->instance[instance];
	node = heap_first(&home->ready);
	assert(node);
	batch_begin(ts, home, way_of(task_of(node)));
	while (home->n_handed < most && (node = heap_first(&home->ready)) &&
	       way_of(task_of(node)) == home->way)
		hand_out(ts, task_of(node));
	b = tasks_piece(ts, instance);
	put_back(ts, home);
	return b;
}

bool tasks_is_busy(const struct tasks *ts, uint32_t instance)
{
	assert(instance < ts->n);
	return ts->instance[instance].under_way > 0;
}

uint64_t tasks_begin(struct tasks *ts, uint32_t instance)
{
	struct instance *home = &ts->instance[instance];

	assert(instance < ts->n);
	if (home->under_way > 0)
		return 0;
	ts->options.before(ts->options.ctx);
	batch_begin(ts, home, LIFE_APPLY);
	return home->batch;
}

bool tasks_take(struct tasks *ts, struct task *t)
{
	/* Who only tells somebody is not asked to look after anything: what is new comes as such. */
	if (t->lifting || t->wants & POSTERN_WANTS_ONCE) {
		if (t->state == TASK_FAILED)
			task_set(ts, t, TASK_PENDING, t->lifting);
		return false;
	}
	t->done = (struct task_mark){ .gone = t->done.gone }; /* all of it is told */
	hand_out(ts, t);
	return true;
}

static void note_error(struct instance *home, struct task *t, struct instant now, const char *text)
{
	char *plain = text_printable((struct slice){ text, strnlen(text, TASK_ERROR_MOST) });

	free(t->error);
	t->error = plain;
	free(home->error);
	home->error = xstrdup(plain);
	home->told.error = home->error;
	home->told.error_at = now;
}

static void forget_error(struct instance *home, struct task *t)
{
	const size_t *a = home->told.applying, *b = home->told.lifting;

	free(t->error);
	t->error = NULL;
	if (a[TASK_RETRYING] + a[TASK_FAILED] + b[TASK_RETRYING] + b[TASK_FAILED] == 0)
		home->told.error = NULL;
}

static void went_well(struct tasks *ts, struct task *t, enum life_way way)
{
	struct instance *home = home_of(ts, t);

	t->tries = 0;
	t->done = t->handed;
	home->told.done++;
	/* What was under way when the decision ended has been waited for, and is undone now. */
	task_set(ts, t, t->lifting && !t->handed_lifting ? TASK_PENDING : TASK_DONE, t->lifting);
	forget_error(home, t);
	tasks_look(ts, t);
	ts->options.after(ts->options.ctx, t, way);
}

static void went_wrong(struct tasks *ts, struct task *t, struct instant now,
		       enum postern_result result, const char *text)
{
	struct instance *home = home_of(ts, t);
	bool first = !t->error;
	int64_t wait_ms = BACK_OFF_MS;

	for (uint32_t i = 0; i < t->tries && wait_ms < BACK_OFF_MOST_MS; i++)
		wait_ms *= 2;
	t->tries++;
	t->retry_at.ms = now.ms + (wait_ms < BACK_OFF_MOST_MS ? wait_ms : BACK_OFF_MOST_MS);
	note_error(home, t, now, text);
	if (result == POSTERN_RETRY)
		home->told.retried++;
	else
		home->told.failed++;
	task_set(ts, t, result == POSTERN_RETRY ? TASK_RETRYING : TASK_FAILED, t->lifting);
	if (result == POSTERN_FAILED && first)
		ts->options.failed(ts->options.ctx, t);
}

void tasks_result(struct tasks *ts, uint32_t instance, struct instant now, uint64_t batch,
		  struct task *t, enum postern_result result, const char *text)
{
	struct instance *home = &ts->instance[instance];

	assert(instance < ts->n);
	if (t->instance != instance || t->state != TASK_HANDED || t->batch != batch)
		return;
	home->under_way--;
	if (result == POSTERN_DONE)
		went_well(ts, t, home->way);
	else
		went_wrong(ts, t, now, result, text);
}

void tasks_unanswered(struct tasks *ts, uint32_t instance)
{
	struct instance *home = &ts->instance[instance];

	assert(instance < ts->n);
	for (size_t i = 0; i < home->n_handed; i++) {
		struct task *t = home->handed[i];

		if (t && t->state == TASK_HANDED)
			task_set(ts, t, TASK_PENDING, t->lifting);
	}
	home->under_way = home->n_handed = home->piece = 0;
}

const struct life_instance *tasks_instance(const struct tasks *ts, uint32_t instance)
{
	assert(instance < ts->n);
	return &ts->instance[instance].told;
}
