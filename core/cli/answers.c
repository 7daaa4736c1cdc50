/*
 * answers - what the daemon answers to whom asks over its control socket
 *
 *	control -> answers_give() -> view (engine, life, store, live) -> objects, one a line
 *
 * Each object of an answer is wrapped in a key that says what it is: {"jail":{...}}, so that the
 * tool, jq and people can pick. postern(1) documents the keys. Whoever is allowed to ask may also
 * ban: the socket is root's and the group's.
 *
 * What is long is bounded: `top` by its limit, `explain` by what is kept of one subject; history
 * comes in pieces, the cursor being the number of the last decision told.
 */
#include "core/cli/answers.h"

#include "core/base/mem.h"
#include "core/cli/ignored.h"
#include "core/cli/json.h"

#include <errno.h>
#include <string.h>

enum { HISTORY_PIECE = 200, TOP_LIMIT = 20 };

/* One request on its way to its answer. */
struct question {
	const struct answers *answers;
	const struct request *request;
	struct instant now;
	uint64_t *cursor;
	struct reply *reply;
};

void answer_add(struct reply *reply, const char *key, json_t *object)
{
	reply_add(reply, json_pack("{s:o}", key, object));
}

bool answer_whom(const struct answers *a, const char *text, struct whom *whom, struct reply *reply)
{
	struct user_name user;
	char buf[ADDRESS_TEXT];
	struct prefix p;

	*whom = (struct whom){ .is_address = prefix_parse(&p, slice_of(text)) };
	if (whom->is_address) {
		if (p.bits == 128) /* of IPv6 a whole /64 is one subject */
			p = address_host(&p.base);
		(void)snprintf(whom->name, sizeof(whom->name), "%s", prefix_text(&p, buf));
		return true;
	}
	if (!user_canonical(&user, slice_of(text), a->view->setup->default_realm)) {
		reply_refuse(reply, NULL, "expected a user, an address or a prefix, not \"%s\"",
			     text);
		return false;
	}
	(void)snprintf(whom->name, sizeof(whom->name), "%.*s", (int)user.len, user.text);
	return true;
}

static json_t *task_json(const struct task *t)
{
	json_t *object = json_object();

	json_set_text(object, "action", t->action);
	json_set_text(object, "state", task_word(t));
	json_set_text(object, "error", t->error);
	if (t->tries > 1)
		json_set_number(object, "tries", t->tries);
	if (t->state == TASK_RETRYING)
		json_set_instant(object, "retry_at", t->retry_at);
	return object;
}

json_t *answer_record(const struct record *r)
{
	json_t *object = json_object(), *actions = json_array();

	json_set_number(object, "id", r->id);
	json_set_text(object, "jail", r->jail);
	json_set_text(object, r->kind == SUBJECT_ADDRESS ? "ip" : "user", r->name);
	json_set_text(object, "level", level_word(r->level));
	json_set_text(object, "state", record_state_word(r));
	json_set_number(object, "score", r->score);
	json_set_text(object, "reason", r->reason);
	json_set_instant(object, "since", r->since);
	json_set_instant(object, "until", r->until);
	json_set_instant(object, "ended", r->ended);
	json_set_number(object, "addresses", record_addresses(r));
	json_set_number(object, "repeats", r->repeats);
	if (r->by_administrator)
		(void)json_object_set_new(object, "by_administrator", json_true());
	if (r->dry)
		(void)json_object_set_new(object, "dry_run", json_true());
	if (r->braked)
		(void)json_object_set_new(object, "braked", json_true());
	for (size_t i = 0; i < r->n_tasks; i++)
		(void)json_array_append_new(actions, task_json(r->task[i]));
	(void)json_object_set_new(object, "actions", actions);
	return object;
}

static void add_top(void *ctx, const struct nearness *n)
{
	json_t *object = json_object();
	bool address = n->subject->kind == SUBJECT_ADDRESS;

	json_set_text(object, address ? "ip" : "user", n->subject->name);
	json_set_text(object, "jail", n->jail->name);
	json_set_number(object, "score", n->score);
	json_set_number(object, "suspect", n->jail->suspect);
	json_set_number(object, "threshold", n->jail->threshold);
	if (n->nearest.rule) {
		json_set_text(object, "rule", n->nearest.rule->name);
		json_set_number(object, "value", n->nearest.value);
		if (n->nearest.max != UINT64_MAX)
			json_set_number(object, "max", n->nearest.max);
	}
	(void)json_object_set_new(object, "share", json_real(n->share));
	json_set_instant(object, "last", instant_of_s(n->subject->last));
	answer_add(ctx, "top", object);
}

static void add_rules(const struct view *v, struct reply *reply)
{
	for (size_t i = 0; i < v->setup->jails->n_jails; i++) {
		const struct jail *jail = v->setup->jails->jail[i];

		for (size_t k = 0; k < jail->n_rules; k++) {
			json_t *object = json_object();

			json_set_text(object, "jail", jail->name);
			json_set_text(object, "rule", jail->rule[k]->name);
			json_set_number(object, "held",
					engine_rule_count(v->engine, jail->rule[k]));
			json_set_number(object, "max", jail->rule[k]->max);
			json_set_number(object, "score", jail->rule[k]->score);
			if (jail->rule[k]->dry_run || jail->dry_run)
				(void)json_object_set_new(object, "dry_run", json_true());
			answer_add(reply, "rule", object);
		}
	}
}

static enum answer give_top(const struct question *q)
{
	size_t n = q->request->limit ? (size_t)q->request->limit : TOP_LIMIT;

	if (q->request->rules)
		add_rules(q->answers->view, q->reply);
	else
		engine_top(q->answers->view->engine, q->now, n, add_top, q->reply);
	return ANSWER_DONE;
}

static enum answer give_status(const struct question *q)
{
	answer_status(q->answers, q->now, q->reply);
	return ANSWER_DONE;
}

static enum answer give_explain(const struct question *q)
{
	answer_explain(q->answers, q->request, q->now, q->reply);
	return ANSWER_DONE;
}

static const struct record *record_numbered(const struct life *l, uint64_t id)
{
	const struct record *r = NULL;

	while ((r = life_record(l, r)) && r->id != id)
		;
	return r;
}

static enum answer give_ban(const struct question *q)
{
	struct life_ban ban = { .for_s = q->request->for_s, .because = q->request->because };
	const struct record *record;
	struct whom whom;
	struct err err;
	uint64_t id;

	if (!answer_whom(q->answers, q->request->subject, &whom, q->reply))
		return ANSWER_DONE;
	ban.kind = whom.is_address ? SUBJECT_ADDRESS : SUBJECT_ACCOUNT;
	ban.name = whom.name;
	if (life_ban(q->answers->view->life, &ban, q->now, &id, &err) < 0) {
		reply_refuse(q->reply, NULL, "%s", err.text);
		return ANSWER_DONE;
	}
	q->answers->changed(q->answers->ctx);
	record = record_numbered(q->answers->view->life, id);
	if (record)
		answer_add(q->reply, "decision", answer_record(record));
	return ANSWER_DONE;
}

static enum answer give_unban(const struct question *q)
{
	struct life_release release = { .forget = q->request->forget, .mail = POSTERN_KEEP };
	struct whom whom;
	struct err err;
	json_t *object;
	int n;

	if (!answer_whom(q->answers, q->request->subject, &whom, q->reply))
		return ANSWER_DONE;
	release.kind = whom.is_address ? SUBJECT_ADDRESS : SUBJECT_ACCOUNT;
	release.name = whom.name;
	if (q->request->release || q->request->purge)
		release.mail = q->request->release ? POSTERN_RELEASE : POSTERN_PURGE;
	n = life_release(q->answers->view->life, &release, q->now, &err);
	if (n < 0) {
		reply_refuse(q->reply,
			     err.code == ENOENT ? "`postern history` lists who is banned" : NULL,
			     "%s", err.text);
		return ANSWER_DONE;
	}
	q->answers->changed(q->answers->ctx);
	object = json_object();
	json_set_text(object, whom.is_address ? "ip" : "user", whom.name);
	json_set_number(object, "decisions", (uint64_t)n);
	answer_add(q->reply, "released", object);
	return ANSWER_DONE;
}

static void add_ignored(const struct ignored *list, struct reply *reply)
{
	for (size_t i = 0; i < list->n; i++) {
		json_t *object = json_object();
		struct err unused;
		bool address = ignored_kind(list->entry[i], &unused) == IGNORE_IP;

		json_set_text(object, address ? "ip" : "user", list->entry[i]);
		answer_add(reply, "ignored", object);
	}
}

/* A user as subjects are named; patterns, and addresses in any case, as they were written. */
static const char *entry_of(const struct answers *a, const char *text, struct user_name *user)
{
	struct err unused;

	if (strpbrk(text, "*?[") || ignored_kind(text, &unused) != IGNORE_USER ||
	    !user_canonical(user, slice_of(text), a->view->setup->default_realm))
		return text;
	user->text[user->len] = '\0';
	return user->text;
}

static enum answer give_ignore(const struct question *q)
{
	const char *change = q->request->add ? q->request->add : q->request->remove;
	struct user_name user;
	struct ignored list = { 0 };
	enum answer answer = ANSWER_DONE;
	struct err err;
	int ret;

	ret = ignored_load(&list, q->answers->view->dir, &err);
	if (ret == 0 && !change) {
		add_ignored(&list, q->reply);
	} else if (ret == 0) {
		const char *entry = entry_of(q->answers, change, &user);

		ret = q->request->add ? ignored_add(&list, entry, &err)
				      : ignored_remove(&list, entry, &err);
		if (ret == 0)
			ret = ignored_save(&list, q->answers->view->dir, &err);
		answer = ANSWER_LATER;
	}
	ignored_fini(&list);
	if (ret < 0)
		reply_refuse(q->reply, NULL, "%s", err.text);
	else if (change)
		q->answers->reload(q->answers->ctx);
	return answer;
}

static enum answer give_reload(const struct question *q)
{
	q->answers->reload(q->answers->ctx);
	return ANSWER_LATER;
}

struct piece {
	struct reply *reply;
	uint64_t last;
	size_t n;
};

static void add_past(void *ctx, const struct record *r)
{
	struct piece *piece = ctx;

	answer_add(piece->reply, "decision", answer_record(r));
	piece->last = r->id;
	piece->n++;
}

static enum answer give_history(const struct question *q)
{
	struct store_query query = { .since = q->request->since,
				     .below = *q->cursor,
				     .limit = HISTORY_PIECE };
	struct piece piece = { .reply = q->reply };
	struct store *store = q->answers->view->store;
	struct whom whom;

	if (q->request->subject) {
		if (!answer_whom(q->answers, q->request->subject, &whom, q->reply))
			return ANSWER_DONE;
		query.name = whom.name;
	}
	if (!store || store_history(store, &query, add_past, &piece) < 0) {
		const char *why = store ? store_trouble(store) : NULL;

		reply_refuse(q->reply, "`postern status` shows what is active",
			     "the history can't be read: %s", why ? why : "nothing is kept");
		return ANSWER_DONE;
	}
	*q->cursor = piece.last;
	return piece.n == HISTORY_PIECE ? ANSWER_MORE : ANSWER_DONE;
}

static enum answer give_resume(const struct question *q)
{
	bool braked = !instant_is_none(life_braked(q->answers->view->life));
	json_t *object;

	if (!braked) {
		reply_refuse(q->reply, NULL, "the brake is not on");
		return ANSWER_DONE;
	}
	object = json_object();
	json_set_number(object, "decisions", life_resume(q->answers->view->life, q->now));
	answer_add(q->reply, "resumed", object);
	q->answers->changed(q->answers->ctx);
	return ANSWER_DONE;
}

enum answer answers_give(const struct answers *a, const struct request *request, struct instant now,
			 uint64_t *cursor, struct reply *reply)
{
	static enum answer (*const give[REQUEST_VERBS])(const struct question *q) = {
		[REQUEST_STATUS] = give_status,   [REQUEST_TOP] = give_top,
		[REQUEST_EXPLAIN] = give_explain, [REQUEST_BAN] = give_ban,
		[REQUEST_UNBAN] = give_unban,     [REQUEST_IGNORE] = give_ignore,
		[REQUEST_RELOAD] = give_reload,   [REQUEST_HISTORY] = give_history,
		[REQUEST_RESUME] = give_resume,
	};
	struct question q = { .answers = a, .request = request, .now = now, .reply = reply };

	q.cursor = cursor;
	return give[request->verb](&q);
}
