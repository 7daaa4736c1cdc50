/*
 * answer_status - what `postern status` is told: the daemon, its logs, jails, actions and troubles
 */
#include "core/cli/answers.h"
#include "core/cli/json.h"

static void add_daemon(const struct view *v, struct instant now, struct reply *reply)
{
	const struct engine_stats *stats = engine_stats(v->engine);
	struct matcher_stats lines = live_matcher_stats(v->live);
	const char *trouble = v->store ? store_trouble(v->store) : "nothing is kept";
	json_t *object = json_object(), *events = json_object();

	json_set_text(object, "version", VERSION);
	json_set_number(object, "pid", (uint64_t)v->parent);
	json_set_instant(object, "started", v->started);
	json_set_number(object, "uptime_s", (uint64_t)(since(v->started, now) / 1000));
	json_set_text(object, "config", v->setup->conf);
	json_set_number(object, "accounts", engine_accounts(v->engine));
	json_set_number(object, "lines", lines.lines);
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
		json_set_number(events, event_kind_name(kind), stats->events[kind]);
	(void)json_object_set_new(object, "events", events);
	json_set_number(object, "unmatched", lines.unmatched);
	json_set_number(object, "regex_limits", lines.limits);
	(void)json_object_set_new(object, "dry_run", json_boolean(v->setup->daemon.dry_run));
	json_set_text(object, "store", trouble ? trouble : "ok");
	json_set_instant(object, "braked", life_braked(v->life));
	answer_add(reply, "daemon", object);
}

static void set_rate(json_t *object, const char *key, double per_s)
{
	(void)json_object_set_new(object, key, json_real((double)(int64_t)(per_s * 10 + 0.5) / 10));
}

static void add_source(const struct view *v, size_t i, const struct live_log_stats *log,
		       struct instant now, struct reply *reply)
{
	json_t *object = json_object();

	json_set_text(object, "name", log->source);
	(void)json_object_set_new(object, "open", json_boolean(log->tail.open));
	json_set_number(object, "position", log->tail.offset);
	json_set_number(object, "size", log->tail.size);
	json_set_number(object, "bytes", log->tail.bytes);
	json_set_number(object, "lines", log->lines);
	json_set_number(object, "events", log->events);
	set_rate(object, "lines_per_s", view_lines_per_s(v, i, now));
	set_rate(object, "events_per_s", view_events_per_s(v, i, now));
	json_set_instant(object, "last_line", log->last_line);
	json_set_instant(object, "last_read", log->last_read);
	json_set_instant(object, "last_login", log->last_login);
	json_set_number(object, "rotations", log->tail.rotations);
	json_set_number(object, "truncations", log->tail.truncations);
	json_set_number(object, "long_lines", log->tail.long_lines);
	json_set_number(object, "bad_times", log->bad_times);
	json_set_number(object, "lost", log->lost);
	json_set_text(object, "problem", view_problem(log, now));
	answer_add(reply, "source", object);
}

static void add_jail(const struct view *v, const struct jail *jail, struct reply *reply)
{
	const struct life_counts *n = life_counts(v->life, jail->index);
	json_t *object = json_object();

	json_set_text(object, "name", jail->name);
	json_set_text(object, "subject", kind_word(jail->subject));
	(void)json_object_set_new(object, "dry_run",
				  json_boolean(jail->dry_run || v->setup->daemon.dry_run));
	json_set_number(object, "suspects", n->suspects);
	json_set_number(object, "active", n->active);
	json_set_number(object, "decided", n->decided);
	json_set_number(object, "suspected", n->suspected);
	json_set_number(object, "expired", n->expired);
	json_set_number(object, "released", n->released);
	json_set_number(object, "joined", n->joined);
	answer_add(reply, "jail", object);
}

static json_t *states(const size_t count[TASK_STATES], const char *done)
{
	const char *const words[TASK_STATES] = {
		[TASK_PENDING] = "pending", [TASK_HANDED] = "handed", [TASK_RETRYING] = "retrying",
		[TASK_FAILED] = "failed",   [TASK_DONE] = done,
	};
	json_t *object = json_object();

	for (size_t i = 0; i < TASK_STATES; i++)
		json_set_number(object, words[i], count[i]);
	return object;
}

static void add_action(const struct view *v, uint32_t i, struct reply *reply)
{
	const struct life_instance *instance = life_instance(v->life, i);
	const char *trouble = v->dispatch ? dispatch_trouble(v->dispatch, i) : NULL;
	json_t *object = json_object();

	json_set_text(object, "name", instance->name);
	(void)json_object_set_new(object, "ready", json_boolean(!trouble));
	json_set_text(object, "trouble", trouble);
	(void)json_object_set_new(object, "applying", states(instance->applying, "applied"));
	(void)json_object_set_new(object, "lifting", states(instance->lifting, "reverted"));
	json_set_number(object, "done", instance->done);
	json_set_number(object, "retried", instance->retried);
	json_set_number(object, "failed", instance->failed);
	json_set_text(object, "error", instance->error);
	if (instance->error)
		json_set_instant(object, "error_at", instance->error_at);
	answer_add(reply, "action", object);
}

static void add_warning(const struct warning *warning, struct reply *reply)
{
	json_t *object = json_object();

	json_set_text(object, "kind", warning_kind_name(warning->kind));
	if (*warning->about)
		json_set_text(object, "about", warning->about);
	json_set_text(object, "text", warning->text);
	json_set_instant(object, "since", warning->since);
	answer_add(reply, "warning", object);
}

void answer_status(const struct answers *a, struct instant now, struct reply *reply)
{
	struct view *v = a->view;
	const struct warning *warning;
	struct live_log_stats log;

	view_note(v, now);
	view_look(v, now);
	add_daemon(v, now, reply);
	for (size_t i = 0; i < VIEW_LOGS_MOST && (log = live_log_stats(v->live, i)).source; i++)
		add_source(v, i, &log, now, reply);
	for (size_t i = 0; i < v->setup->jails->n_jails; i++)
		add_jail(v, v->setup->jails->jail[i], reply);
	for (uint32_t i = 0; i < life_instances(v->life); i++)
		add_action(v, i, reply);
	for (size_t i = 0; (warning = selfwatch_warning(v->watch, i)); i++)
		add_warning(warning, reply);
}
