/*
 * report_json - a decision as one line of JSON; postern(1) documents the keys
 */
#include "core/cli/json.h"
#include "core/cli/report.h"

#include <stdlib.h>

static json_t *rules(const struct decision *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->jail->n_rules; i++) {
		const struct finding *f = &d->peak[i];
		json_t *rule;

		if (!f->rule)
			continue;
		rule = json_object();
		json_set_text(rule, "name", f->rule->name);
		json_set_number(rule, "value", f->value);
		json_set_number(rule, "max", f->max);
		json_set_number(rule, "score", f->score);
		json_set_text(rule, "group", f->rule->group_name);
		if (f->rule->dry_run)
			(void)json_object_set_new(rule, "dry_run", json_true());
		(void)json_array_append_new(list, rule);
	}
	return list;
}

json_t *report_sighting(const struct sighting *s, const struct geoip *geoip, enum subject_kind kind,
			bool bot)
{
	uint32_t asn = geoip_asn(geoip, &s->host.base);
	char text[ADDRESS_TEXT], country[3];
	json_t *a = json_object();

	json_set_text(a, "ip", prefix_text(&s->host, text));
	json_set_text(a, "name", s->rdns);
	json_set_text(a, "country", s->country ? country_text(s->country, country) : NULL);
	if (asn)
		json_set_number(a, "asn", asn);
	json_set_slice(a, "network", geoip_holder(geoip, &s->host.base));
	(void)json_object_set_new(a, "known", json_boolean(s->flags & SIGHTING_KNOWN));
	(void)json_object_set_new(a, "bot", json_boolean(bot));
	if (kind == SUBJECT_ACCOUNT) {
		json_set_number(a, "logins", s->logins);
		json_set_number(a, "messages", s->messages);
		json_set_number(a, "recipients", s->recipients);
		json_set_number(a, "bounces", s->bounces);
	} else {
		json_set_number(a, "failures", s->logins);
	}
	json_set_instant(a, "first", instant_of_s(s->first));
	json_set_instant(a, "last", instant_of_s(s->last));
	return a;
}

static json_t *addresses(const struct decision *d, const struct report_options *o)
{
	json_t *list = json_array();
	size_t n;
	const struct sighting **row = report_rows(d, &n);

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, report_sighting(row[i], o->geoip, d->kind,
								  decision_is_bot(d, row[i])));
	free(row);
	return list;
}

static json_t *steps(const struct decision *d)
{
	static const char *const words[] = { "none", "suspect", "act" };
	json_t *list = json_array();

	for (size_t i = 0; i < d->n_steps; i++) {
		json_t *step = json_object();

		json_set_instant(step, "at", d->step[i].at);
		json_set_text(step, "rule", d->step[i].rule->name);
		json_set_number(step, "value", d->step[i].value);
		json_set_number(step, "max", d->step[i].max);
		json_set_number(step, "score", d->step[i].score);
		json_set_text(step, "verdict", words[d->step[i].level]);
		(void)json_array_append_new(list, step);
	}
	return list;
}

static json_t *queue_ids(const struct decision *d, const struct queue *queue)
{
	json_t *list = json_array();
	size_t n;
	const char **id = report_queue_ids(d, queue, &n);

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_string(id[i]));
	free(id);
	return list;
}

json_t *report_object(const struct decision *d, const struct report_options *o)
{
	struct report_totals t = report_sum(d);
	json_t *object = json_object(), *subject = json_object();

	json_set_text(object, "jail", d->jail->name);
	json_set_text(object, "verdict", d->level == LEVEL_ACT ? "act" : "suspect");
	json_set_number(object, "score", d->score);
	json_set_instant(object, "suspect_at", d->suspect_at);
	json_set_instant(object, "act_at", d->act_at);
	json_set_number(object, "cases", d->cases);
	json_set_text(subject, d->kind == SUBJECT_ADDRESS ? "ip" : "user", d->name);
	(void)json_object_set_new(object, "subject", subject);
	(void)json_object_set_new(object, "rules", rules(d));
	(void)json_object_set_new(object, "addresses", addresses(d, o));
	if (d->kind == SUBJECT_ACCOUNT) {
		json_set_number(object, "messages", t.messages);
		json_set_number(object, "recipients", t.recipients);
		json_set_number(object, "bounces", t.bounces);
		(void)json_object_set_new(object, "queue_ids", queue_ids(d, o->queue));
	}
	if (o->explain)
		(void)json_object_set_new(object, "explain", steps(d));
	return object;
}

void report_json(const struct decision *d, const struct report_options *o)
{
	json_print(report_object(d, o), o->out);
}
