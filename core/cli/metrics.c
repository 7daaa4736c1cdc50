/*
 * metrics - what the daemon counts, as Prometheus reads it
 *
 * One table of metrics, in the order of the page; each has a function that writes its samples. All
 * samples of a metric stand together behind its HELP and TYPE, as the format wants it. Counters
 * count from the start of the engine's process, but for those that the state keeps (rules); a
 * restart is a reset, which rate() knows.
 */
#include "core/cli/metrics.h"

#include "core/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct page {
	const struct view *view;
	struct instant now;
	struct pack *out;
	const char *name; /* of the metric that is being written */
};

static void put(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *p, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		pack_bytes(p->out, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* A label's value: UTF-8 in which backslash, quote and newline are escaped. */
static void put_value(struct page *p, const char *value)
{
	char *printable = text_printable(slice_of(value));

	for (const char *c = printable; *c; c++) {
		if (*c == '\\' || *c == '"')
			pack_bytes(p->out, "\\", 1);
		pack_bytes(p->out, c, 1);
	}
	free(printable);
}

struct label {
	const char *name, *value;
};

static void put_sample(struct page *p, double value, const struct label *label, size_t n)
{
	put(p, "%s", p->name);
	for (size_t i = 0; i < n; i++) {
		put(p, "%s%s=\"", i ? "," : "{", label[i].name);
		put_value(p, label[i].value);
		put(p, "\"");
	}
	put(p, "%s %.15g\n", n ? "}" : "", value);
}

static void sample(struct page *p, double value)
{
	put_sample(p, value, NULL, 0);
}

static void sample_of(struct page *p, double value, const char *name, const char *what)
{
	put_sample(p, value, &(struct label){ name, what }, 1);
}

/* Of one thing in one state: "jail" and its name, "level" and which. */
static void sample_of_both(struct page *p, double value, struct label a, struct label b)
{
	put_sample(p, value, (struct label[]){ a, b }, 2);
}

static void build_info(struct page *p)
{
	sample_of(p, 1, "version", VERSION);
}

static void start_time(struct page *p)
{
	sample(p, (double)p->view->started.ms / 1000);
}

/* The second number of /proc/self/statm, of which a process that sees no files keeps a descriptor. */
static void resident_memory(struct page *p)
{
	char text[128] = "";
	const char *second;
	ssize_t n = p->view->statm == 0 ? -1 : pread(p->view->statm, text, sizeof(text) - 1, 0);

	second = n > 0 ? strchr(text, ' ') : NULL;
	if (second)
		sample(p, (double)strtol(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE));
}

/* Calls `get` for each log that has such a value (it is not negative). */
static void each_log(struct page *p, double (*get)(const struct live_log_stats *log))
{
	struct live_log_stats log;

	for (size_t i = 0; i < VIEW_LOGS_MOST; i++) {
		log = live_log_stats(p->view->live, i);
		if (!log.source)
			return;
		if (get(&log) >= 0)
			sample_of(p, get(&log), "source", log.source);
	}
}

static double seconds_of(struct instant at)
{
	return instant_is_none(at) ? -1 : (double)at.ms / 1000;
}

static double log_lines(const struct live_log_stats *log)
{
	return (double)log->lines;
}

static double log_events(const struct live_log_stats *log)
{
	return (double)log->events;
}

static double log_position(const struct live_log_stats *log)
{
	return (double)log->tail.offset;
}

static double log_size(const struct live_log_stats *log)
{
	return (double)log->tail.size;
}

static double log_up(const struct live_log_stats *log)
{
	return log->tail.open;
}

static double log_last_line(const struct live_log_stats *log)
{
	return seconds_of(log->last_line);
}

static double log_last_read(const struct live_log_stats *log)
{
	return seconds_of(log->last_read);
}

static double log_last_login(const struct live_log_stats *log)
{
	return seconds_of(log->last_login);
}

static double log_rotations(const struct live_log_stats *log)
{
	return (double)(log->tail.rotations + log->tail.truncations);
}

static double log_lost(const struct live_log_stats *log)
{
	return (double)log->lost;
}

static double log_dropped(const struct live_log_stats *log)
{
	return (double)(log->tail.long_lines + log->bad_times);
}

#define LOG_METRIC(what)                          \
	static void source_##what(struct page *p) \
	{                                         \
		each_log(p, log_##what);          \
	}

LOG_METRIC(lines)
LOG_METRIC(events)
LOG_METRIC(position)
LOG_METRIC(size)
LOG_METRIC(up)
LOG_METRIC(last_line)
LOG_METRIC(last_read)
LOG_METRIC(last_login)
LOG_METRIC(rotations)
LOG_METRIC(lost)
LOG_METRIC(dropped)

static void events(struct page *p)
{
	const struct engine_stats *stats = engine_stats(p->view->engine);

	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++)
		sample_of(p, (double)stats->events[kind], "kind", event_kind_name(kind));
}

static void unmatched(struct page *p)
{
	sample(p, (double)live_matcher_stats(p->view->live).unmatched);
}

static void regex_limits(struct page *p)
{
	sample(p, (double)live_matcher_stats(p->view->live).limits);
}

static void accounts(struct page *p)
{
	sample(p, (double)engine_accounts(p->view->engine));
}

static const struct jail_set *jails_of(const struct page *p)
{
	return p->view->setup->jails;
}

static const struct life_counts *counts_of(const struct page *p, size_t jail)
{
	return life_counts(p->view->life, (uint32_t)jail);
}

static void decisions(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++) {
		const char *name = jails_of(p)->jail[i]->name;

		sample_of_both(p, (double)counts_of(p, i)->suspected,
			       (struct label){ "jail", name },
			       (struct label){ "level", "suspect" });
		sample_of_both(p, (double)counts_of(p, i)->decided, (struct label){ "jail", name },
			       (struct label){ "level", "act" });
	}
}

static void decisions_ended(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++) {
		const char *name = jails_of(p)->jail[i]->name;

		sample_of_both(p, (double)counts_of(p, i)->expired, (struct label){ "jail", name },
			       (struct label){ "how", "expired" });
		sample_of_both(p, (double)counts_of(p, i)->released, (struct label){ "jail", name },
			       (struct label){ "how", "released" });
	}
}

static void decisions_active(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++)
		sample_of(p, (double)counts_of(p, i)->active, "jail", jails_of(p)->jail[i]->name);
}

static void suspects(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++)
		sample_of(p, (double)counts_of(p, i)->suspects, "jail", jails_of(p)->jail[i]->name);
}

static void joined(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++)
		sample_of(p, (double)counts_of(p, i)->joined, "jail", jails_of(p)->jail[i]->name);
}

static void rules_held(struct page *p)
{
	for (size_t i = 0; i < jails_of(p)->n_jails; i++) {
		const struct jail *jail = jails_of(p)->jail[i];

		for (size_t k = 0; k < jail->n_rules; k++)
			sample_of_both(p, (double)engine_rule_count(p->view->engine, jail->rule[k]),
				       (struct label){ "jail", jail->name },
				       (struct label){ "rule", jail->rule[k]->name });
	}
}

static void action_tasks(struct page *p)
{
	static const char *const words[TASK_STATES] = {
		[TASK_PENDING] = "pending", [TASK_HANDED] = "handed", [TASK_RETRYING] = "retrying",
		[TASK_FAILED] = "failed",   [TASK_DONE] = "applied",
	};

	for (uint32_t i = 0; i < life_instances(p->view->life); i++) {
		const struct life_instance *a = life_instance(p->view->life, i);

		for (size_t k = 0; k < TASK_STATES; k++)
			sample_of_both(p, (double)a->applying[k],
				       (struct label){ "action", a->name },
				       (struct label){ "state", words[k] });
		sample_of_both(p, (double)(a->lifting[TASK_PENDING] + a->lifting[TASK_HANDED]),
			       (struct label){ "action", a->name },
			       (struct label){ "state", "lifting" });
	}
}

static void action_up(struct page *p)
{
	for (uint32_t i = 0; i < life_instances(p->view->life); i++)
		sample_of(p, view_trouble(p->view, i) ? 0 : 1, "action",
			  life_instance(p->view->life, i)->name);
}

static void action_done(struct page *p)
{
	for (uint32_t i = 0; i < life_instances(p->view->life); i++)
		sample_of(p, (double)life_instance(p->view->life, i)->done, "action",
			  life_instance(p->view->life, i)->name);
}

static void action_errors(struct page *p)
{
	for (uint32_t i = 0; i < life_instances(p->view->life); i++) {
		const struct life_instance *a = life_instance(p->view->life, i);

		sample_of_both(p, (double)a->retried, (struct label){ "action", a->name },
			       (struct label){ "kind", "temporary" });
		sample_of_both(p, (double)a->failed, (struct label){ "action", a->name },
			       (struct label){ "kind", "permanent" });
	}
}

static void store_up(struct page *p)
{
	sample(p, p->view->store && !store_trouble(p->view->store));
}

static void brake(struct page *p)
{
	sample(p, !instant_is_none(life_braked(p->view->life)));
}

static void geoip_age(struct page *p)
{
	int64_t built_s = geoip_built_s(p->view->setup->geoip);

	if (built_s != 0)
		sample(p, (double)(instant_s(p->now) - built_s));
}

static void warnings(struct page *p)
{
	unsigned int n[WARNING_KINDS] = { 0 };
	const struct warning *warning;

	for (size_t i = 0; (warning = selfwatch_warning(p->view->watch, i)); i++)
		n[warning->kind]++;
	for (enum warning_kind kind = 0; kind < WARNING_KINDS; kind++)
		sample_of(p, n[kind], "kind", warning_kind_name(kind));
}

static const struct metric {
	const char *name, *type, *help;
	void (*samples)(struct page *p);
} metrics[] = {
	{ "postern_build_info", "gauge", "Version of the daemon; always 1.", build_info },
	{ "process_start_time_seconds", "gauge",
	  "When the engine's process started, in seconds since 1970.", start_time },
	{ "process_resident_memory_bytes", "gauge", "Memory of the engine's process.",
	  resident_memory },
	{ "postern_source_up", "gauge", "1 where there is a file to read.", source_up },
	{ "postern_lines_total", "counter", "Lines read.", source_lines },
	{ "postern_source_events_total", "counter", "Events that the lines were.", source_events },
	{ "postern_source_position_bytes", "gauge", "How far the current file was read.",
	  source_position },
	{ "postern_source_size_bytes", "gauge", "Size of the current file.", source_size },
	{ "postern_source_last_line_timestamp_seconds", "gauge", "Time of the newest line.",
	  source_last_line },
	{ "postern_source_last_read_timestamp_seconds", "gauge",
	  "When lines came last, by this machine's clock.", source_last_read },
	{ "postern_source_last_login_timestamp_seconds", "gauge", "Time of the newest login.",
	  source_last_login },
	{ "postern_source_rotations_total", "counter", "Rotations and truncations followed.",
	  source_rotations },
	{ "postern_lost_lines_total", "counter",
	  "Messages that, as the log says, were lost before they reached it.", source_lost },
	{ "postern_dropped_lines_total", "counter",
	  "Lines dropped: too long, or with a date that there is not.", source_dropped },
	{ "postern_events_total", "counter", "Events by kind.", events },
	{ "postern_unmatched_lines_total", "counter",
	  "Lines that look like events and that no regex took.", unmatched },
	{ "postern_regex_limit_total", "counter", "Lines on which a regex was stopped.",
	  regex_limits },
	{ "postern_accounts", "gauge", "Accounts tracked.", accounts },
	{ "postern_decisions_total", "counter", "Decisions taken.", decisions },
	{ "postern_decisions_ended_total", "counter", "Decisions that are over.", decisions_ended },
	{ "postern_decisions_active", "gauge", "Decisions to act in force.", decisions_active },
	{ "postern_suspects", "gauge", "Suspicions that are open.", suspects },
	{ "postern_addresses_joined_total", "counter",
	  "Addresses added to decisions at their first login.", joined },
	{ "postern_rule_held_total", "counter", "How often the rule began to hold, on dry run too.",
	  rules_held },
	{ "postern_actions", "gauge", "Decisions by action and state.", action_tasks },
	{ "postern_action_up", "gauge", "1 where the action does its work.", action_up },
	{ "postern_action_done_total", "counter", "Decisions applied or lifted.", action_done },
	{ "postern_action_errors_total", "counter", "Answers of actions that were errors.",
	  action_errors },
	{ "postern_store_up", "gauge", "1 where decisions and checkpoints are written.", store_up },
	{ "postern_brake", "gauge", "1 while the brake is on and nothing is acted on.", brake },
	{ "postern_geoip_age_seconds", "gauge", "Age of the country database.", geoip_age },
	{ "postern_warnings", "gauge", "Warnings of the self-watch, by kind.", warnings },
};

void metrics_text(const struct view *v, struct instant now, struct pack *out)
{
	struct page p = { .view = v, .now = now, .out = out };

	for (size_t i = 0; i < COUNT(metrics); i++) {
		p.name = metrics[i].name;
		put(&p, "# HELP %s %s\n# TYPE %s %s\n", p.name, metrics[i].help, p.name,
		    metrics[i].type);
		metrics[i].samples(&p);
	}
}

/* What makes a daemon that runs not do its work; the rest is for people to look at. */
static bool is_grave(enum warning_kind kind)
{
	return kind == WARNING_SILENCE || kind == WARNING_SOURCE || kind == WARNING_STORE ||
	       kind == WARNING_ACTION || kind == WARNING_BRAKE;
}

bool metrics_health(const struct view *v, struct pack *out)
{
	const struct warning *warning;
	bool well = true;

	for (size_t i = 0; (warning = selfwatch_warning(v->watch, i)); i++) {
		if (!is_grave(warning->kind))
			continue;
		pack_bytes(out, warning->text, strlen(warning->text));
		pack_bytes(out, "\n", 1);
		well = false;
	}
	if (well)
		pack_bytes(out, "ok\n", 3);
	return well;
}
