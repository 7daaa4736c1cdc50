/*
 * engine_explain - what the rules measure, for people who ask; and who is forgiven
 *
 * `postern explain` and `postern top` see the values on which the engine decides, without an event.
 * How near an account is to a jail's threshold is the score of what holds, or what the best of the
 * rules with a score adds, as far as its value is on the way to its max: 9 networks of 10 that are
 * allowed, for a rule that scores 50 of 100, is a share of 0.41.
 */
#include "core/rule/engine_parts.h"

#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/rule/user.h"

#include <assert.h>
#include <stdlib.h>

struct subject *engine_find(struct engine *e, enum subject_kind kind, struct slice name)
{
	struct address a;
	struct prefix host;
	struct user_name user;

	if (kind != SUBJECT_ADDRESS)
		return user_canonical(&user, name, e->options.default_realm)
			       ? subjects_find(engine_home(e, kind), user.hash)
			       : NULL;
	if (address_parse(&a, name))
		host = address_host(&a);
	else if (!prefix_parse(&host, name))
		return NULL;
	return subjects_find(&e->address, hash_bytes(host.base.byte, sizeof(host.base.byte)));
}

void engine_forget(struct engine *e, struct subject *subject)
{
	measure_forget(&e->measures, subject);
	subject_forget(subject);
	subjects_mark(engine_home(e, (enum subject_kind)subject->kind), subject);
}

static uint32_t seconds_of(struct instant at)
{
	int64_t s = instant_s(at);

	return s < 0 ? 0 : s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

/* The step of no event: the subject as it stands. */
static struct step look_at(struct subject *s, const struct event *nothing)
{
	bool is_address = s->kind == SUBJECT_ADDRESS;

	return (struct step){
		.event = nothing,
		.subject = s,
		.now_s = seconds_of(nothing->time),
		.host_hash = is_address ? s->hash : 0,
		.sighting = is_address && s->n_sightings > 0 ? s->sighting : NULL,
	};
}

static struct measurement weigh(struct engine *e, const struct jail *jail, const struct rule *r,
				const struct step *step, uint64_t value)
{
	struct limit limit = measure_limit(jail, r, step);
	struct measurement m = { jail,
				 r,
				 value,
				 limit.max,
				 r->dry_run ? 0 : limit.score,
				 false,
				 !measure_after(&e->measures, r, step) };

	m.holds = m.value > m.max && !m.waits;
	return m;
}

static struct measurement measure(struct engine *e, const struct jail *jail, const struct rule *r,
				  const struct step *step)
{
	return weigh(e, jail, r, step, measure_shown(&e->measures, jail, r, step));
}

void engine_explain(struct engine *e, struct subject *subject, struct instant now,
		    void (*tell)(void *ctx, const struct measurement *m), void *ctx)
{
	const struct event nothing = { .time = now, .kind = EVENT_LOGOUT };
	const struct plan *plan = e->plan[subject->kind];
	struct step step = look_at(subject, &nothing);

	for (size_t i = 0; i < e->jails->n_jails; i++)
		for (size_t k = 0; k < plan[i].n && !(subject->ignored & 1U << i); k++) {
			struct measurement m =
				measure(e, plan[i].jail, plan[i].rule[k].rule, &step);

			tell(ctx, &m);
		}
}

/* One of the nearest so far. */
struct candidate {
	uint64_t hash;
	struct nearness nearness;
};

/* The `n` nearest so far, nearest first. */
struct contest {
	struct engine *engine;
	struct event nothing;
	struct candidate *best;
	size_t n, most;
};

static double worst_of(const struct contest *c)
{
	return c->n < c->most ? 0 : c->best[c->n - 1].nearness.share;
}

static void enter(struct contest *c, const struct subject *s, const struct nearness *nearness)
{
	size_t i = c->n < c->most ? c->n++ : c->n - 1;

	for (; i > 0 && c->best[i - 1].nearness.share < nearness->share; i--)
		c->best[i] = c->best[i - 1];
	c->best[i] = (struct candidate){ s->hash, *nearness };
}

/* The part of the threshold that the rule adds, as far as its value is on the way. */
static double part_of(const struct jail *jail, const struct measurement *m)
{
	double way = (double)m->value / ((double)m->max + 1);

	return (way < 1 ? way : 1) * m->score / (jail->threshold ? jail->threshold : 1);
}

/* Does `value`, which does not hold, bring the subject no nearer than `worst`? Surges have other limits. */
static bool is_far(const struct jail *jail, const struct rule *r, const struct subject *s,
		   uint64_t value, double worst)
{
	const struct measurement m = { .value = value, .max = r->max, .score = r->score };

	if (value == 0)
		return true;
	return !s->limit_class && r->aggregate != AGGREGATE_SURGE && value <= r->max &&
	       part_of(jail, &m) <= worst;
}

static struct nearness nearness_to(struct engine *e, const struct plan *plan,
				   const struct step *step, double worst)
{
	const struct subject *s = step->subject;
	struct nearness n = { .subject = step->subject, .jail = plan->jail };
	struct tally all = { 0 };
	double most = 0;

	for (size_t k = 0; k < plan->n; k++) {
		const struct rule *r = plan->rule[k].rule;
		struct measurement m;
		uint64_t value;

		/* No more places than sightings: they are often too few. */
		if (r->score == 0 || r->dry_run ||
		    (k < plan->n_places && is_far(plan->jail, r, s, s->n_sightings, worst)))
			continue;
		value = measure_shown(&e->measures, plan->jail, r, step);
		if (is_far(plan->jail, r, s, value, worst))
			continue;
		m = weigh(e, plan->jail, r, step, value);
		if (m.waits || m.score == 0)
			continue;
		if (m.holds)
			tally_add(&all, r, m.score);
		if (part_of(plan->jail, &m) > most) {
			most = part_of(plan->jail, &m);
			n.nearest = m;
		}
	}
	n.score = all.sum;
	n.share = (double)n.score / (plan->jail->threshold ? plan->jail->threshold : 1);
	n.share = n.share > most ? n.share : most;
	return n;
}

static void on_account(void *ctx, struct subject *s)
{
	struct contest *c = ctx;
	const struct plan *plan = c->engine->plan[SUBJECT_ACCOUNT];
	struct step step = look_at(s, &c->nothing);
	struct nearness nearest = { 0 };

	for (size_t i = 0; i < c->engine->jails->n_jails; i++) {
		struct nearness n;

		if (plan[i].jail->subject != SUBJECT_ACCOUNT || s->ignored & 1U << i)
			continue;
		n = nearness_to(c->engine, &plan[i], &step, worst_of(c));
		if (n.share > nearest.share)
			nearest = n;
	}
	if (nearest.share > worst_of(c))
		enter(c, s, &nearest);
}

void engine_top(struct engine *e, struct instant now, size_t n,
		void (*tell)(void *ctx, const struct nearness *nearness), void *ctx)
{
	struct contest c = { .engine = e, .nothing = { .time = now, .kind = EVENT_LOGOUT } };

	if (n == 0)
		return;
	c.most = n < subjects_count(&e->account) ? n : subjects_count(&e->account);
	if (c.most == 0)
		return;
	c.best = xcalloc(c.most, sizeof(*c.best));
	/* Who was not seen since then has nothing left that counts. */
	subjects_each(&e->account, seconds_back(seconds_of(now), e->horizon_s), on_account, &c);
	for (size_t i = 0; i < c.n; i++) {
		/* Only now it is where the caller can look at it. */
		c.best[i].nearness.subject = subjects_find(&e->account, c.best[i].hash);
		tell(ctx, &c.best[i].nearness);
	}
	free(c.best);
}
