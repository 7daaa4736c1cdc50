/*
 * judge_read - the truth and the verdicts, from JSON
 *
 * Addresses are compared as hosts on both sides: an IPv6 address counts as its /64, since that
 * is what the scan bans.
 */
#include "tests/sim/judge.h"

#include "core/base/mem.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add(struct sightings *list, struct address host, struct instant at)
{
	list->item = array_grow(list->item, list->n, &list->cap, sizeof(*list->item));
	list->item[list->n++] = (struct sighting){ host, at };
}

static bool host_of(struct address *host, const json_t *text)
{
	struct prefix p;

	if (!json_is_string(text) || !prefix_parse(&p, slice_of(json_string_value(text))))
		return false;
	*host = address_host(&p.base).base;
	return true;
}

static struct instant moment(const json_t *text)
{
	struct instant at;
	struct err err;

	if (!json_is_string(text) ||
	    instant_parse(&at, json_string_value(text), INSTANT_NONE, &err) < 0)
		return INSTANT_NONE;
	return at;
}

static int by_host(const void *a, const void *b)
{
	const struct sighting *x = a, *y = b;
	int order = memcmp(&x->host, &y->host, sizeof(x->host));

	if (order)
		return order;
	return x->at.ms < y->at.ms ? -1 : x->at.ms > y->at.ms;
}

static void sort(struct sightings *list)
{
	if (list->n > 0)
		qsort(list->item, list->n, sizeof(*list->item), by_host);
}

const struct sighting *sightings_find(const struct sightings *list, const struct address *host)
{
	size_t lo = 0, hi = list->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (memcmp(&list->item[mid].host, host, sizeof(*host)) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < list->n && address_equal(&list->item[lo].host, host) ? &list->item[lo] : NULL;
}

static size_t class_number(struct judgement *j, const char *name, bool stolen)
{
	size_t i = 0;

	while (i < j->classes && strcmp(j->class[i].name, name) != 0)
		i++;
	if (i == j->classes) {
		j->class = array_grow(j->class, i, &j->class_cap, sizeof(*j->class));
		j->class[j->classes++] = (struct class_name){ xstrdup(name), stolen };
	}
	return i;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Lists of bare addresses, or of objects with "ip" and a time under `time_key`. */
static void read_sightings(struct sightings *list, const json_t *array, const char *time_key)
{
	struct address host;
	size_t i;
	json_t *item;

	json_array_foreach(array, i, item)
	{
		bool bare = json_is_string(item);

		if (host_of(&host, bare ? item : json_object_get(item, "ip")))
			add(list, host,
			    bare ? INSTANT_NONE : moment(json_object_get(item, time_key)));
	}
}

static void append(struct sightings *to, const struct sightings *from)
{
	for (size_t i = 0; i < from->n; i++)
		add(to, from->item[i].host, from->item[i].at);
}

static bool read_subject(struct judgement *j, const json_t *o, const char *jail)
{
	struct subject s = { .stolen = json_is_true(json_object_get(o, "stolen")) };

	(void)jail;
	if (!*text_of(o, "user") || !*text_of(o, "class"))
		return false;
	s.user = xstrdup(text_of(o, "user"));
	s.class = class_number(j, text_of(o, "class"), s.stolen);
	s.life = class_number(j, text_of(o, s.stolen ? "life" : "class"), false);
	s.stolen_from = moment(json_object_get(o, "stolen_from"));
	s.active_days = (int)json_integer_value(json_object_get(o, "active_days"));
	s.found.act_at = s.found.suspect_at = INSTANT_NONE;
	read_sightings(&s.logins, json_object_get(o, "bot_logins"), "time");
	read_sightings(&s.owner, json_object_get(o, "owner_ips"), NULL);
	read_sightings(&s.known, json_object_get(o, "known_ips"), "since");
	sort(&s.owner);
	sort(&s.known);
	append(&j->owners, &s.owner);
	append(&j->known, &s.known);
	j->subject = array_grow(j->subject, j->subjects, &j->subject_cap, sizeof(*j->subject));
	j->subject[j->subjects++] = s;
	return true;
}

static int by_user(const void *a, const void *b)
{
	const struct subject *x = a, *y = b;

	return strcasecmp(x->user, y->user);
}

static char *rule_names(const json_t *rules)
{
	char *names = xstrdup("");
	size_t i;
	json_t *rule;

	json_array_foreach(rules, i, rule)
	{
		char *longer =
			xasprintf("%s%s%s", names, *names ? ", " : "", text_of(rule, "name"));

		free(names);
		names = longer;
	}
	return names;
}

static struct instant earlier(struct instant a, struct instant b)
{
	if (instant_is_none(a) || (!instant_is_none(b) && b.ms < a.ms))
		return b;
	return a;
}

/* Where an account is found more than once, the first crossing of each level counts. */
static void take_account(struct subject *s, const json_t *o, struct instant act_at)
{
	struct finding *f = &s->found;

	f->suspect_at = earlier(f->suspect_at, moment(json_object_get(o, "suspect_at")));
	f->act_at = earlier(f->act_at, act_at);
	f->cases += (size_t)json_integer_value(json_object_get(o, "cases"));
	if (f->jail)
		return;
	f->jail = xstrdup(text_of(o, "jail"));
	f->rules = rule_names(json_object_get(o, "rules"));
	f->score = json_number_value(json_object_get(o, "score"));
}

static void take_ban(struct judgement *j, const char *jail, struct address host, struct instant at)
{
	const struct sighting *known = sightings_find(&j->known, &host);

	j->address_bans++;
	if (!sightings_find(&j->owners, &host))
		return;
	j->stray = array_grow(j->stray, j->strays, &j->stray_cap, sizeof(*j->stray));
	j->stray[j->strays++] = (struct stray){ .jail = xstrdup(jail),
						.host = { host, at },
						.known = known && known->at.ms <= at.ms };
}

static bool read_finding(struct judgement *j, const json_t *o, const char *jail)
{
	const json_t *subject = json_object_get(o, "subject"),
		     *list = json_object_get(o, "addresses");
	const char *user = json_string_value(json_object_get(subject, "user"));
	bool act = strcmp(text_of(o, "verdict"), "act") == 0;
	bool of_account = user && strcmp(text_of(o, "jail"), jail) == 0;
	struct instant act_at = act ? moment(json_object_get(o, "act_at")) : INSTANT_NONE;
	struct subject key = { .user = xstrdup(user ? user : "") }, *s;
	struct address host;
	size_t i;
	json_t *item;

	s = user ? bsearch(&key, j->subject, j->subjects, sizeof(key), by_user) : NULL;
	free(key.user);
	if (of_account && s)
		take_account(s, o, act_at);
	else if (of_account)
		j->strangers++;
	if (act && host_of(&host, json_object_get(subject, "ip")))
		take_ban(j, text_of(o, "jail"), host, act_at);
	json_array_foreach(list, i, item)
	{
		if (!act || !json_is_true(json_object_get(item, "bot")) ||
		    !host_of(&host, json_object_get(item, "ip")))
			continue;
		if (of_account && s)
			add(&s->banned, host, act_at);
		else if (user)
			take_ban(j, text_of(o, "jail"), host, act_at);
	}
	return json_is_string(json_object_get(o, "verdict"));
}

static int read_lines(struct judgement *j, const char *path, const char *jail,
		      bool (*read)(struct judgement *, const json_t *, const char *),
		      struct err *err)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t size = 0, nth = 0;
	int ret = 0;

	if (!f)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	while (ret == 0 && getline(&line, &size, f) > 0) {
		json_error_t why;
		json_t *o = json_loads(line, 0, &why);

		nth++;
		if (!o)
			ret = err_set(err, EINVAL, "%s:%zu: %s", path, nth, why.text);
		else if (!read(j, o, jail))
			ret = err_set(err, EINVAL, "%s:%zu: not the object expected here", path,
				      nth);
		json_decref(o);
	}
	free(line);
	if (f != stdin)
		fclose(f);
	return ret;
}

int judge_read_truth(struct judgement *j, const char *path, struct err *err)
{
	if (read_lines(j, path, NULL, read_subject, err) < 0)
		return -1;
	if (j->subjects == 0)
		return err_set(err, EINVAL, "%s: no account in it", path);
	qsort(j->subject, j->subjects, sizeof(*j->subject), by_user);
	sort(&j->owners);
	sort(&j->known);
	return 0;
}

int judge_read_scan(struct judgement *j, const char *path, const char *jail, struct err *err)
{
	if (read_lines(j, path, jail, read_finding, err) < 0)
		return -1;
	for (size_t i = 0; i < j->subjects; i++)
		sort(&j->subject[i].banned);
	return 0;
}

void judge_fini(struct judgement *j)
{
	for (size_t i = 0; i < j->subjects; i++) {
		struct subject *s = &j->subject[i];

		free(s->user);
		free(s->logins.item);
		free(s->owner.item);
		free(s->known.item);
		free(s->banned.item);
		free(s->found.jail);
		free(s->found.rules);
	}
	for (size_t i = 0; i < j->classes; i++)
		free(j->class[i].name);
	for (size_t i = 0; i < j->strays; i++)
		free(j->stray[i].jail);
	free(j->subject);
	free(j->class);
	free(j->stray);
	free(j->owners.item);
	free(j->known.item);
}
