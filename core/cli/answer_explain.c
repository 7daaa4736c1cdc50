/*
 * answer_explain - what `postern explain` is told: all that is known of one user or address
 *
 * In the order in which people read it: who, what is decided, what each rule measures now, from
 * where, where at home, and what was decided before.
 */
#include "core/cli/answers.h"
#include "core/cli/json.h"
#include "core/cli/report.h"
#include "core/rule/places.h"

#include <string.h>

enum { PAST_MOST = 50 };

struct explanation {
	const struct answers *answers;
	struct reply *reply;
	struct instant now;
	const char *name;
	struct subject *subject;
	enum subject_kind kind;
};

/* The open case of an active decision about the subject, of this jail (NULL: of any). */
static const struct decision *case_of(const struct explanation *x, const struct jail *jail)
{
	const struct life *life = x->answers->view->life;
	const struct record *r = NULL;
	uint64_t after = 0;

	while ((r = life_find(life, x->kind, x->name, after))) {
		const struct decision *d = life_case(life, r);

		if (d && (!jail || d->jail == jail))
			return d;
		after = r->id;
	}
	return NULL;
}

static void add_subject(const struct explanation *x)
{
	const struct subject *s = x->subject;
	json_t *object = json_object();

	json_set_text(object, "kind", kind_word(s->kind));
	json_set_text(object, s->kind == SUBJECT_ADDRESS ? "ip" : "user", s->name);
	json_set_instant(object, "last", instant_of_s(s->last));
	json_set_number(object, "addresses", s->n_sightings);
	if (s->more_sightings)
		(void)json_object_set_new(object, "more_addresses", json_true());
	if (s->ignored)
		(void)json_object_set_new(object, "ignored", json_true());
	answer_add(x->reply, "subject", object);
}

/* When the rule began to hold, as far as the open case remembers. */
static struct instant held_since(const struct explanation *x, const struct measurement *m)
{
	const struct decision *d = case_of(x, m->jail);

	for (size_t i = d ? d->n_steps : 0; i > 0; i--)
		if (d->step[i - 1].rule == m->rule)
			return d->step[i - 1].at;
	return INSTANT_NONE;
}

static void add_rule(void *ctx, const struct measurement *m)
{
	const struct explanation *x = ctx;
	json_t *object = json_object();

	json_set_text(object, "jail", m->jail->name);
	json_set_text(object, "rule", m->rule->name);
	json_set_number(object, "value", m->value);
	if (m->max != UINT64_MAX)
		json_set_number(object, "max", m->max);
	json_set_number(object, "findtime_s", m->rule->findtime_s);
	json_set_number(object, "score", m->score);
	json_set_text(object, "group", m->rule->group_name);
	(void)json_object_set_new(object, "holds", json_boolean(m->holds));
	if (m->holds)
		json_set_instant(object, "since", held_since(x, m));
	if (m->waits)
		(void)json_object_set_new(object, "waits", json_true());
	if (m->rule->dry_run)
		(void)json_object_set_new(object, "dry_run", json_true());
	answer_add(x->reply, "rule", object);
}

static void add_addresses(const struct explanation *x)
{
	const struct geoip *geoip = x->answers->view->setup->geoip;
	const struct decision *d = case_of(x, NULL);
	const struct subject *s = x->subject;

	for (size_t i = 0; i < s->n_sightings; i++) {
		const struct sighting *at = &s->sighting[i];

		answer_add(x->reply, "address",
			   report_sighting(at, geoip, s->kind, d && decision_is_bot(d, at)));
	}
}

/* A network as people know it: by an address of it that was seen, if any is left. */
static json_t *network_json(const struct explanation *x, uint32_t network)
{
	const struct geoip *geoip = x->answers->view->setup->geoip;
	json_t *object = json_object();

	for (size_t i = 0; i < x->subject->n_sightings; i++) {
		const struct sighting *at = &x->subject->sighting[i];
		struct prefix p = address_prefix(&at->host.base, 16, 32);
		char text[ADDRESS_TEXT];

		if (at->network != network)
			continue;
		if (sighting_asn(at)) {
			json_set_number(object, "asn", sighting_asn(at));
			json_set_slice(object, "network", geoip_holder(geoip, &at->host.base));
		} else {
			json_set_text(object, "network", prefix_text(&p, text));
		}
		break;
	}
	return object;
}

static void add_known(const struct explanation *x)
{
	const unsigned int needed = x->answers->view->setup->known_days;
	const int64_t today = instant_s(x->now) / DAY_S;

	for (size_t i = 0; i < x->subject->n_known; i++) {
		const struct known *k = &x->subject->known[i];
		json_t *object = network_json(x, k->network);
		char country[3];

		json_set_text(object, "country",
			      k->country ? country_text(k->country, country) : NULL);
		json_set_number(object, "days", k->days);
		json_set_instant(object, "last_day", instant_of_s((int64_t)k->last_day * DAY_S));
		(void)json_object_set_new(
			object, "owner",
			json_boolean(k->days - (k->last_day == today) >= (int)needed));
		answer_add(x->reply, "known", object);
	}
}

/* Decisions that are in force; returns how many there were. */
static size_t add_active(const struct explanation *x)
{
	const struct life *life = x->answers->view->life;
	const struct record *r = NULL;
	uint64_t after = 0;
	size_t n = 0;

	while ((r = life_find(life, x->kind, x->name, after))) {
		answer_add(x->reply, "decision", answer_record(r));
		after = r->id;
		n++;
	}
	return n;
}

static void add_past(void *ctx, const struct record *r)
{
	const struct explanation *x = ctx;

	if (!instant_is_none(r->ended))
		answer_add(x->reply, "past", answer_record(r));
}

static bool explain_kind(struct explanation *x, enum subject_kind kind)
{
	struct engine *engine = x->answers->view->engine;
	size_t active;

	x->kind = kind;
	x->subject = engine_find(engine, kind, slice_of(x->name));
	if (x->subject)
		add_subject(x);
	active = add_active(x);
	if (!x->subject)
		return active > 0;
	engine_explain(engine, x->subject, x->now, add_rule, x);
	add_addresses(x);
	add_known(x);
	return true;
}

void answer_explain(const struct answers *a, const struct request *request, struct instant now,
		    struct reply *reply)
{
	struct explanation x = { .answers = a, .reply = reply, .now = now };
	struct store_query query = { .since = INSTANT_NONE, .limit = PAST_MOST };
	struct whom whom;
	bool found;

	if (!answer_whom(a, request->subject, &whom, reply))
		return;
	query.name = x.name = whom.name;
	if (whom.is_address)
		found = explain_kind(&x, SUBJECT_ADDRESS);
	else
		found = explain_kind(&x, SUBJECT_ACCOUNT);
	/* Somebody who proved who he is, and those who only tried that name, are two. */
	if (!whom.is_address && explain_kind(&x, SUBJECT_NAME))
		found = true;
	if (a->view->store)
		(void)store_history(a->view->store, &query, add_past, &x);
	if (!found && reply->lines.len == 0)
		reply_refuse(reply, "users are spelt with their realm, as `postern top` shows them",
			     "nothing is known of \"%s\"", whom.name);
}
