/*
 * test_life - the life of decisions, from the engine's verdicts to what actions are told
 *
 * A row is jails, a script and what is told while it runs. A line of the script is an event (see
 * tests/script.h), which happens at that time by the wall clock too, or "TIME COMMAND [WORDS]":
 *
 *	tick			time passes
 *	batch ACTION [N]	what the action is to do (N items at most)
 *	done|retry|fail ACTION [ID]	its answer, to all items of the batch or to one
 *	lost ACTION		its process is gone
 *	all ACTION		it is told all that should be in force, and does it
 *	ban|unban WHO [for=SPAN] [because=TEXT] [forget] [release]
 *	resume			the brake goes
 *	sweep			cases that are over are closed
 *	lose			it ends at once, and decisions.db is gone
 *	crash			the process ends at once; the next one reads the log from its first line
 *	restart			the process ends well: what the engine knew is there again
 *	reload			the same, with the row's other jails
 */
#include "core/decision/life.h"

#include "core/base/hash.h"
#include "tests/life_rows.h"
#include "tests/rows.h"
#include "tests/script.h"

#include <errno.h>
#include <ftw.h>
#include <string.h>
#include <unistd.h>

struct world {
	const struct row *row;
	struct life *life;
	struct decisions *decisions;
	struct engine *engine;
	struct store *store;
	struct jail_set *jails;
	struct prefixset guard;
	unsigned int wants[16];
	char dir[64];
	FILE *out;
	int64_t now_s;
	struct under_way {
		uint64_t batch;
		uint64_t id[100];
		size_t n;
	} under_way[16], *filling; /* by instance */
};

static void on_verdict(void *ctx, const struct verdict *v)
{
	life_verdict(((struct world *)ctx)->life, v);
}

static void on_sighting(void *ctx, struct subject *s, const struct sighting *at, uint32_t now_s)
{
	life_sighting(((struct world *)ctx)->life, s, at, now_s);
}

static void on_message(void *ctx, struct subject *s, const struct queued *message)
{
	life_message(((struct world *)ctx)->life, s, message);
}

static void on_removed(void *ctx, struct subject *s, const struct queued *message)
{
	life_removed(((struct world *)ctx)->life, s, message);
}

static void on_news(void *ctx, enum life_news news, const struct record *r, const char *text)
{
	static const char *const words[] = { "decided",  "raised", "extended", "expired",
					     "released", "braked", "resumed",  "guarded",
					     "orphaned", "failed" };
	struct world *w = ctx;

	(void)fprintf(w->out, "! %s", words[news]);
	if (r)
		(void)fprintf(w->out, " #%llu %s %s%s%s", (unsigned long long)r->id,
			      level_word(r->level), r->name, r->dry ? " dry" : "",
			      r->braked ? " braked" : "");
	(void)fprintf(w->out, "%s%s\n", *text ? ": " : "", text);
}

static char *on_describe(void *ctx, const struct record *r, const struct decision *c)
{
	(void)ctx;
	return xasprintf("{\"id\":%llu,\"case\":%d}", (unsigned long long)r->id, c != NULL);
}

static void on_trouble(void *ctx, bool trouble, const char *text)
{
	(void)ctx;
	fail_msg("store %d: %s", trouble, text);
}

static struct instant wall(const struct world *w)
{
	return instant_of_s(SCRIPT_T0 + w->now_s);
}

static unsigned int wants_of(const char *plugin)
{
	static const struct {
		const char *plugin;
		unsigned int wants;
	} all[] = {
		{ "log", POSTERN_WANTS_USERS },
		{ "nftables", POSTERN_WANTS_ADDRESSES },
		{ "postfix-map", POSTERN_WANTS_USERS },
		{ "postfix-hold", POSTERN_WANTS_USERS | POSTERN_WANTS_QUEUE_IDS },
		{ "mail", POSTERN_WANTS_USERS | POSTERN_WANTS_ONCE },
	};

	for (size_t i = 0; i < COUNT(all); i++)
		if (strcmp(all[i].plugin, plugin) == 0)
			return all[i].wants;
	fail_msg("what does %s want?", plugin);
	return 0;
}

static void load_jails(struct world *w, const char *text)
{
	struct jail_defaults defaults = { 0 };
	struct err err;

	if (jail_set_load_text(&w->jails, "jail.conf", text, filters, &defaults, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < w->jails->n_instances; i++)
		w->wants[i] = wants_of(w->jails->instance[i]->plugin);
}

static void begin(struct world *w)
{
	struct engine_options eo = { .known_days = 3,
				     .on_verdict = on_verdict,
				     .on_sighting = on_sighting,
				     .on_message = on_message,
				     .on_removed = on_removed,
				     .ctx = w };
	struct store_options so = { .dir = w->dir, .tell = on_trouble };
	struct life_options lo = { .jails = w->jails,
				   .wants = w->wants,
				   .guard = &w->guard,
				   .brake_n = w->row->brake_n,
				   .brake_span_s = 600,
				   .repeat_within_s = 30 * 86400,
				   .bantime_most_s = 4 * 86400,
				   .dry_run = w->row->dry,
				   .describe = on_describe,
				   .on_news = on_news,
				   .ctx = w };

	w->store = store_new(&so, wall(w));
	w->engine = engine_new(w->jails, &eo);
	w->decisions = decisions_new(w->engine);
	w->life = life_new(&lo, w->decisions, w->store, w->engine);
}

static void end(struct world *w)
{
	life_free(w->life);
	decisions_free(w->decisions);
	engine_free(w->engine);
	store_free(w->store);
}

static void run_event(struct world *w, const char *line)
{
	struct arena *a = arena_new();
	struct event event;
	unsigned int times = script_event(&event, a, line, 1);

	for (unsigned int count = 1; count <= times; count++) {
		(void)script_event(&event, a, line, count);
		w->now_s = instant_s(event.time) - SCRIPT_T0;
		life_tick(w->life, event.time);
		engine_event(w->engine, &event);
	}
	arena_free(a);
	life_tick(w->life, wall(w));
}

static bool is_event(const char *line)
{
	char word[64];

	(void)script_word(&line, word, sizeof(word));
	return event_kind_named(script_word(&line, word, sizeof(word))) >= 0;
}

/* What a row's lines up to this one have logged, once more; by the wall clock it is now. */
static void read_again(struct world *w, const char *upto)
{
	struct instant now = wall(w);

	for (const char *line = w->row->script; line < upto; line = script_next(line)) {
		struct arena *a = arena_new();
		struct event event;
		unsigned int times = is_event(line) ? script_event(&event, a, line, 1) : 0;

		for (unsigned int count = 1; count <= times; count++) {
			(void)script_event(&event, a, line, count);
			life_set_now(w->life, now);
			engine_event(w->engine, &event);
		}
		arena_free(a);
		life_tick(w->life, now);
	}
}

static void save_row(void *ctx, const struct state_row *row)
{
	store_pack_row(ctx, row);
}

static void restore_row(void *ctx, const struct state_row *row)
{
	struct world *w = ctx;
	struct err err;

	if (decisions_is_row(row))
		assert_int_equal(decisions_restore(w->decisions, w->jails, row, &err), 0);
	else
		assert_int_equal(engine_restore(w->engine, row, &err), 0);
}

static void no_position(void *ctx, const char *source, struct slice position)
{
	(void)ctx;
	(void)source;
	(void)position;
}

/* From the last checkpoint. */
static void go_on(struct world *w)
{
	begin(w);
	assert_int_equal(store_restore(w->store, restore_row, no_position, w), 0);
	engine_restored(w->engine);
	life_load(w->life, wall(w));
}

static void restart(struct world *w, const char *jails)
{
	struct pack p = { 0 };

	engine_save(w->engine, true, save_row, &p);
	decisions_save(w->decisions, true, save_row, &p);
	assert_true(store_checkpoint(w->store, &p, true, wall(w)));
	assert_int_equal(store_checkpoint_wait(w->store, wall(w)), CHECKPOINT_WRITTEN);
	end(w);
	if (jails) {
		jail_set_free(w->jails);
		load_jails(w, jails);
	}
	go_on(w);
}

/* decisions.db is gone; the last checkpoint is not. */
static void lose(struct world *w)
{
	char path[128];

	end(w);
	(void)snprintf(path, sizeof(path), "%s/decisions.db", w->dir);
	assert_int_equal(unlink(path), 0);
	go_on(w);
}

static void crash(struct world *w, const char *line)
{
	end(w);
	begin(w);
	life_load(w->life, wall(w));
	read_again(w, line);
}

static uint32_t instance_named(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < life_instances(w->life); i++)
		if (strcmp(life_instance(w->life, i)->name, name) == 0)
			return i;
	fail_msg("no action %s", name);
	return 0;
}

static void print_item(struct world *w, const struct postern_item *item)
{
	char text[ADDRESS_TEXT];

	(void)fprintf(w->out, " #%llu", (unsigned long long)item->id);
	if (item->user)
		(void)fprintf(w->out, " %s", item->user);
	(void)fprintf(w->out, " %s", item->level);
	if (item->until_s)
		(void)fprintf(w->out, " until %lld", (long long)(item->until_s - SCRIPT_T0));
	for (size_t i = 0; i < item->n_addresses; i++) {
		struct prefix p = { .bits = item->address[i].bits };

		memcpy(p.base.byte, item->address[i].byte, sizeof(p.base.byte));
		(void)fprintf(w->out, "%s%s", i ? "," : " ", prefix_text(&p, text));
	}
	for (size_t i = 0; i < item->n_queue_ids; i++)
		(void)fprintf(w->out, "%s%s", i ? "," : " q=", item->queue_id[i]);
	if (item->release)
		(void)fprintf(w->out, " release %d", item->release);
}

static void put_all(void *ctx, struct postern_item *item, size_t n)
{
	struct world *w = ctx;

	for (size_t i = 0; i < n; i++) {
		print_item(w, &item[i]);
		w->filling->id[w->filling->n++] = item[i].id;
	}
}

static void tell_all(struct world *w, uint32_t instance)
{
	struct under_way before = w->under_way[instance], *u = &w->under_way[instance];

	w->filling = u;
	u->n = 0;
	(void)fprintf(w->out, "%s: all", life_instance(w->life, instance)->name);
	u->batch = life_everything(w->life, instance, wall(w), put_all, w);
	(void)fprintf(w->out, "%s\n", u->batch ? "" : " busy");
	for (size_t i = 0; i < u->n; i++)
		life_result(w->life, instance, wall(w), u->batch, u->id[i], POSTERN_DONE, "");
	if (!u->batch)
		*u = before;
}

static void hand_out(struct world *w, uint32_t instance, const char *most)
{
	struct life_batch b =
		life_batch(w->life, instance, wall(w), *most ? strtoul(most, NULL, 10) : 100);

	(void)fprintf(w->out, "%s: %s", life_instance(w->life, instance)->name,
		      b.n == 0              ? "nothing"
		      : b.way == LIFE_APPLY ? "apply"
					    : "lift");
	if (b.n > 0) {
		w->filling = &w->under_way[instance];
		*w->filling = (struct under_way){ .batch = b.number };
		put_all(w, b.item, b.n);
	}
	(void)fprintf(w->out, "\n");
}

static void answer(struct world *w, uint32_t instance, enum postern_result result, const char *id)
{
	const struct under_way *u = &w->under_way[instance];
	uint64_t only = *id ? strtoul(id, NULL, 10) : 0;

	for (size_t i = 0; i < u->n; i++)
		if (!only || u->id[i] == only)
			life_result(w->life, instance, wall(w), u->batch, u->id[i], result,
				    result == POSTERN_DONE ? "" : "no luck");
	life_tick(w->life, wall(w));
}

static void ban(struct world *w, const char *who, const char *line)
{
	struct prefix p;
	struct life_ban b = { .name = who };
	char word[64];
	uint64_t id;
	struct err err;

	b.kind = prefix_parse(&p, slice_of(who)) ? SUBJECT_ADDRESS : SUBJECT_ACCOUNT;
	while (*script_word(&line, word, sizeof(word)))
		if (strcmp(word, "for=ever") == 0)
			b.for_s = FOREVER;
		else
			assert_int_equal(span_parse(&b.for_s, word + strlen("for="), &err), 0);
	if (life_ban(w->life, &b, wall(w), &id, &err) < 0)
		(void)fprintf(w->out, "refused: %s\n", strerror(err.code));
}

static void unban(struct world *w, const char *who, const char *line)
{
	struct prefix p;
	struct life_release r = { .name = who };
	char word[64];
	struct err err;
	int n;

	r.kind = prefix_parse(&p, slice_of(who)) ? SUBJECT_ADDRESS : SUBJECT_ACCOUNT;
	while (*script_word(&line, word, sizeof(word))) {
		r.forget |= strcmp(word, "forget") == 0;
		if (strcmp(word, "release") == 0)
			r.mail = POSTERN_RELEASE;
	}
	n = life_release(w->life, &r, wall(w), &err);
	if (n < 0)
		(void)fprintf(w->out, "refused: %s\n", strerror(err.code));
}

/* A command about one action, or about somebody. */
static void run_about(struct world *w, const char *command, const char *line)
{
	static const char *const results[] = { "done", "retry", "fail" };
	char whom[64], word[64];
	uint32_t instance;

	(void)script_word(&line, whom, sizeof(whom));
	if (strcmp(command, "ban") == 0) {
		ban(w, whom, line);
		return;
	}
	if (strcmp(command, "unban") == 0) {
		unban(w, whom, line);
		return;
	}
	instance = instance_named(w, whom);
	(void)script_word(&line, word, sizeof(word));
	if (strcmp(command, "batch") == 0)
		hand_out(w, instance, word);
	else if (strcmp(command, "all") == 0)
		tell_all(w, instance);
	else if (strcmp(command, "lost") == 0)
		life_unanswered(w->life, instance);
	for (size_t i = 0; i < COUNT(results); i++)
		if (strcmp(command, results[i]) == 0)
			answer(w, instance, (enum postern_result)i, word);
}

static void run_command(struct world *w, const char *line)
{
	const char *all = line;
	char word[64];
	struct err err;

	assert_int_equal(span_parse(&w->now_s, script_word(&line, word, sizeof(word)), &err), 0);
	life_tick(w->life, wall(w));
	(void)script_word(&line, word, sizeof(word));
	if (strcmp(word, "crash") == 0)
		crash(w, all);
	else if (strcmp(word, "restart") == 0)
		restart(w, NULL);
	else if (strcmp(word, "reload") == 0)
		restart(w, w->row->other);
	else if (strcmp(word, "resume") == 0)
		(void)life_resume(w->life, wall(w));
	else if (strcmp(word, "sweep") == 0)
		decisions_sweep(w->decisions, wall(w));
	else if (strcmp(word, "lose") == 0)
		lose(w);
	else if (strcmp(word, "tick") != 0)
		run_about(w, word, line);
	life_tick(w->life, wall(w));
}

/* What is there when the script is over: decisions that are not wholly over, with their tasks. */
static void print_rest(struct world *w)
{
	const struct record *r = NULL;

	while ((r = life_record(w->life, r))) {
		(void)fprintf(w->out, "#%llu %s %s", (unsigned long long)r->id, r->name,
			      record_state_word(r));
		for (size_t i = 0; i < r->n_tasks; i++)
			(void)fprintf(w->out, ", %s %s", r->task[i]->action, task_word(r->task[i]));
		(void)fprintf(w->out, "\n");
	}
}

static void print_past(void *ctx, const struct record *r)
{
	struct world *w = ctx;

	(void)fprintf(w->out, "#%llu %s %s %s, %zu addresses, %zu messages, repeats %u%s\n",
		      (unsigned long long)r->id, level_word(r->level), r->name,
		      record_state_word(r), record_addresses(r), r->n_messages, r->repeats,
		      r->braked ? ", braked" : "");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* Everything that is due is done, by all actions. */
static void do_all(struct world *w)
{
	bool more = true;

	w->now_s += 3600; /* back-offs are over */
	life_tick(w->life, wall(w));
	while (more) {
		more = false;
		for (uint32_t i = 0; i < life_instances(w->life); i++) {
			life_unanswered(w->life, i);
			if (!life_has_batch(w->life, i))
				continue;
			hand_out(w, i, "");
			answer(w, i, POSTERN_DONE, "");
			more = true;
		}
	}
}

static void run_line(struct world *w, const char *line)
{
	if (is_event(line))
		run_event(w, line);
	else
		run_command(w, line);
}

/* Runs the row's script; with `crash_at` the process is killed after that line. The caller frees. */
static char *run(const struct row *row, const char *crash_at, void (*at_end)(struct world *w))
{
	struct world w = { .row = row };
	struct prefix p;
	char *said;
	size_t len;

	(void)snprintf(w.dir, sizeof(w.dir), "/tmp/postern-life-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	assert_true(prefix_parse(&p, slice_of("198.51.100.7")));
	prefixset_add(&w.guard, &p);
	prefixset_seal(&w.guard);
	w.out = open_memstream(&said, &len);
	load_jails(&w, row->jails);
	begin(&w);
	life_load(w.life, wall(&w));
	for (const char *line = row->script; *line; line = script_next(line)) {
		run_line(&w, line);
		if (line == crash_at)
			crash(&w, script_next(line));
	}
	at_end(&w);
	end(&w);
	assert_int_equal(fclose(w.out), 0);
	jail_set_free(w.jails);
	prefixset_fini(&w.guard);
	assert_int_equal(nftw(w.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	return said;
}

static void lives(void **state)
{
	const struct row *row = *state;
	char *said = run(row, NULL, print_rest);

	assert_string_equal(said, row->want);
	free(said);
}

/* Nothing but what has become of all decisions in the end, when all is done. */
static void print_end(struct world *w)
{
	const struct store_query query = { .since = INSTANT_NONE, .limit = 100 };

	do_all(w);
	assert_int_equal(fseek(w->out, 0, SEEK_SET), 0);
	print_rest(w);
	assert_int_equal(store_history(w->store, &query, print_past, w), 0);
}

/* Killed after any line the world ends as if nothing had happened: none is lost, none doubled. */
static void survives(void **state)
{
	const struct row *row = *state;
	char *want;

	want = run(row, NULL, print_end);
	for (const char *line = row->script; *line; line = script_next(line)) {
		char *said = run(row, line, print_end);

		assert_string_equal(said, want);
		free(said);
	}
	free(want);
}

/* The others end their process by themselves. */
static bool can_be_killed(const struct row *row)
{
	static const char *const ends[] = { " crash", " restart", " reload", " lose" };

	for (size_t i = 0; i < COUNT(ends); i++)
		if (strstr(row->script, ends[i]))
			return false;
	return true;
}

static int begin_all(void **state)
{
	struct err err;

	(void)state;
	return filter_set_load_text(&filters, "f.conf", script_filters, &err);
}

static int end_all(void **state)
{
	(void)state;
	filter_set_free(filters);
	return 0;
}

int main(void)
{
	struct CMUnitTest tests[2 * COUNT(rows)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, lives);
	for (size_t i = 0; i < COUNT(rows); i++)
		if (can_be_killed(&rows[i]))
			tests[n++] = ROW_TEST(&rows[i], survives);
	return _cmocka_run_group_tests(__FILE__, tests, n, begin_all, end_all);
}
