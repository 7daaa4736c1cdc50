/* view.h - the engine's process as a whole, for those who tell about it */
#pragma once

#include "core/cli/dispatch.h"
#include "core/cli/selfwatch.h"
#include "core/cli/setup.h"
#include "core/decision/life.h"
#include "core/decision/store.h"
#include "core/filter/live.h"
#include "core/rule/engine.h"

#include <sys/types.h>

enum { VIEW_LOGS_MOST = SELFWATCH_SOURCES_MOST };

/* What a log had at two moments, so that there is a "per second" without anybody waking for it. */
struct meter {
	struct instant at[2];
	uint64_t lines[2], events[2];
};

/* Init with view_open(), then fill in the rest, all of which is borrowed. */
struct view {
	const struct setup *setup;
	struct engine *engine;
	struct life *life;
	struct store *store;
	struct live *live;
	const struct dispatch *dispatch; /* NULL: no action is handed out */
	struct selfwatch *watch;
	struct instant started;
	const char *dir; /* the state folder */
	int statm;       /* /proc/self/statm; 0: it could not be opened */
	pid_t parent;    /* the process to send signals to: the monitor */
	struct meter meter[VIEW_LOGS_MOST];
};

/* Before the process gives up its rights: it will see no files and no processes then. */
void view_open(struct view *v, struct instant now);
void view_close(struct view *v);

/* Notes what was read so far; call it now and then while lines come, after each checkpoint say. */
void view_note(struct view *v, struct instant now);
/* Lines and events per second of the log at place `i`, over the last seconds. */
double view_lines_per_s(const struct view *v, size_t i, struct instant now);
double view_events_per_s(const struct view *v, size_t i, struct instant now);

/* Gathers the facts and has the self-watch look at them. */
void view_look(const struct view *v, struct instant now);
/* Why the log can't be read now, as far as is known; NULL: it can. */
const char *view_problem(const struct live_log_stats *log, struct instant now);
/* Why an action does not do its work; NULL: it does. */
const char *view_trouble(const struct view *v, uint32_t instance);
