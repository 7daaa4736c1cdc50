/*
 * worker - the engine's process: lines in, decisions and orders to the actuators out
 *
 *	descriptors -> live -> engine -> decisions -> life -> dispatch -> actuators
 *	                          |          |          |
 *	                          +----------+--> store <-+      control socket, metrics
 *
 * The process that reads what strangers wrote. Before the first byte it gives up its user, its
 * capabilities, the file system but for one folder, and the system calls that make sockets, programs
 * and processes; everything else comes from the monitor, as descriptors.
 *
 * Every few seconds, if anything changed, what the engine knows and how far each log was read goes
 * to the store in one transaction: a process that is killed goes on from there and reads the
 * lines since then once more, and what they lead to is found decided already.
 *
 * One timer serves all that has to happen at some moment, so an idle daemon sleeps.
 */
#include "core/cli/worker.h"

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/sandbox.h"
#include "core/cli/answers.h"
#include "core/cli/control.h"
#include "core/cli/describe.h"
#include "core/cli/dispatch.h"
#include "core/cli/metrics.h"
#include "core/cli/metrics_server.h"
#include "core/cli/selfwatch.h"
#include "core/cli/view.h"
#include "core/cli/wire.h"
#include "core/decision/life.h"
#include "core/decision/store.h"
#include "core/filter/live.h"
#include "core/rule/engine.h"
#include "core/source/follow_journal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <uv.h>

enum {
	LINES_AT_ONCE = 20000,
	LOOK_MS = 60 * 1000,
	READER_WAIT_MS = 5000,
	SWEEP_MS = 3600 * 1000,
	AGAIN_MS = 1000
};

struct worker {
	const struct worker_options *options;
	const struct setup *setup;
	uv_loop_t loop;
	uv_timer_t timer;
	uv_idle_t busy; /* runs while lines are at hand */
	uv_poll_t monitor_poll, modify_poll, checkpoint_poll, reader_poll, input_poll;
	struct channel *monitor, *reader;
	int modify_fd, input_fd;
	struct store *store;
	struct engine *engine;
	struct decisions *decisions;
	struct life *life;
	unsigned int *wants; /* of each instance: enum postern_wants */
	struct live *live;
	struct dispatch *dispatch;
	struct control *control;
	struct metrics_server *metrics;
	struct selfwatch *watch;
	struct view view; /* all of it, for those who tell about it */
	struct answers answers;
	struct pack rows;         /* of the checkpoint that is being packed */
	struct instant save_at;   /* INSTANT_NONE: nothing has changed since the last one */
	struct instant reader_at; /* when the journal reader is asked for again; INSTANT_NONE */
	struct instant looked;    /* when the self-watch looked last */
	struct instant swept;     /* event time: when idle cases were last closed */
	bool gone;                /* the monitor is */
	bool going;               /* WIRE_GO has come */
	bool ending;
};

static void tell(struct worker *w, enum wire type, const struct pack *body)
{
	struct pack none = { 0 };
	struct err unused; /* a monitor that is gone ends us when it is read from */

	(void)channel_send(w->monitor, type, pack_contents(body ? body : &none), -1, &unused);
}

static void tell_number(struct worker *w, enum wire type, uint32_t number)
{
	struct pack p = { 0 };

	pack_u32(&p, number);
	tell(w, type, &p);
	pack_fini(&p);
}

/* -- what the layers below ask for --------------------------------------------------------------- */

static bool wanted(void *ctx, uint64_t queue_id_hash)
{
	return engine_wants(((struct worker *)ctx)->engine, queue_id_hash);
}

static void on_verdict(void *ctx, const struct verdict *v)
{
	life_verdict(((struct worker *)ctx)->life, v);
}

static void on_sighting(void *ctx, struct subject *s, const struct sighting *at, uint32_t now_s)
{
	life_sighting(((struct worker *)ctx)->life, s, at, now_s);
}

static void on_message_of(void *ctx, struct subject *s, const struct queued *message)
{
	life_message(((struct worker *)ctx)->life, s, message);
}

static void on_removed(void *ctx, struct subject *s, const struct queued *message)
{
	life_removed(((struct worker *)ctx)->life, s, message);
}

static void on_event(void *ctx, const struct event *event)
{
	struct worker *w = ctx;

	engine_event(w->engine, event);
	if (instant_is_none(w->swept) || since(w->swept, event->time) >= SWEEP_MS) {
		decisions_sweep(w->decisions, event->time);
		w->swept = event->time;
	}
}

static void want_siblings(void *ctx, size_t log)
{
	tell_number(ctx, WIRE_SIBLINGS_WANTED, (uint32_t)log);
}

static void on_log_problem(void *ctx, size_t log, const char *text)
{
	(void)ctx;
	(void)log;
	log_line(LOG_WARNING, "%s", text);
}

static void on_store(void *ctx, bool trouble, const char *text)
{
	(void)ctx;
	log_line(trouble ? LOG_ERR : LOG_NOTICE, "%s", text);
}

static const struct postern_action *action_of(void *ctx, uint32_t instance)
{
	const struct worker *w = ctx;
	struct err unused;

	return catalogue_plugin(w->setup->catalogue, w->setup->jails->instance[instance]->plugin,
				&unused);
}

static void on_stuck(void *ctx, uint32_t instance)
{
	const struct worker *w = ctx;

	log_line(LOG_ERR, "action %s does not answer; its process is ended",
		 w->setup->jails->instance[instance]->name);
	tell_number(ctx, WIRE_STUCK, instance);
}

static char *on_describe(void *ctx, const struct record *r, const struct decision *c)
{
	const struct worker *w = ctx;
	struct report_options o = { .geoip = w->setup->geoip, .queue = engine_queue(w->engine) };

	return describe(r, c, &o);
}

/* The order is that of enum life_news. */
static const struct news {
	int priority;
	const char *text;
} news[] = {
	[LIFE_DECIDED] = { LOG_WARNING, "decided" },
	[LIFE_RAISED] = { LOG_WARNING, "no longer a suspicion" },
	[LIFE_EXTENDED] = { LOG_NOTICE, "its end was changed" },
	[LIFE_EXPIRED] = { LOG_NOTICE, "expired" },
	[LIFE_RELEASED] = { LOG_NOTICE, "released" },
	[LIFE_BRAKED] = { LOG_ALERT, "too many decisions at once: none is acted on until \"postern "
				     "resume\"; is a log forged, a filter or a database broken?" },
	[LIFE_RESUMED] = { LOG_NOTICE, "the brake is off" },
	[LIFE_GUARDED] = { LOG_WARNING, "an address is never banned and was left out" },
	[LIFE_ORPHANED] = { LOG_WARNING, "an action that applied it is gone: undo it by hand" },
	[LIFE_FAILED] = { LOG_ERR, "an action failed" },
};

static void on_news(void *ctx, enum life_news what, const struct record *r, const char *text)
{
	const struct news *n = &news[what];

	(void)ctx;
	if (!r)
		log_line(n->priority, "%s%s%s", n->text, *text ? ": " : "", text);
	else
		log_line(n->priority, "%s%s: %s %s %s (decision %llu, jail %s): %s%s%s", n->text,
			 r->dry ? " (dry run)" : "", level_word(r->level), kind_word(r->kind),
			 r->name, (unsigned long long)r->id, r->jail, r->reason ? r->reason : "",
			 *text ? "; " : "", text);
}

static void on_warning(void *ctx, const struct warning *warning, bool begins)
{
	(void)ctx;
	log_line(begins ? LOG_WARNING : LOG_NOTICE, "%s%s",
		 begins ? "" : "no longer: ", warning->text);
}

static void turn(struct worker *w);
static void end(struct worker *w);

/* -- checkpoints ----------------------------------------------------------------------------------- */

static void put_row(void *ctx, const struct state_row *row)
{
	store_pack_row(ctx, row);
}

static void put_position(void *ctx, const char *source, struct slice position)
{
	store_pack_position(ctx, source, position);
}

static void save_later(struct worker *w, struct instant now, int64_t ms)
{
	if (instant_is_none(w->save_at))
		w->save_at.ms = now.ms + ms;
}

/* Everything since the last one, as of the event delivered last. */
static void save(struct worker *w, struct instant now)
{
	bool all = store_wants_all(w->store);

	w->save_at = INSTANT_NONE;
	if (store_is_closed(w->store))
		return;
	decisions_save(w->decisions, all, put_row, &w->rows);
	engine_save(w->engine, all, put_row, &w->rows);
	live_positions(w->live, put_position, &w->rows);
	view_note(&w->view, now);
	if (!store_checkpoint(w->store, &w->rows, all, now))
		w->save_at.ms = now.ms + AGAIN_MS; /* the last one is still being written */
}

static void on_checkpoint(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;
	struct instant now = instant_now();

	(void)status;
	(void)events;
	/* What could not be written is, as soon as it can be. */
	if (store_checkpoint_done(w->store, now) == CHECKPOINT_FAILED)
		save_later(w, now, AGAIN_MS);
	turn(w);
}

/* The last one, and all of it: before the process ends. */
static void save_and_wait(struct worker *w)
{
	life_tick(w->life, instant_now());
	(void)store_checkpoint_wait(w->store, instant_now());
	save(w, instant_now());
	(void)store_checkpoint_wait(w->store, instant_now());
}

/* -- one turn ------------------------------------------------------------------------------------ */

static void look(struct worker *w, struct instant now)
{
	view_look(&w->view, now);
	w->looked = now;
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

/*
 * A millisecond at least: libuv runs all timers that are due before it looks at descriptors again,
 * so one that is set anew for "now" from its own callback would keep it from ever doing so.
 */
static void set_timer(struct worker *w, struct instant now)
{
	struct instant next = instant_in_ms(now, live_due_ms(w->live, now));
	int64_t left;

	next = instant_earlier(next, life_next(w->life));
	next = instant_earlier(next, store_next(w->store));
	next = instant_earlier(next, dispatch_next(w->dispatch));
	next = instant_earlier(next, w->save_at);
	next = instant_earlier(next, w->reader_at);
	next = instant_earlier(next, instant_in_ms(now, selfwatch_next(w->watch, now)));
	left = instant_left_ms(next, now);
	if (left < 0)
		(void)uv_timer_stop(&w->timer);
	else
		(void)uv_timer_start(&w->timer, on_timer, left > 0 ? (uint64_t)left : 1, 0);
}

static void ask_for_reader(struct worker *w)
{
	struct pack p = { 0 };

	w->reader_at = INSTANT_NONE;
	pack_slice(&p, live_journal_cursor(w->live));
	pack_u8(&p, w->options->from_start);
	tell(w, WIRE_JOURNAL_WANTED, &p);
	pack_fini(&p);
}

static void on_idle(uv_idle_t *idle)
{
	turn(idle->data);
}

/* Lines that are at hand, and what follows from them. */
static bool run_lines(struct worker *w, struct instant now)
{
	bool more = false;

	if (!w->going)
		return false;
	life_set_now(w->life, now);
	if (instant_is_due(life_next(w->life), now))
		life_tick(w->life, now); /* a ban that has run out is over before the next line */
	more = live_run(w->live, LINES_AT_ONCE, now, on_event, w);
	if (live_moved(w->live))
		save_later(w, now, w->setup->daemon.checkpoint_s * 1000);
	return more;
}

static void turn(struct worker *w)
{
	struct instant now = instant_now();
	bool more = run_lines(w, now);

	if (w->ending)
		return;
	life_tick(w->life, now);
	dispatch_run(w->dispatch, now);
	if (instant_is_due(store_next(w->store), now)) {
		store_retry(w->store, now);
		if (store_wants_all(w->store))
			save_later(w, now, 0);
	}
	if (instant_is_due(w->save_at, now))
		save(w, now);
	if (w->going && store_is_unread(w->store)) {
		log_line(LOG_NOTICE, "decisions.db can be read again: the engine begins anew with "
				     "what it holds");
		end(w);
		return;
	}
	if (instant_is_due(w->reader_at, now))
		ask_for_reader(w);
	if (selfwatch_next(w->watch, now) == 0 || (w->going && since(w->looked, now) >= LOOK_MS))
		look(w, now);
	if (more)
		(void)uv_idle_start(&w->busy, on_idle);
	else
		(void)uv_idle_stop(&w->busy);
	set_timer(w, now);
}

static void on_answer(void *ctx)
{
	struct worker *w = ctx;

	if (!w->ending)
		turn(w);
}

/* -- descriptors ----------------------------------------------------------------------------------- */

static void on_modified(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;

	(void)status;
	(void)events;
	live_modified(w->live, w->modify_fd);
	turn(w);
}

static void close_reader(struct worker *w)
{
	(void)uv_poll_stop(&w->reader_poll);
	channel_free(w->reader);
	w->reader = NULL;
	w->reader_at.ms = instant_now().ms + READER_WAIT_MS;
}

static void on_journal_problem(struct slice text)
{
	log_line(LOG_WARNING, "%.*s", (int)text.len, text.ptr ? text.ptr : "");
}

static void on_reader(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;
	struct message m;
	struct err err;
	int rc = 0;

	(void)status;
	(void)events;
	while (w->reader && live_journal_has_room(w->live) &&
	       (rc = channel_receive(w->reader, &m, &err)) > 0) {
		struct packed p = packed_of(m.body);

		if (m.fd >= 0)
			(void)close(m.fd);
		if (m.type == JOURNAL_LINES)
			live_journal(w->live, m.body);
		else
			on_journal_problem(packed_slice(&p));
	}
	if (rc < 0)
		close_reader(w);
	turn(w);
}

static void open_reader(struct worker *w, int fd)
{
	if (w->reader)
		close_reader(w);
	w->reader = channel_new(fd);
	w->reader_at = INSTANT_NONE;
	(void)uv_poll_init(&w->loop, &w->reader_poll, fd);
	w->reader_poll.data = w;
	(void)uv_poll_start(&w->reader_poll, UV_READABLE, on_reader);
}

static void open_modify(struct worker *w, int fd)
{
	w->modify_fd = fd;
	(void)uv_poll_init(&w->loop, &w->modify_poll, fd);
	w->modify_poll.data = w;
	(void)uv_poll_start(&w->modify_poll, UV_READABLE, on_modified);
}

/* Standard input has lines, or has ended: then there is nothing more to wait for. */
static void on_input(uv_poll_t *poll_handle, int status, int events)
{
	struct worker *w = poll_handle->data;
	struct pollfd fd = { w->input_fd, POLLIN, 0 };

	(void)status;
	(void)events;
	if (poll(&fd, 1, 0) > 0 && !(fd.revents & POLLIN)) {
		(void)uv_poll_stop(poll_handle);
		log_line(LOG_NOTICE, "standard input has ended");
	}
	live_readable(w->live, LIVE_STDIN);
	turn(w);
}

/* A file can't be polled: it is looked at every now and then, as any log without a watch. */
static void open_input(struct worker *w, int fd)
{
	w->input_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (w->input_fd < 0 || uv_poll_init(&w->loop, &w->input_poll, w->input_fd) < 0)
		return;
	w->input_poll.data = w;
	(void)uv_poll_start(&w->input_poll, UV_READABLE, on_input);
}

static enum answer on_request(void *ctx, const struct request *request, uint64_t *cursor,
			      struct reply *reply)
{
	struct worker *w = ctx;

	return answers_give(&w->answers, request, instant_now(), cursor, reply);
}

static void open_control(struct worker *w, int fd)
{
	struct control_options o = {
		.fd = fd, .group = w->options->group, .answer = on_request, .ctx = w
	};
	struct err err;

	if (control_new(&w->control, &w->loop, &o, &err) < 0)
		log_line(LOG_ERR, "control socket: %s", err.text);
}

static void on_metrics(void *ctx, struct pack *out)
{
	metrics_text(&((struct worker *)ctx)->view, instant_now(), out);
}

static bool on_health(void *ctx, struct pack *out)
{
	return metrics_health(&((struct worker *)ctx)->view, out);
}

static void open_metrics(struct worker *w, int fd)
{
	struct metrics_server_options o = { fd, on_metrics, on_health, w };
	struct err err;

	if (metrics_server_new(&w->metrics, &w->loop, &o, &err) < 0)
		log_line(LOG_ERR, "metrics: %s", err.text);
}

static void on_reload(void *ctx)
{
	tell(ctx, WIRE_RELOAD, NULL);
}

/* An administrator has decided: that is not to wait, and not to be forgotten. */
static void on_changed(void *ctx)
{
	struct worker *w = ctx;

	w->save_at = instant_now();
	turn(w);
}

static void on_reloaded(struct worker *w, struct packed *p)
{
	struct slice why = packed_slice(p);
	struct err err;

	if (!w->control || !packed_end(p))
		return;
	if (why.ptr)
		(void)err_set(&err, EINVAL, "%.*s", (int)why.len, why.ptr);
	control_answer_later(w->control, why.ptr ? &err : NULL);
}

static void begin(struct worker *w)
{
	w->going = true;
	if (w->options->journal) {
		live_log(w->live, LIVE_JOURNAL, "journal", instant_now());
		live_start(w->live, LIVE_JOURNAL,
			   w->options->from_start ? TAIL_FROM_START : TAIL_FROM_END, instant_now());
		ask_for_reader(w);
	}
	tell(w, WIRE_READY, NULL);
	w->save_at = instant_now(); /* where it begins is known from here on, whatever happens */
	turn(w);
}

static void end(struct worker *w)
{
	if (w->ending)
		return;
	w->ending = true;
	save_and_wait(w);
	uv_stop(&w->loop);
}

static void on_name(struct worker *w, uint32_t log, struct slice text)
{
	char *name = xstrndup(text.ptr ? text.ptr : "", text.len);

	live_log(w->live, log, name, instant_now());
	free(name);
}

/* All there is of the log was told: read it, from where it was left. */
static void on_siblings_end(struct worker *w, uint32_t log)
{
	enum tail_from from = w->going || w->options->from_start ? TAIL_FROM_START : TAIL_FROM_END;

	live_start(w->live, log, from, instant_now());
	turn(w);
}

static void on_message(struct worker *w, const struct message *m)
{
	struct packed p = packed_of(m->body);
	uint32_t number;

	switch ((enum wire)m->type) {
	case WIRE_NAME:
		number = packed_u32(&p);
		on_name(w, number, packed_slice(&p));
		return;
	case WIRE_LOG:
		number = packed_u32(&p);
		if (number == LIVE_STDIN)
			open_input(w, m->fd);
		live_opened(w->live, number, m->fd, (int)packed_u32(&p), instant_now());
		return;
	case WIRE_SIBLING:
		live_sibling(w->live, packed_u32(&p), m->fd);
		return;
	case WIRE_SIBLINGS_END:
		on_siblings_end(w, packed_u32(&p));
		return;
	case WIRE_MODIFY:
		open_modify(w, m->fd);
		return;
	case WIRE_CONTROL:
		open_control(w, m->fd);
		return;
	case WIRE_METRICS:
		open_metrics(w, m->fd);
		return;
	case WIRE_ACTUATOR:
		(void)dispatch_attach(w->dispatch, packed_u32(&p), m->fd, instant_now());
		return;
	case WIRE_JOURNAL:
		open_reader(w, m->fd);
		return;
	case WIRE_GO:
		begin(w);
		return;
	case WIRE_PING:
		tell(w, WIRE_PONG, NULL);
		return;
	case WIRE_RELOADED:
		on_reloaded(w, &p);
		return;
	case WIRE_STOP:
	case WIRE_READY:
	case WIRE_PONG:
	case WIRE_SIBLINGS_WANTED:
	case WIRE_JOURNAL_WANTED:
	case WIRE_RELOAD:
	case WIRE_STUCK:
	default:
		end(w);
		return;
	}
}

static void on_monitor(uv_poll_t *poll, int status, int events)
{
	struct worker *w = poll->data;
	struct message m;
	struct err err;
	int rc = 0;

	(void)status;
	(void)events;
	while (!w->ending && (rc = channel_receive(w->monitor, &m, &err)) > 0)
		on_message(w, &m);
	if (rc < 0) {
		log_line(LOG_ERR, "the monitor is gone: saving and ending");
		w->gone = true;
		end(w);
	}
}

/* -- the beginning --------------------------------------------------------------------------------- */

static int give_up_rights(const struct worker_options *o, struct err *err)
{
	int landlock;

	if (o->user && sandbox_become(o->user, (gid_t)-1, err) < 0)
		return -1;
	landlock = sandbox_only_dir(o->dir, err);
	if (landlock == 1)
		log_line(LOG_NOTICE, "this kernel has no Landlock: the engine is held by its user, "
				     "its capabilities and seccomp alone");
	return landlock < 0 ? -1 : sandbox_only_calls(err);
}

struct restoring {
	struct worker *w;
	struct pack cases; /* kept until the subjects they are about are all there */
	uint64_t damaged;
};

static void restore_row(void *ctx, const struct state_row *row)
{
	struct restoring *r = ctx;
	struct err unused;

	if (decisions_is_row(row)) {
		pack_u64(&r->cases, row->table);
		pack_u64(&r->cases, row->key);
		pack_slice(&r->cases, row->value);
	} else if (engine_restore(r->w->engine, row, &unused) < 0) {
		r->damaged++;
	}
}

static void restore_cases(struct restoring *r)
{
	struct packed p = packed_of(pack_contents(&r->cases));
	struct err unused;

	while (!packed_end(&p)) {
		struct state_row row = { packed_u64(&p), packed_u64(&p), packed_slice(&p) };

		if (decisions_restore(r->w->decisions, r->w->setup->jails, &row, &unused) < 0)
			r->damaged++;
	}
	pack_fini(&r->cases);
}

static void restore_position(void *ctx, const char *source, struct slice position)
{
	live_restore(((struct restoring *)ctx)->w->live, source, position);
}

static void make_engine(struct worker *w)
{
	const struct setup *s = w->setup;
	struct engine_options eo = {
		.geoip = s->geoip,
		.own = &s->own,
		.default_realm = s->default_realm,
		.known_days = s->known_days,
		.on_verdict = on_verdict,
		.on_sighting = on_sighting,
		.on_message = on_message_of,
		.on_removed = on_removed,
		.ctx = w,
	};
	struct live_options lo = {
		.set = s->filters,
		.wanted = wanted,
		.want_siblings = want_siblings,
		.on_problem = on_log_problem,
		.ctx = w,
	};

	w->engine = engine_new(s->jails, &eo);
	w->decisions = decisions_new(w->engine);
	lo.kinds = engine_kinds(w->engine);
	w->live = live_new(&lo);
}

static void free_engine(struct worker *w)
{
	live_free(w->live);
	decisions_free(w->decisions);
	engine_free(w->engine);
}

/* Takes back what the last checkpoint held; what can't be read begins anew, and says so. */
static void restore(struct worker *w)
{
	struct restoring r = { w, { 0 }, 0 };

	if (store_restore(w->store, restore_row, restore_position, &r) < 0) {
		log_line(LOG_ERR, "the checkpoint can't be read: counting begins anew");
		free_engine(w);
		make_engine(w);
		pack_fini(&r.cases);
	}
	if (r.damaged)
		log_line(LOG_ERR, "%llu rows of the checkpoint are damaged and were left out",
			 (unsigned long long)r.damaged);
	engine_restored(w->engine);
	restore_cases(&r);
}

static void make_life(struct worker *w)
{
	const struct daemon_settings *d = &w->setup->daemon;
	const struct jail_set *jails = w->setup->jails;
	struct life_options lo = {
		.jails = jails,
		.wants = w->wants = xcalloc(jails->n_instances + 1, sizeof(*w->wants)),
		.guard = w->options->guard,
		.brake_n = d->brake_n,
		.brake_span_s = d->brake_span_s,
		.repeat_within_s = d->repeat_within_s,
		.bantime_most_s = d->bantime_most_s,
		.dry_run = d->dry_run,
		.describe = on_describe,
		.on_news = on_news,
		.ctx = w,
	};

	for (uint32_t i = 0; i < jails->n_instances; i++) {
		const struct postern_action *action = action_of(w, i);

		w->wants[i] = action ? action->wants : 0;
	}
	w->life = life_new(&lo, w->decisions, w->store, w->engine);
}

static void make_rest(struct worker *w)
{
	struct dispatch_options dispatch = {
		.loop = &w->loop,
		.life = w->life,
		.jails = w->setup->jails,
		.action = action_of,
		.reconcile_s = w->setup->daemon.reconcile_s,
		.on_stuck = on_stuck,
		.on_answer = on_answer,
		.ctx = w,
	};
	struct selfwatch_options watch = {
		.silence_lines_s = w->setup->daemon.silence_lines_s,
		.silence_logins_s = w->setup->daemon.silence_logins_s,
		.tell = on_warning,
	};

	w->dispatch = dispatch_new(&dispatch);
	w->watch = selfwatch_new(&watch, instant_now());
	w->looked = instant_now();
	w->view.setup = w->setup;
	w->view.engine = w->engine;
	w->view.life = w->life;
	w->view.store = w->store;
	w->view.live = w->live;
	w->view.dispatch = w->dispatch;
	w->view.watch = w->watch;
	w->view.dir = w->options->dir;
	w->answers = (struct answers){ &w->view, on_reload, on_changed, w };
}

static void open_polls(struct worker *w)
{
	(void)uv_timer_init(&w->loop, &w->timer);
	(void)uv_idle_init(&w->loop, &w->busy);
	(void)uv_poll_init(&w->loop, &w->monitor_poll, channel_fd(w->monitor));
	(void)uv_poll_init(&w->loop, &w->checkpoint_poll, store_checkpoint_fd(w->store));
	w->timer.data = w->busy.data = w->monitor_poll.data = w->checkpoint_poll.data = w;
	(void)uv_poll_start(&w->monitor_poll, UV_READABLE, on_monitor);
	(void)uv_poll_start(&w->checkpoint_poll, UV_READABLE, on_checkpoint);
}

int worker_run(const struct worker_options *options, struct channel *monitor)
{
	struct worker w = { .options = options,
			    .setup = options->setup,
			    .monitor = monitor,
			    .save_at = INSTANT_NONE,
			    .reader_at = INSTANT_NONE,
			    .swept = INSTANT_NONE };
	struct store_options so = { .dir = options->dir, .tell = on_store };
	struct err err;

	view_open(&w.view, instant_now());
	if (give_up_rights(options, &err) < 0 || uv_loop_init(&w.loop) < 0) {
		log_line(LOG_CRIT, "the engine can't give its rights up and ends: %s", err.text);
		return 1;
	}
	w.store = store_new(&so, instant_now());
	hash_seed_set(store_hash_seed(w.store));
	make_engine(&w);
	restore(&w);
	make_life(&w);
	life_load(w.life, instant_now());
	make_rest(&w);
	open_polls(&w);
	(void)uv_run(&w.loop, UV_RUN_DEFAULT);
	return 0;
}
