/*
 * life_keep - which decisions there are, and who is in them
 *
 * All decisions that are not wholly over are in memory: in a list in the order of their numbers; by
 * jail and subject while they are active; by when they end. What has changed of them is listed and
 * put into the store in one go, before any action hears of it and after each batch of events. While
 * the store can't be written the list waits.
 */
#include "core/decision/life_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct record_slot {
	struct table_head head;
	struct record *record;
};

/* How many active decisions hold an address. */
struct holder {
	struct table_head head;
	uint64_t n;
};

void life_keep_init(struct life *l)
{
	table_init(&l->by_key, sizeof(struct record_slot), 0, NULL);
	table_init(&l->by_id, sizeof(struct record_slot), 0, NULL);
	table_init(&l->holders, sizeof(struct holder), 0, NULL);
}

void life_keep_fini(struct life *l)
{
	for (struct record *r = l->first, *next; r; r = next) {
		next = r->after;
		if (r->subject)
			engine_unpin(l->engine, r->subject);
		record_free(r);
	}
	table_fini(&l->by_key);
	table_fini(&l->by_id);
	table_fini(&l->holders);
	heap_fini(&l->ends);
	free(l->list);
}

void life_news(struct life *l, enum life_news news, const struct record *r, const char *text)
{
	if (l->options.on_news)
		l->options.on_news(l->options.ctx, news, r, text);
}

const struct jail *life_jail(const struct life *l, const char *name)
{
	for (size_t i = 0; i < l->options.jails->n_jails; i++)
		if (strcmp(l->options.jails->jail[i]->name, name) == 0)
			return l->options.jails->jail[i];
	return NULL;
}

struct life_counts *life_counts_of(const struct life *l, const struct record *r)
{
	return &l->counts[r->of ? r->of->index : l->options.jails->n_jails];
}

const struct life_counts *life_counts(const struct life *l, uint32_t jail)
{
	assert(jail < l->options.jails->n_jails);
	return &l->counts[jail];
}

bool life_is_guarded(const struct life *l, const struct prefix *host)
{
	return l->options.guard && prefixset_meets(l->options.guard, host);
}

uint64_t life_new_id(struct life *l)
{
	return l->store ? store_new_id(l->store) : ++l->last_id;
}

void life_changed(struct life *l, struct record *r)
{
	if (r->listed)
		return;
	r->listed = true;
	l->list = array_grow(l->list, l->n_list, &l->cap_list, sizeof(struct record *));
	l->list[l->n_list++] = r;
}

static void slot_put(struct table *t, uint64_t key, struct record *r)
{
	struct record_slot *slot = table_add(t, key, 0, NULL);

	slot->head.last = TABLE_PINNED;
	slot->record = r;
}

/* Another decision about the same subject may have taken the place: one that was late to be read. */
static void slot_drop(struct table *t, uint64_t key, const struct record *r)
{
	struct record_slot *slot = table_find(t, key);

	if (slot && slot->record == r)
		table_remove(t, slot);
}

struct record *life_active(const struct life *l, const char *jail, enum subject_kind kind,
			   const char *name)
{
	const struct record_slot *slot = table_find(&l->by_key, record_key(jail, kind, name));

	return slot ? slot->record : NULL;
}

static uint64_t id_key(uint64_t id)
{
	return hash_bytes(&id, sizeof(id));
}

static uint64_t address_key(const struct prefix *host)
{
	return hash_pair(hash_bytes(host->base.byte, sizeof(host->base.byte)), host->bits);
}

static void hold(struct life *l, const struct prefix *host)
{
	struct holder *h = table_add(&l->holders, address_key(host), 0, NULL);

	h->head.last = TABLE_PINNED;
	h->n++;
}

static void let_go(struct life *l, const struct prefix *host)
{
	struct holder *h = table_find(&l->holders, address_key(host));

	assert(h);
	if (--h->n == 0)
		table_remove(&l->holders, h);
}

uint64_t life_holders(const struct life *l, const struct prefix *host)
{
	const struct holder *h = table_find(&l->holders, address_key(host));

	return h ? h->n : 0;
}

size_t *life_level_count(const struct life *l, const struct record *r)
{
	struct life_counts *counts = life_counts_of(l, r);

	return r->level == LEVEL_ACT ? &counts->active : &counts->suspects;
}

void life_set_until(struct life *l, struct record *r, struct instant until)
{
	r->until = until;
	if (instant_is_none(until))
		heap_remove(&l->ends, &r->node);
	else
		heap_put(&l->ends, &r->node, until.ms, r->id);
	life_changed(l, r);
}

void life_enter(struct life *l, struct record *r)
{
	r->before = l->last;
	*(l->last ? &l->last->after : &l->first) = r;
	l->last = r;
	slot_put(&l->by_id, id_key(r->id), r);
	if (r->end != RECORD_ACTIVE)
		return;
	slot_put(&l->by_key, record_key(r->jail, r->kind, r->name), r);
	for (size_t i = 0; i < r->n_addresses; i++)
		if (!r->address[i].gone)
			hold(l, &r->address[i].host);
	if (!instant_is_none(r->until))
		heap_put(&l->ends, &r->node, r->until.ms, r->id);
	++*life_level_count(l, r);
	if (r->kind == SUBJECT_ADDRESS)
		return;
	r->subject = engine_subject(l->engine, r->kind, slice_of(r->name), 0);
	if (r->subject)
		engine_pin(l->engine, r->subject);
}

void life_retire(struct life *l, struct record *r)
{
	--*life_level_count(l, r);
	heap_remove(&l->ends, &r->node);
	slot_drop(&l->by_key, record_key(r->jail, r->kind, r->name), r);
	for (size_t i = 0; i < r->n_addresses; i++)
		if (!r->address[i].gone)
			let_go(l, &r->address[i].host);
	if (r->subject)
		engine_unpin(l->engine, r->subject);
	r->subject = NULL;
}

/* It is over, undone and stored. */
static void leave(struct life *l, struct record *r)
{
	*(r->before ? &r->before->after : &l->first) = r->after;
	*(r->after ? &r->after->before : &l->last) = r->before;
	slot_drop(&l->by_id, id_key(r->id), r);
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->task[i]->instance != TASK_ORPHAN)
			tasks_remove(l->tasks, r->task[i]);
	record_free(r);
}

bool life_join(struct life *l, struct record *r, const struct prefix *host)
{
	if (life_is_guarded(l, host)) {
		r->is_guarded = true;
		r->guarded = *host;
		return false;
	}
	if (!record_join(r, host, l->now))
		return false;
	hold(l, host);
	life_changed(l, r);
	return true;
}

void life_tell_guarded(struct life *l, struct record *r)
{
	char text[ADDRESS_TEXT];

	if (r->is_guarded && !r->guard_told)
		life_news(l, LIFE_GUARDED, r, prefix_text(&r->guarded, text));
	r->guard_told = r->is_guarded;
}

void life_part(struct life *l, struct record *r, const struct prefix *host)
{
	if (!record_part(r, host))
		return;
	let_go(l, host);
	life_changed(l, r);
	life_look(l, r);
}

/* Those that are over and undone go, once the store has them. */
static void drop_over(struct life *l)
{
	size_t n = l->n_list;

	l->n_list = 0;
	for (size_t i = 0; i < n; i++) {
		l->list[i]->listed = false;
		if (!record_is_open(l->list[i]))
			leave(l, l->list[i]);
	}
}

static void list_all(struct life *l)
{
	for (struct record *r = l->first; r; r = r->after) {
		r->stored_address = r->stored_gone = r->stored_message = 0;
		life_changed(l, r);
	}
}

void life_store(struct life *l)
{
	bool anew = l->store && store_decisions_age(l->store) != l->age;

	if (anew)
		list_all(l);
	if (l->n_list == 0 && !anew)
		return;
	if (l->store) {
		l->age = store_decisions_age(l->store);
		if (store_put(l->store, l->list, l->n_list, l->now) < 0)
			return;
	}
	drop_over(l);
}

const struct decision *life_case(const struct life *l, const struct record *r)
{
	const struct subject *s = r->of ? engine_find(l->engine, r->kind, slice_of(r->name)) : NULL;

	return s ? decisions_find(l->decisions, r->of, s) : NULL;
}

const struct record *life_record(const struct life *l, const struct record *after)
{
	return after ? after->after : l->first;
}

const struct record *life_find(const struct life *l, enum subject_kind kind, const char *name,
			       uint64_t after)
{
	for (const struct record *r = l->first; r; r = r->after)
		if (r->id > after && r->end == RECORD_ACTIVE && r->kind == kind &&
		    strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

struct record *life_numbered(const struct life *l, uint64_t id)
{
	const struct record_slot *slot = table_find(&l->by_id, id_key(id));

	return slot ? slot->record : NULL;
}
