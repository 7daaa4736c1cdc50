/*
 * view - the engine's process as a whole, for those who tell about it
 *
 *	engine, life, store, live, dispatch -> view -> answers (control socket), metrics, selfwatch
 *
 * Nobody but the loop's owner changes anything; what is here reads, and keeps two samples of each
 * log's counters, so that a question about speed has an answer without a timer.
 */
#include "core/cli/view.h"

#include "core/base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAMPLE_MS = 5000, PROBLEM_MS = 3600 * 1000 };

void view_open(struct view *v, struct instant now)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	*v = (struct view){ .started = now, .statm = fd > 0 ? fd : 0, .parent = getppid() };
}

void view_close(struct view *v)
{
	if (v->statm > 0)
		(void)close(v->statm);
	v->statm = 0;
}

void view_note(struct view *v, struct instant now)
{
	for (size_t i = 0; i < VIEW_LOGS_MOST; i++) {
		struct live_log_stats log = live_log_stats(v->live, i);
		struct meter *m = &v->meter[i];

		if (!log.source)
			return;
		if (m->at[1].ms && since(m->at[1], now) < SAMPLE_MS)
			continue;
		m->at[0] = m->at[1].ms ? m->at[1] : v->started;
		m->lines[0] = m->lines[1];
		m->events[0] = m->events[1];
		m->at[1] = now;
		m->lines[1] = log.lines;
		m->events[1] = log.events;
	}
}

static double per_s(const struct view *v, const struct meter *m, uint64_t now_n, uint64_t then_n,
		    struct instant now)
{
	int64_t ms = since(m->at[0].ms ? m->at[0] : v->started, now);

	return ms > 0 && now_n > then_n ? (double)(now_n - then_n) * 1000.0 / (double)ms : 0.0;
}

double view_lines_per_s(const struct view *v, size_t i, struct instant now)
{
	const struct meter *m = &v->meter[i];

	return per_s(v, m, live_log_stats(v->live, i).lines, m->lines[0], now);
}

double view_events_per_s(const struct view *v, size_t i, struct instant now)
{
	const struct meter *m = &v->meter[i];

	return per_s(v, m, live_log_stats(v->live, i).events, m->events[0], now);
}

const char *view_problem(const struct live_log_stats *log, struct instant now)
{
	if (log->problem && (!log->tail.open || since(log->problem_at, now) < PROBLEM_MS))
		return log->problem;
	return NULL;
}

const char *view_trouble(const struct view *v, uint32_t instance)
{
	const char *why = v->dispatch ? dispatch_trouble(v->dispatch, instance) : NULL;

	return why ? why : life_instance(v->life, instance)->error;
}

static size_t gather_sources(const struct view *v, struct selfwatch_source *source,
			     struct instant now)
{
	size_t n = 0;

	while (n < SELFWATCH_SOURCES_MOST) {
		struct live_log_stats log = live_log_stats(v->live, n);

		if (!log.source)
			break;
		source[n++] = (struct selfwatch_source){
			.name = log.source,
			.lines = log.lines,
			.events = log.events,
			.lost = log.lost,
			.last_line = log.last_line,
			.last_read = log.last_read,
			.last_login = log.last_login,
			.problem = view_problem(&log, now),
		};
	}
	return n;
}

void view_look(const struct view *v, struct instant now)
{
	const struct engine_stats *stats = engine_stats(v->engine);
	struct selfwatch_source *source = xcalloc(SELFWATCH_SOURCES_MOST, sizeof(*source));
	uint32_t n = life_instances(v->life);
	struct selfwatch_action *action = xcalloc(n, sizeof(*action));
	struct selfwatch_facts facts = {
		.source = source,
		.n_sources = gather_sources(v, source, now),
		.matcher = live_matcher_stats(v->live),
		.logins = stats->events[EVENT_LOGIN] + stats->events[EVENT_MESSAGE] +
			  stats->events[EVENT_FAILURE],
		.geoip_built_s = geoip_built_s(v->setup->geoip),
		.store = v->store ? store_trouble(v->store) : NULL,
		.action = action,
		.n_actions = n,
		.brake = !instant_is_none(life_braked(v->life)),
	};

	for (uint32_t i = 0; i < n; i++)
		action[i] = (struct selfwatch_action){ life_instance(v->life, i)->name,
						       view_trouble(v, i) };
	selfwatch_look(v->watch, &facts, now);
	free(action);
	free(source);
}
