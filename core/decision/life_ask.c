/*
 * life_ask - what an administrator asks for: a ban, a release
 *
 * His word counts more than the engine's, but for one thing: what is guarded is not banned by him
 * either, for it would be the machine's own network, or all its customers behind one relay.
 */
#include "core/decision/life_parts.h"

#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Does the jail have an action that does something about a subject of this kind? */
static bool jail_fits(const struct life *l, const struct jail *jail, enum subject_kind kind)
{
	unsigned int wanted =
		kind == SUBJECT_ADDRESS ? POSTERN_WANTS_ADDRESSES : POSTERN_WANTS_USERS;

	for (size_t i = 0; i < jail->n_actions; i++)
		if (!l->options.wants || l->options.wants[jail->action[i].id] & wanted)
			return true;
	return false;
}

/* The first jail with a fitting action: one about such subjects first, then, for addresses, any. */
static const struct jail *choose_jail(const struct life *l, enum subject_kind kind)
{
	const struct jail_set *set = l->options.jails;

	for (size_t i = 0; i < set->n_jails; i++)
		if (set->jail[i]->subject == kind && jail_fits(l, set->jail[i], kind))
			return set->jail[i];
	for (size_t i = 0; i < set->n_jails && kind == SUBJECT_ADDRESS; i++)
		if (jail_fits(l, set->jail[i], kind))
			return set->jail[i];
	return NULL;
}

static const struct jail *jail_for(const struct life *l, const struct life_ban *ban,
				   struct err *err)
{
	const struct jail *jail = ban->jail ? life_jail(l, ban->jail) : choose_jail(l, ban->kind);

	if (!jail && ban->jail)
		(void)err_set(err, ENOENT, "there is no jail \"%s\"", ban->jail);
	else if (!jail)
		(void)err_set(err, ENOENT, "no jail has an action for %s: add one, such as %s",
			      ban->kind == SUBJECT_ADDRESS ? "addresses" : "accounts",
			      ban->kind == SUBJECT_ADDRESS ? "nftables" : "postfix-map");
	return jail;
}

/* The subject as the engine and the records call it; -1 where it can be nobody's name. */
static int settle_name(const struct life *l, enum subject_kind kind, const char *name,
		       struct prefix *host, char **settled, struct err *err)
{
	char text[ADDRESS_TEXT];
	const struct subject *s;

	if (kind == SUBJECT_ADDRESS && prefix_parse(host, slice_of(name))) {
		if (host->bits == 128)
			*host = address_host(&host->base);
		*settled = xstrdup(prefix_text(host, text));
		return 0;
	}
	s = kind == SUBJECT_ADDRESS ? NULL : engine_subject(l->engine, kind, slice_of(name), 0);
	if (s) {
		*settled = xstrdup(s->name);
		return 0;
	}
	(void)err_set(err, EINVAL, "expected %s, not \"%s\"",
		      kind == SUBJECT_ADDRESS ? "an address or a prefix" : "the name of a user",
		      name);
	return -1;
}

static struct instant end_of(const struct life *l, const struct jail *jail, int64_t for_s)
{
	if (for_s == 0)
		return past_until(l, jail, 0);
	return for_s == FOREVER ? INSTANT_NONE : (struct instant){ l->now.ms + for_s * 1000 };
}

/* One that is there lasts as long as was asked for, and is acted on if it was a suspicion. */
static void extend(struct life *l, struct record *r, const struct life_ban *ban)
{
	if (ban->because)
		record_set_reason(r, ban->because);
	if (r->level != LEVEL_ACT) {
		--*life_level_count(l, r);
		r->level = LEVEL_ACT;
		r->acted = l->now;
		++*life_level_count(l, r);
	}
	r->by_administrator = true;
	r->braked = false;
	life_set_until(l, r, end_of(l, r->of, ban->for_s));
	life_news(l, LIFE_EXTENDED, r, "");
	life_add_tasks(l, r);
}

static struct record *begin(struct life *l, const struct life_ban *ban, const struct jail *jail,
			    const char *name)
{
	const struct subject *s = engine_find(l->engine, ban->kind, slice_of(name));
	const struct decision *c = s ? decisions_find(l->decisions, jail, s) : NULL;
	struct record *r = record_new(jail->name, ban->kind, name);

	r->id = life_new_id(l);
	r->of = jail;
	r->level = LEVEL_ACT;
	r->crossed = r->acted = r->since = l->now;
	r->begin_s = c ? c->begin_s : (uint32_t)instant_s(l->now);
	r->by_administrator = true;
	r->dry = l->options.dry_run || jail->dry_run;
	record_set_reason(r, ban->because ? ban->because : "asked for by an administrator");
	r->until = end_of(l, jail, ban->for_s);
	life_enter(l, r);
	life_join_evidence(l, r, c);
	life_counts_of(l, r)->decided++;
	life_news(l, LIFE_DECIDED, r, "");
	life_tell_guarded(l, r);
	life_add_tasks(l, r);
	life_changed(l, r);
	return r;
}

int life_ban(struct life *l, const struct life_ban *ban, struct instant now, uint64_t *id,
	     struct err *err)
{
	const struct jail *jail;
	struct prefix host;
	struct record *r;
	char *name = NULL;

	life_set_now(l, now);
	jail = jail_for(l, ban, err);
	if (!jail || settle_name(l, ban->kind, ban->name, &host, &name, err) < 0)
		return -1;
	if (ban->kind == SUBJECT_ADDRESS && life_is_guarded(l, &host)) {
		(void)err_set(err, EPERM,
			      "%s is never banned: it is, or holds, an address of this machine, of "
			      "its gateway, resolvers or relays, or one of never_ban",
			      name);
		free(name);
		return -1;
	}
	r = life_active(l, jail->name, ban->kind, name);
	if (r)
		extend(l, r, ban);
	else
		r = begin(l, ban, jail, name);
	*id = r->id;
	free(name);
	life_store(l);
	return 0;
}

/* Is this decision about whom the release names? Attacked names are released with the account. */
static bool is_about(const struct record *r, enum subject_kind kind, const char *name)
{
	bool same = r->kind == kind || (kind == SUBJECT_ACCOUNT && r->kind == SUBJECT_NAME);

	return r->end == RECORD_ACTIVE && same && strcmp(r->name, name) == 0;
}

static void forget_past(struct life *l, enum subject_kind kind, const char *name)
{
	for (size_t i = 0; i < l->options.jails->n_jails; i++) {
		struct past *p = table_find(
			&l->past, record_key(l->options.jails->jail[i]->name, kind, name));

		if (p)
			p->repeats = 0;
	}
	if (l->store)
		(void)store_forget(l->store, kind, name);
}

/* Lifts what is about it, and takes an address out of others' decisions. Returns how many. */
static int release_all(struct life *l, const struct life_release *release, const char *name,
		       const struct prefix *host)
{
	int n = 0;

	for (struct record *r = l->first; r; r = r->after) {
		if (is_about(r, release->kind, name)) {
			r->mail = release->mail;
			r->forgotten = release->forget;
			life_end(l, r, RECORD_RELEASED);
			n++;
		} else if (release->kind == SUBJECT_ADDRESS && r->end == RECORD_ACTIVE &&
			   record_holds(r, host)) {
			life_part(l, r, host);
			n++;
		}
	}
	return n;
}

/* The last decision about the account, which is over: in memory still, or from the store. */
static struct record *last_over(struct life *l, const char *name)
{
	struct record *r, *found = NULL;

	for (r = l->first; r; r = r->after)
		if (r->kind == SUBJECT_ACCOUNT && strcmp(r->name, name) == 0)
			found = r;
	if (found || !l->store)
		return found && found->end != RECORD_ACTIVE ? found : NULL;
	r = store_recall(l->store, SUBJECT_ACCOUNT, name);
	if (r) {
		life_return(l, r);
		life_changed(l, r); /* it goes again once it is stored, if nothing is to be done */
	}
	return r;
}

/* What was left on hold when he was released: now it is sent on, or deleted. */
static int release_mail(struct life *l, const struct life_release *release, const char *name)
{
	struct record *r = last_over(l, name);
	int n = 0;

	if (!r || r->end != RECORD_RELEASED || r->mail != POSTERN_KEEP)
		return 0;
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct task *t = r->task[i];

		if (t->instance == TASK_ORPHAN || !(t->wants & POSTERN_WANTS_QUEUE_IDS))
			continue;
		tasks_lift_again(l->tasks, t);
		n = 1;
	}
	if (n > 0)
		r->mail = release->mail;
	life_changed(l, r);
	return n;
}

int life_release(struct life *l, const struct life_release *release, struct instant now,
		 struct err *err)
{
	struct prefix host = { 0 };
	char *name = NULL;
	int n;

	life_set_now(l, now);
	if (settle_name(l, release->kind, release->name, &host, &name, err) < 0)
		return -1;
	n = release_all(l, release, name, &host);
	if (n == 0 && release->kind == SUBJECT_ACCOUNT && release->mail != POSTERN_KEEP)
		n = release_mail(l, release, name);
	if (release->forget)
		forget_past(l, release->kind, name);
	if (n > 0 || release->forget)
		life_forgive(l, release->kind, name);
	if (n > 0 && release->kind == SUBJECT_ACCOUNT)
		life_forgive(l, SUBJECT_NAME, name);
	life_store(l);
	if (n == 0 && !release->forget)
		n = err_set(err, ENOENT, "no decision about %s is active", name);
	free(name);
	return n;
}
