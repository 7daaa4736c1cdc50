/*
 * life - the life of decisions
 *
 *	 verdicts           administrator
 *	     |                    |
 *	     v                    v
 *	 SUSPECT ----act-------> ACT              each with a task for every action of its jail that is
 *	     |                    |               to be told (task.c): all at ACT, at SUSPECT those
 *	     |   addresses and    |               that say `at = suspect`
 *	     |   messages join    |
 *	     +--- until is over --+--> EXPIRED ---+
 *	     +--- administrator --+--> RELEASED --+--> each task is reverted --> gone from memory
 *	     +--- case closed -------> EXPIRED            the store keeps it as history
 *
 * A decision has a number, and is in the store, before any action hears of it. After a crash the log
 * is read again from the checkpoint and the engine says the same things: a decision is then found
 * by its jail and subject while it is active, and by what is remembered of it when it is over
 * (life_past.c), so none is taken twice. Cases that the engine knew and the store does not are
 * decided at the start, so none is lost.
 *
 * Decisions are taken in event time and last in wall time: `now` is what the loop says it is.
 */
#include "core/decision/life_parts.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAST_MOST = 1 << 17,
	EXPIRE_MOST = 1000,             /* in one tick: a night's bans may end together */
	STALE_MS = 24 * 60 * 60 * 1000, /* news that old is history where the ban would be over */
};

/* Is this address one of the intruders', for this decision? */
static bool is_bot(const struct record *r, const struct sighting *at)
{
	const struct decision as = { .jail = r->of, .begin_s = r->begin_s };

	return r->of && decision_is_bot(&as, at);
}

/* Those that were in the queue before it was decided, the oldest first. */
static void join_messages(struct life *l, struct record *r)
{
	size_t n;
	const struct queued **list = queue_of(engine_queue(l->engine), r->subject, &n);

	for (size_t i = 0; i < n; i++)
		record_queue(r, queued_id(list[i]));
	free(list);
}

/* Those of the evidence that came after `since_s`; a case keeps growing where its addresses fail. */
static void join_bots(struct life *l, struct record *r, const struct decision *c, uint32_t since_s)
{
	size_t n;
	const struct sighting *s = decision_evidence(c, &n);

	for (size_t i = 0; i < n; i++)
		if (s[i].first >= since_s && is_bot(r, &s[i]))
			(void)life_join(l, r, &s[i].host);
}

void life_join_evidence(struct life *l, struct record *r, const struct decision *c)
{
	struct prefix host;

	if (r->kind == SUBJECT_ADDRESS) {
		if (prefix_parse(&host, slice_of(r->name)))
			(void)life_join(l, r, &host);
		return;
	}
	if (c)
		join_bots(l, r, c, 0);
	if (r->kind == SUBJECT_ACCOUNT && r->n_messages == 0)
		join_messages(l, r);
}

/* "many-networks 12 > 9, bounces 41 > 40": what has held, and the most it measured. */
static void give_reason(struct record *r, const struct decision *c)
{
	char *text = NULL;
	size_t len;
	FILE *fp = open_memstream(&text, &len);
	const char *between = "";

	if (!fp)
		return;
	for (size_t i = 0; i < c->jail->n_rules; i++) {
		const struct finding *f = &c->peak[i];

		if (!f->rule || f->score == 0)
			continue;
		(void)fprintf(fp, "%s%s %llu > %llu", between, f->rule->name,
			      (unsigned long long)f->value, (unsigned long long)f->max);
		between = ", ";
	}
	if (fclose(fp) == 0)
		record_set_reason(r, text);
	free(text);
}

/* So old that the ban would be over: the log was not read for a while. */
static bool is_stale(const struct life *l, const struct record *r, struct instant at)
{
	int64_t bantime_ms = r->of->bantime_s * 1000;

	return r->of->bantime_s != FOREVER && since(at, l->now) > STALE_MS &&
	       since(at, l->now) > bantime_ms;
}

/* It is to be acted on: for how long, and whether at all just now. */
static void act(struct life *l, struct record *r, const struct decision *c)
{
	r->level = LEVEL_ACT;
	r->acted = c->act_at;
	r->repeats = past_repeats(l, r);
	life_set_until(l, r, past_until(l, r->of, r->repeats));
	r->braked = brake_holds(l, r);
	life_counts_of(l, r)->decided++;
}

static void tell(struct life *l, enum life_news news, struct record *r)
{
	life_news(l, news, r, "");
	brake_tell(l, r);
	life_tell_guarded(l, r);
}

/* A new decision, from an open case. */
static void decide(struct life *l, const struct decision *c)
{
	struct record *r = record_new(c->jail->name, c->kind, c->name);

	r->id = life_new_id(l);
	r->of = c->jail;
	r->level = LEVEL_SUSPECT;
	r->score = c->score;
	r->crossed = c->suspect_at;
	r->begin_s = c->begin_s;
	r->since = l->now;
	r->dry = l->options.dry_run || c->jail->dry_run;
	give_reason(r, c);
	if (c->level == LEVEL_ACT) {
		act(l, r, c);
	} else {
		life_set_until(l, r, past_until(l, c->jail, 0));
		life_counts_of(l, r)->suspected++;
	}
	life_enter(l, r);
	life_join_evidence(l, r, c);
	tell(l, LIFE_DECIDED, r);
	if (is_stale(l, r, c->level == LEVEL_ACT ? c->act_at : c->suspect_at))
		life_end(l, r, RECORD_EXPIRED);
	else
		life_add_tasks(l, r);
}

/* A suspicion has become certain. */
static void raise_level(struct life *l, struct record *r, const struct decision *c)
{
	--*life_level_count(l, r);
	r->score = c->score;
	if (c->begin_s < r->begin_s)
		r->begin_s = c->begin_s;
	give_reason(r, c);
	act(l, r, c);
	++*life_level_count(l, r);
	life_join_evidence(l, r, c);
	tell(l, LIFE_RAISED, r);
	life_add_tasks(l, r);
}

/* Not in the middle of an event: the engine would lose what it stands on. */
static void forgive_later(struct life *l, const struct decision *c, struct past *p)
{
	struct forgiven *f;

	p->forgive = true;
	l->forgiven = array_grow(l->forgiven, l->n_forgiven, &l->cap_forgiven, sizeof(*f));
	f = &l->forgiven[l->n_forgiven++];
	*f = (struct forgiven){ .kind = c->kind,
				.name = xstrdup(c->name),
				.key = p->head.key,
				.jail = c->jail,
				.all = p->released || c->kind == SUBJECT_ADDRESS };
}

void life_forgive(struct life *l, enum subject_kind kind, const char *name)
{
	struct subject *s = engine_find(l->engine, kind, slice_of(name));

	for (size_t i = 0; s && i < l->options.jails->n_jails; i++)
		decisions_close(l->decisions, l->options.jails->jail[i], s);
	if (s)
		engine_forget(l->engine, s);
}

static void close_case(struct life *l, const struct jail *jail, enum subject_kind kind,
		       const char *name)
{
	struct subject *s = engine_find(l->engine, kind, slice_of(name));

	if (s)
		decisions_close(l->decisions, jail, s);
}

/* Those that had to wait. */
static void forgive_all(struct life *l)
{
	for (size_t i = 0; i < l->n_forgiven; i++) {
		struct forgiven *f = &l->forgiven[i];
		struct past *p = table_find(&l->past, f->key);

		if (f->all)
			life_forgive(l, f->kind, f->name);
		else
			close_case(l, f->jail, f->kind, f->name);
		if (p)
			p->forgive = false;
		free(f->name);
	}
	l->n_forgiven = 0;
}

/*
 * True where the case says nothing that a decision which is over has not taken into account: the
 * same lines read again, late ones, or a suspicion that was told.
 */
static bool is_old_news(struct life *l, const struct decision *c, struct instant at)
{
	struct past *p = table_find(&l->past, record_key(c->jail->name, c->kind, c->name));

	if (!p)
		return false;
	if (p->forgive)
		return true;
	if ((!instant_is_none(p->seen) && at.ms <= p->seen.ms) ||
	    (!instant_is_none(p->covers) && at.ms < p->covers.ms)) {
		if (p->was_act || p->released)
			forgive_later(l, c, p);
		return true;
	}
	return c->level == LEVEL_SUSPECT && !instant_is_none(p->suspect) &&
	       p->suspect.ms == c->suspect_at.ms;
}

/* One case as it stands at `at`: a decision is taken, or raised, or nothing is new. */
void life_consider(struct life *l, const struct decision *c, struct instant at)
{
	struct record *r = life_active(l, c->jail->name, c->kind, c->name);

	if (r && c->level > r->level)
		raise_level(l, r, c);
	else if (!r && c->level > LEVEL_NONE && !is_old_news(l, c, at))
		decide(l, c);
}

void life_set_now(struct life *l, struct instant now)
{
	l->now = now;
}

void life_verdict(void *ctx, const struct verdict *v)
{
	struct life *l = ctx;
	const struct decision *c;
	struct record *r;

	decisions_note(l->decisions, v);
	if (v->level == LEVEL_NONE)
		return;
	c = decisions_find(l->decisions, v->jail, v->subject);
	assert(c);
	life_consider(l, c, v->at);
	if (v->subject->kind != SUBJECT_NAME)
		return;
	/* While it is attacked, each address that goes on with it is one of the attackers'. */
	r = life_active(l, v->jail->name, SUBJECT_NAME, v->subject->name);
	if (r) {
		join_bots(l, r, c, (uint32_t)instant_s(v->at));
		life_look(l, r);
	}
}

/* Calls for each active decision about the account. */
static void each_about(struct life *l, const struct subject *s,
		       void (*take)(struct life *l, struct record *r, const void *what),
		       const void *what)
{
	for (size_t i = 0; s->kind == SUBJECT_ACCOUNT && i < l->options.jails->n_jails; i++) {
		struct record *r =
			life_active(l, l->options.jails->jail[i]->name, SUBJECT_ACCOUNT, s->name);

		if (r)
			take(l, r, what);
	}
}

static void trap_address(struct life *l, struct record *r, const void *what)
{
	const struct sighting *at = what;

	if (is_bot(r, at) && life_join(l, r, &at->host)) {
		life_counts_of(l, r)->joined++;
		life_look(l, r);
	}
	life_tell_guarded(l, r);
}

void life_sighting(void *ctx, struct subject *s, const struct sighting *at, uint32_t now_s)
{
	(void)now_s;
	each_about(ctx, s, trap_address, at);
}

static void trap_message(struct life *l, struct record *r, const void *what)
{
	record_queue(r, queued_id(what));
	life_changed(l, r);
	life_look(l, r);
}

void life_message(void *ctx, struct subject *s, const struct queued *message)
{
	const struct sighting *at =
		message->has_host ? subject_find_sighting(s, &message->host) : NULL;

	/* At home in the owner's country an address is an intruder's once it sends. */
	if (at)
		each_about(ctx, s, trap_address, at);
	each_about(ctx, s, trap_message, message);
}

static void trap_removed(struct life *l, struct record *r, const void *what)
{
	record_unqueue(r, queued_id(what));
	life_changed(l, r);
}

void life_removed(void *ctx, struct subject *s, const struct queued *message)
{
	each_about(ctx, s, trap_removed, message);
}

/* Event time up to which what is known of the subject was taken into account. */
static struct instant seen_until(const struct life *l, const struct record *r)
{
	const struct subject *s = engine_find(l->engine, r->kind, slice_of(r->name));
	struct instant seen = r->crossed;

	if (!instant_is_none(r->acted) && r->acted.ms > seen.ms)
		seen = r->acted;
	if (s && instant_of_s(s->last).ms + 999 > seen.ms)
		seen.ms = instant_of_s(s->last).ms + 999;
	return seen;
}

void life_end(struct life *l, struct record *r, enum record_end end)
{
	assert(r->end == RECORD_ACTIVE && end != RECORD_ACTIVE);
	r->seen = seen_until(l, r);
	r->ended = l->now;
	r->end = end;
	life_retire(l, r);
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->task[i]->instance != TASK_ORPHAN)
			tasks_lift(l->tasks, r->task[i]);
	past_note(l, r);
	if (end == RECORD_RELEASED)
		life_counts_of(l, r)->released++;
	else
		life_counts_of(l, r)->expired++;
	life_news(l, end == RECORD_RELEASED ? LIFE_RELEASED : LIFE_EXPIRED, r, "");
	life_changed(l, r);
}

/*
 * Its time is over. A suspicion's case stays open, so that it is not told again; one that was acted
 * on is closed. An address begins anew, as in fail2ban; an account that is still above its limits
 * is decided on again at its next event, for whoever is in is in.
 */
static void expire(struct life *l, struct record *r)
{
	life_end(l, r, RECORD_EXPIRED);
	if (r->level != LEVEL_ACT)
		return;
	if (r->kind == SUBJECT_ADDRESS)
		life_forgive(l, r->kind, r->name);
	else if (r->of)
		close_case(l, r->of, r->kind, r->name);
}

/* A case in which nothing has held for long: the suspicion is over with it. */
static void on_close(void *ctx, const struct decision *c)
{
	struct life *l = ctx;
	struct record *r = life_active(l, c->jail->name, c->kind, c->name);

	if (!r || r->level != LEVEL_SUSPECT || r->by_administrator)
		return;
	/* Where the log is read again this may be an earlier case than the one that was decided. */
	if (c->suspect_at.ms <= r->crossed.ms && r->crossed.ms <= c->last_at.ms)
		life_end(l, r, RECORD_EXPIRED);
}

void life_tick(struct life *l, struct instant now)
{
	const struct heap_node *node;

	life_set_now(l, now);
	forgive_all(l);
	tasks_tick(l->tasks, now);
	for (int i = 0; i < EXPIRE_MOST && (node = heap_first(&l->ends)) && node->key <= now.ms;
	     i++)
		expire(l, (struct record *)(uintptr_t)((const char *)node -
						       offsetof(struct record, node)));
	life_store(l);
}

struct instant life_next(const struct life *l)
{
	const struct heap_node *node = heap_first(&l->ends);
	struct instant next = tasks_next(l->tasks);
	bool waits = l->n_list > 0 && (!l->store || !store_trouble(l->store));

	if (node)
		next = instant_earlier(next, (struct instant){ node->key });
	if (waits || l->n_forgiven > 0 || (l->store && store_decisions_age(l->store) != l->age))
		next = instant_earlier(next, l->now);
	return next;
}

struct life *life_new(const struct life_options *options, struct decisions *decisions,
		      struct store *store, struct engine *engine)
{
	struct life *l = xcalloc(1, sizeof(*l));

	l->options = *options;
	l->decisions = decisions;
	l->store = store;
	l->engine = engine;
	l->tasks = life_make_tasks(l);
	life_keep_init(l);
	table_init(&l->past, sizeof(struct past), PAST_MOST, NULL);
	l->brake.at = xcalloc(options->brake_n, sizeof(*l->brake.at));
	l->brake.on = INSTANT_NONE;
	l->counts = xcalloc(options->jails->n_jails + 1, sizeof(*l->counts));
	l->age = store ? store_decisions_age(store) : 0;
	decisions_keep_open_only(decisions, on_close, l);
	return l;
}

void life_free(struct life *l)
{
	if (!l)
		return;
	decisions_keep_open_only(l->decisions, NULL, NULL);
	tasks_free(l->tasks);
	for (size_t i = 0; i < l->n_forgiven; i++)
		free(l->forgiven[i].name);
	life_keep_fini(l);
	table_fini(&l->past);
	free(l->forgiven);
	free(l->brake.at);
	free(l->counts);
	free(l);
}
