/*
 * decision - what was decided about whom, since when, because of what
 *
 * The engine says at every event what holds; here that becomes a case with a beginning, its
 * highest score and its evidence. While a case is open the subject is pinned, so that each
 * further address that logs in joins the evidence.
 *
 *	(none) --suspect--> SUSPECT --act--> ACT
 *	   SUSPECT --nothing held for the horizon--> closed, evidence copied
 *	   ACT on an account stays open: it ends when an administrator or its bantime lifts it
 */
#include "core/decision/decision_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

void decision_free(struct decision *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_evidence; i++)
		free(d->evidence[i].rdns);
	if (d->has_before)
		free(d->before.rdns);
	free(d->evidence);
	free(d->step);
	free(d->peak);
	free(d->name);
	free(d);
}

struct decisions *decisions_new(struct engine *engine)
{
	struct decisions *d = xcalloc(1, sizeof(*d));

	d->engine = engine;
	table_init(&d->slots, sizeof(struct case_slot), 0, NULL);
	return d;
}

void decisions_free(struct decisions *d)
{
	struct case_slot *slot = NULL;

	if (!d)
		return;
	while ((slot = table_next(&d->slots, slot))) {
		if (slot->open != slot->gravest)
			decision_free(slot->open);
		decision_free(slot->gravest);
	}
	table_fini(&d->slots);
	free(d->gone);
	free(d->sorted);
	free(d);
}

static struct sighting sighting_copy(const struct sighting *s)
{
	struct sighting copy = *s;

	copy.rdns = s->rdns ? xstrdup(s->rdns) : NULL;
	return copy;
}

/* Where the subject was last seen among the addresses it had before the case began. */
static void note_before(struct decision *d)
{
	const struct subject *s = d->subject;
	const struct sighting *best = s->former && s->former->first < d->begin_s ? s->former : NULL;

	for (size_t i = 0; i < s->n_sightings; i++)
		if (s->sighting[i].first < d->begin_s &&
		    (!best || s->sighting[i].last > best->last))
			best = &s->sighting[i];
	if (!best)
		return;
	d->before = sighting_copy(best);
	d->has_before = true;
}

struct decision *decision_new(struct decisions *all, const struct jail *jail,
			      struct subject *subject)
{
	struct decision *d = xcalloc(1, sizeof(*d));

	d->jail = jail;
	d->subject = subject;
	d->kind = (enum subject_kind)subject->kind;
	d->name = xstrdup(subject->name);
	d->suspect_at = d->act_at = INSTANT_NONE;
	d->peak = xcalloc(jail->n_rules, sizeof(*d->peak));
	engine_pin(all->engine, subject);
	return d;
}

static struct decision *decision_open(struct decisions *all, const struct verdict *v)
{
	struct decision *d = decision_new(all, v->jail, v->subject);

	d->begin_s = v->begin_s;
	note_before(d);
	return d;
}

static bool graver(const struct decision *a, const struct decision *b)
{
	return a->level != b->level ? a->level > b->level : a->score > b->score;
}

uint64_t case_key(const struct jail *jail, uint64_t subject_hash)
{
	return hash_pair(subject_hash, hash_name(jail->name));
}

/* The next checkpoint has to drop its row. */
static void note_gone(struct decisions *all, const struct case_slot *slot)
{
	if (!slot->saved)
		return;
	all->gone = array_grow(all->gone, all->n_gone, &all->cap_gone, sizeof(*all->gone));
	all->gone[all->n_gone++] = slot->head.key;
}

/* Ends a case where only open ones are kept. */
static void decision_drop(struct decisions *all, struct case_slot *slot)
{
	struct decision *d = slot->open;

	if (all->on_close)
		all->on_close(all->ctx, d);
	note_gone(all, slot);
	engine_unpin(all->engine, d->subject);
	if (slot->gravest != d)
		decision_free(slot->gravest);
	decision_free(d);
	table_remove(&all->slots, slot);
}

/* Ends a case: what is needed of the subject is copied, and it is let go. */
static void decision_close(struct decisions *all, struct case_slot *slot)
{
	struct decision *d = slot->open;
	size_t n;
	const struct sighting *s = decision_evidence(d, &n);

	slot->open = NULL;
	if (d != slot->gravest && !graver(d, slot->gravest)) {
		engine_unpin(all->engine, d->subject);
		decision_free(d);
		return;
	}
	d->evidence = xcalloc(n, sizeof(*d->evidence));
	for (size_t i = 0; i < n; i++)
		if (s[i].last >= d->begin_s)
			d->evidence[d->n_evidence++] = sighting_copy(&s[i]);
	d->more_evidence = d->subject->more_sightings;
	engine_unpin(all->engine, d->subject);
	d->subject = NULL;
	if (d != slot->gravest)
		decision_free(slot->gravest);
	slot->gravest = d;
}

static void add_step(struct decision *d, const struct verdict *v, const struct finding *f)
{
	if (d->n_steps == STEPS_MOST)
		return;
	d->step = array_grow(d->step, d->n_steps, &d->cap_steps, sizeof(*d->step));
	d->step[d->n_steps++] =
		(struct decision_step){ v->at, f->rule, f->value, f->max, v->score, v->level };
}

static void note_findings(struct decision *d, const struct verdict *v)
{
	bool rises = v->level > d->level;
	size_t before = d->n_steps;

	for (size_t i = 0; i < v->n_findings; i++) {
		const struct finding *f = &v->finding[i];
		struct finding *peak = &d->peak[f->rule->index];
		bool last = i + 1 == v->n_findings;

		/* A level that is reached is a step, though no rule may be new. */
		if (!peak->rule || (rises && last && d->n_steps == before))
			add_step(d, v, f);
		if (!peak->rule || f->value > peak->value)
			*peak = *f;
	}
}

/* Has nothing held for so long that it is over? */
static bool is_over(const struct decisions *d, const struct decision *c, struct instant now)
{
	int64_t horizon_ms = (int64_t)engine_horizon_s(d->engine) * 1000;

	return c && (c->level < LEVEL_ACT || c->kind != SUBJECT_ACCOUNT) &&
	       since(c->last_at, now) > horizon_ms;
}

/* What holds again after so long is another case, whether or not it was swept in between. */
static void close_if_over(struct decisions *all, uint64_t key, struct instant now)
{
	struct case_slot *slot = table_find(&all->slots, key);

	if (!slot || !is_over(all, slot->open, now))
		return;
	if (all->open_only)
		decision_drop(all, slot);
	else
		decision_close(all, slot);
}

void decisions_note(void *ctx, const struct verdict *v)
{
	struct decisions *all = ctx;
	uint64_t key = case_key(v->jail, v->subject->hash);
	struct case_slot *slot;
	struct decision *d;

	close_if_over(all, key, v->at);
	slot = table_find(&all->slots, key);
	d = slot ? slot->open : NULL;
	if (v->level == LEVEL_NONE && !d)
		return;
	if (!d) {
		slot = table_add(&all->slots, key, 0, NULL);
		d = slot->open = decision_open(all, v);
		d->cases = ++slot->cases;
		if (!slot->gravest)
			slot->gravest = d;
	}
	slot->dirty = true;
	note_findings(d, v);
	d->last_at = v->at;
	if (v->begin_s < d->begin_s)
		d->begin_s = v->begin_s;
	if (v->score > d->score)
		d->score = v->score;
	if (v->level >= LEVEL_SUSPECT && instant_is_none(d->suspect_at))
		d->suspect_at = v->at;
	if (v->level == LEVEL_ACT && instant_is_none(d->act_at))
		d->act_at = v->at;
	if (v->level > d->level)
		d->level = v->level;
}

static struct case_slot *open_slot(const struct decisions *d, const struct jail *jail,
				   const struct subject *subject)
{
	struct case_slot *slot = table_find(&d->slots, case_key(jail, subject->hash));

	return slot && slot->open && slot->open->subject == subject ? slot : NULL;
}

const struct decision *decisions_find(const struct decisions *d, const struct jail *jail,
				      const struct subject *subject)
{
	const struct case_slot *slot = open_slot(d, jail, subject);

	return slot ? slot->open : NULL;
}

void decisions_each(const struct decisions *d, void (*tell)(void *ctx, const struct decision *d),
		    void *ctx)
{
	const struct case_slot *slot = NULL;

	while ((slot = table_next(&d->slots, slot)))
		if (slot->open)
			tell(ctx, slot->open);
}

void decisions_keep_open_only(struct decisions *d,
			      void (*on_close)(void *ctx, const struct decision *d), void *ctx)
{
	d->open_only = true;
	d->on_close = on_close;
	d->ctx = ctx;
}

void decisions_close(struct decisions *d, const struct jail *jail, const struct subject *subject)
{
	struct case_slot *slot = open_slot(d, jail, subject);

	if (slot && d->open_only)
		decision_drop(d, slot);
	else if (slot)
		decision_close(d, slot);
}

/* Removing from the table moves others: those that are to go are noted first. */
static void sweep_open_only(struct decisions *d, struct instant now)
{
	const struct case_slot *slot = NULL;
	uint64_t *key = NULL;
	size_t n = 0, cap = 0;

	while ((slot = table_next(&d->slots, slot)))
		if (is_over(d, slot->open, now)) {
			key = array_grow(key, n, &cap, sizeof(*key));
			key[n++] = slot->head.key;
		}
	for (size_t i = 0; i < n; i++)
		decision_drop(d, table_find(&d->slots, key[i]));
	free(key);
}

void decisions_sweep(struct decisions *d, struct instant now)
{
	struct case_slot *slot = NULL;

	if (d->open_only) {
		sweep_open_only(d, now);
		return;
	}
	while ((slot = table_next(&d->slots, slot)))
		if (is_over(d, slot->open, now))
			decision_close(d, slot);
}

static int by_urgency(const void *a, const void *b)
{
	const struct decision *x = *(const struct decision *const *)a;
	const struct decision *y = *(const struct decision *const *)b;
	int64_t x_at = instant_is_none(x->act_at) ? x->suspect_at.ms : x->act_at.ms;
	int64_t y_at = instant_is_none(y->act_at) ? y->suspect_at.ms : y->act_at.ms;

	if (x->level != y->level)
		return x->level > y->level ? -1 : 1;
	/* Accounts before addresses: a stolen one does more harm. */
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x_at != y_at)
		return x_at < y_at ? -1 : 1;
	return strcmp(x->name, y->name);
}

const struct decision *const *decisions_sorted(struct decisions *d, size_t *n)
{
	struct case_slot *slot = NULL;

	d->sorted = xrealloc(d->sorted, d->slots.n, sizeof(struct decision *));
	*n = 0;
	while ((slot = table_next(&d->slots, slot))) {
		bool graver_now = slot->open && graver(slot->open, slot->gravest);

		d->sorted[*n] = graver_now ? slot->open : slot->gravest;
		d->sorted[(*n)++]->cases = slot->cases;
	}
	qsort(d->sorted, *n, sizeof(struct decision *), by_urgency);
	return (const struct decision *const *)d->sorted;
}

const struct sighting *decision_evidence(const struct decision *d, size_t *n)
{
	*n = d->subject ? d->subject->n_sightings : d->n_evidence;
	return d->subject ? d->subject->sighting : d->evidence;
}

bool decision_is_bot(const struct decision *d, const struct sighting *s)
{
	/* In the owner's own country, and only reading: his phone is there too. */
	if (s->flags & SIGHTING_HOME && s->messages == 0)
		return false;
	return !(s->flags & (SIGHTING_KNOWN | SIGHTING_OWN | SIGHTING_FETCHER)) &&
	       !(s->ignored & 1U << d->jail->index) && s->first >= d->begin_s;
}
