/*
 * test_store - what outlives the daemon, and what it does when a disk or a file is not what it should be
 *
 * Faults are real ones: another connection's lock, a limit on the size of files, bytes written over
 * a database. What the store tells is written down, "-" for a trouble and "+" for its end.
 */
#include "core/decision/store.h"

#include "core/base/hash.h"
#include "tests/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { T0 = 1795219200 };

struct world {
	char dir[64];
	struct store *store;
	char told[64];
	size_t n_told;
	struct record *loaded[8];
	size_t n_loaded;
	char said[512];
};

static void on_trouble(void *ctx, bool trouble, const char *text)
{
	struct world *w = ctx;

	assert_true(w->n_told + 1 < sizeof(w->told));
	assert_true(strlen(text) > 0);
	w->told[w->n_told++] = trouble ? '-' : '+';
	w->told[w->n_told] = '\0';
}

static struct instant at(int64_t s)
{
	return instant_of_s(T0 + s);
}

static void open_store(struct world *w, int64_t now_s)
{
	w->store = store_new(&(struct store_options){ w->dir, on_trouble, w }, at(now_s));
}

static void reopen(struct world *w, int64_t now_s)
{
	store_free(w->store);
	open_store(w, now_s);
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/postern-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	*state = w;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	store_free(w->store);
	for (size_t i = 0; i < w->n_loaded; i++)
		record_free(w->loaded[i]);
	assert_int_equal(nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(w);
	return 0;
}

static char *path_of(const struct world *w, const char *name)
{
	return xasprintf("%s/%s", w->dir, name);
}

/* A decision with a bit of everything. */
static struct record *make_record(struct store *s, const char *name)
{
	struct record *r = record_new("stolen-account", SUBJECT_ACCOUNT, name);
	struct prefix p;
	struct task *t;

	r->id = store_new_id(s);
	r->level = LEVEL_ACT;
	r->score = 120;
	record_set_reason(r, "networks 12 > 9");
	r->crossed = at(-5);
	r->acted = at(-4);
	r->since = at(0);
	r->begin_s = T0 - 60;
	r->repeats = 3;
	for (int i = 0; i < 3; i++) {
		assert_true(prefix_parse(&p, slice_of("192.0.2.0")));
		p.base.byte[15] = (uint8_t)i;
		assert_true(record_join(r, &p, at(i)));
	}
	assert_true(record_part(r, &p));
	record_queue(r, "4bXyz");
	record_queue(r, "4bXyA");
	t = record_add_task(r, "nftables");
	t->state = TASK_DONE;
	t->done = (struct task_mark){ LEVEL_ACT, 0, 3, 0, 0 };
	t = record_add_task(r, "postfix-map");
	t->state = TASK_HANDED;
	return r;
}

static void take(void *ctx, struct record *r)
{
	struct world *w = ctx;

	assert_true(w->n_loaded < COUNT(w->loaded));
	w->loaded[w->n_loaded++] = r;
}

static void load(struct world *w)
{
	for (size_t i = 0; i < w->n_loaded; i++)
		record_free(w->loaded[i]);
	w->n_loaded = 0;
	assert_int_equal(store_load(w->store, take, w), 0);
}

static void keeps_decisions(void **state)
{
	struct world *w = *state;
	struct record *r, *copy;

	open_store(w, 0);
	r = make_record(w->store, "joe@example.org");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), 0);
	reopen(w, 1);
	load(w);
	assert_int_equal(w->n_loaded, 1);
	copy = w->loaded[0];
	assert_int_equal(copy->id, 1);
	assert_string_equal(copy->jail, "stolen-account");
	assert_string_equal(copy->name, "joe@example.org");
	assert_string_equal(copy->reason, "networks 12 > 9");
	assert_int_equal(copy->level, LEVEL_ACT);
	assert_int_equal(copy->score, 120);
	assert_true(copy->crossed.ms == at(-5).ms && copy->acted.ms == at(-4).ms);
	assert_true(instant_is_none(copy->until) && instant_is_none(copy->ended));
	assert_int_equal(copy->begin_s, T0 - 60);
	assert_int_equal(copy->repeats, 3);
	assert_int_equal(copy->n_addresses, 3);
	assert_int_equal(record_addresses(copy), 2);
	assert_int_equal(copy->last_address, 3);
	assert_int_equal(copy->last_gone, 1);
	assert_int_equal(copy->n_messages, 2);
	assert_string_equal(copy->message[0].id, "4bXyz");
	assert_int_equal(copy->n_tasks, 2);
	assert_int_equal(copy->task[0]->state, TASK_DONE);
	assert_int_equal(copy->task[0]->done.addresses, 3);
	assert_int_equal(copy->task[1]->state, TASK_PENDING);
	assert_true(copy->task[1]->touched);
	assert_int_equal(store_new_id(w->store), 2);
	assert_string_equal(w->told, "");
	record_free(r);
}

static void puts_what_is_new(void **state)
{
	struct world *w = *state;
	struct record *r;

	open_store(w, 0);
	r = make_record(w->store, "joe");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), 0);
	record_unqueue(r, "4bXyz");
	record_queue(r, "4bXyB");
	assert_true(record_part(r, &r->address[0].host));
	r->task[1]->state = TASK_FAILED;
	r->task[1]->error = xstrdup("postmap: no such file");
	assert_int_equal(store_put(w->store, &r, 1, at(1)), 0);
	record_free(r);
	load(w);
	r = w->loaded[0];
	assert_int_equal(r->n_messages, 2);
	assert_string_equal(r->message[0].id, "4bXyA");
	assert_string_equal(r->message[1].id, "4bXyB");
	assert_int_equal(r->message[1].n, 3);
	assert_int_equal(record_addresses(r), 1);
	assert_int_equal(r->address[0].gone, 2);
	assert_int_equal(r->task[1]->state, TASK_FAILED);
	assert_string_equal(r->task[1]->error, "postmap: no such file");
}

static void end_record(struct record *r, enum record_end end, int64_t s)
{
	r->end = end;
	r->ended = r->seen = at(s);
	for (size_t i = 0; i < r->n_tasks; i++) {
		r->task[i]->lifting = true;
		r->task[i]->state = TASK_DONE;
	}
}

static void say(void *ctx, const struct record *r)
{
	struct world *w = ctx;
	size_t len = strlen(w->said);

	(void)snprintf(w->said + len, sizeof(w->said) - len, "%llu %s %s%s;",
		       (unsigned long long)r->id, r->name, record_state_word(r),
		       r->forgotten ? " forgotten" : "");
}

/* What is over is no longer loaded, but told as history and as what was before. */
static void remembers(void **state)
{
	static const struct {
		struct store_query query;
		const char *want;
	} asked[] = {
		/* Forgetting holds for the one that is active, too. */
		{ { NULL, { INT64_MIN }, 0, 10 },
		  "4 ann active forgotten;3 joe active;2 ann released forgotten;1 joe expired;" },
		{ { NULL, { INT64_MIN }, 0, 2 }, "4 ann active forgotten;3 joe active;" },
		{ { NULL, { INT64_MIN }, 3, 10 }, "2 ann released forgotten;1 joe expired;" },
		{ { "joe", { INT64_MIN }, 0, 10 }, "3 joe active;1 joe expired;" },
		{ { "eve", { INT64_MIN }, 0, 10 }, "" },
		{ { NULL, { (T0 + 1) * INT64_C(1000) }, 0, 10 }, "" },
	};
	struct world *w = *state;
	struct record *r[4];

	open_store(w, 0);
	for (size_t i = 0; i < COUNT(r); i++)
		r[i] = make_record(w->store, i % 2 ? "ann" : "joe");
	end_record(r[0], RECORD_EXPIRED, 100);
	end_record(r[1], RECORD_RELEASED, 50);
	assert_int_equal(store_put(w->store, r, COUNT(r), at(100)), 0);
	assert_int_equal(store_forget(w->store, SUBJECT_ACCOUNT, "ann"), 0);
	for (size_t i = 0; i < COUNT(r); i++)
		record_free(r[i]);
	load(w);
	assert_int_equal(w->n_loaded, 2);
	assert_int_equal(w->loaded[0]->id, 3);
	for (size_t i = 0; i < COUNT(asked); i++) {
		w->said[0] = '\0';
		assert_int_equal(store_history(w->store, &asked[i].query, say, w), 0);
		assert_string_equal(w->said, asked[i].want);
	}
	w->said[0] = '\0';
	assert_int_equal(store_load_past(w->store, at(60), say, w), 0);
	assert_string_equal(w->said, "1 joe expired;");
	w->said[0] = '\0';
	assert_int_equal(store_load_past(w->store, at(0), say, w), 0);
	assert_string_equal(w->said, "2 ann released forgotten;1 joe expired;");
}

/* Addresses are banned by the thousand: what is over for long goes, accounts stay. */
static void forgets_old_addresses(void **state)
{
	struct world *w = *state;
	struct record *r[2];

	open_store(w, 0);
	r[0] = make_record(w->store, "192.0.2.1");
	r[1] = make_record(w->store, "joe");
	r[0]->kind = SUBJECT_ADDRESS;
	end_record(r[0], RECORD_EXPIRED, 100);
	end_record(r[1], RECORD_EXPIRED, 100);
	assert_int_equal(store_put(w->store, r, 2, at(100)), 0);
	assert_int_equal(store_put(w->store, r + 1, 1, at(91 * 86400)), 0);
	assert_int_equal(
		store_history(w->store, &(struct store_query){ NULL, INSTANT_NONE, 0, 10 }, say, w),
		0);
	assert_string_equal(w->said, "2 joe expired;");
	record_free(r[0]);
	record_free(r[1]);
	reopen(w, 91 * 86400);
	assert_int_equal(store_new_id(w->store), 3);
}

static void keeps_small_things(void **state)
{
	struct world *w = *state;
	struct pack p = { 0 };

	open_store(w, 0);
	assert_int_equal(store_kept(w->store, "brake", &p), 0);
	assert_int_equal(p.len, 0);
	assert_int_equal(store_keep(w->store, "brake", slice_of("on")), 0);
	assert_int_equal(store_keep(w->store, "brake", slice_of("off")), 0);
	reopen(w, 0);
	assert_int_equal(store_kept(w->store, "brake", &p), 0);
	assert_true(slice_is(pack_contents(&p), "off"));
	pack_fini(&p);
}

/* Rows and positions as text: "TABLE KEY VALUE" and "SOURCE=POSITION". */
static void say_row(void *ctx, const struct state_row *row)
{
	struct world *w = ctx;
	size_t len = strlen(w->said);

	(void)snprintf(w->said + len, sizeof(w->said) - len, "%llu %llu %.*s;",
		       (unsigned long long)row->table, (unsigned long long)row->key,
		       (int)row->value.len, row->value.ptr);
}

static void say_position(void *ctx, const char *source, struct slice position)
{
	struct world *w = ctx;
	size_t len = strlen(w->said);

	(void)snprintf(w->said + len, sizeof(w->said) - len, "%s=%.*s;", source, (int)position.len,
		       position.ptr);
}

static const char *restored(struct world *w)
{
	w->said[0] = '\0';
	assert_int_equal(store_restore(w->store, say_row, say_position, w), 0);
	return w->said;
}

/* "TABLE KEY VALUE;..." to a buffer; a value "-" is none. A letter for a table is a position. */
static void pack_rows(struct pack *p, const char *rows)
{
	unsigned long long table, key;
	char value[32];
	int len;

	for (; *rows; rows += len) {
		struct slice text = { NULL, 0 };

		if (sscanf(rows, "%llu %llu %31[^;];%n", &table, &key, value, &len) == 3) {
			struct state_row row = { table, key, text };

			if (strcmp(value, "-") != 0)
				row.value = slice_of(value);
			store_pack_row(p, &row);
			continue;
		}
		assert_int_equal(sscanf(rows, "%*[a-z]=%31[^;];%n", value, &len), 1);
		if (strcmp(value, "-") != 0)
			text = slice_of(value);
		store_pack_position(p, "log", text);
	}
}

static enum store_checkpoint checkpoint(struct world *w, const char *rows, bool all, int64_t now_s)
{
	struct pack p = { 0 };

	pack_rows(&p, rows);
	assert_true(store_checkpoint(w->store, &p, all, at(now_s)));
	assert_null(p.data);
	return store_checkpoint_wait(w->store, at(now_s));
}

static const struct round {
	const char *name;
	const char *first; /* of all */
	const char *then;
	bool all;
	const char *want;
} rounds[] = {
	{ "checkpoint: nothing", "", "", false, "" },
	{ "checkpoint: rows and a position", "7 1 a;7 2 b;log=x;", "", false,
	  "7 1 a;7 2 b;log=x;" },
	{ "checkpoint: tables in the order in which they came", "9 1 a;3 1 b;", "2 1 c;9 2 d;",
	  false, "9 1 a;9 2 d;3 1 b;2 1 c;" },
	{ "checkpoint: what changed alone", "7 1 a;7 2 b;log=x;", "7 2 c;log=y;", false,
	  "7 1 a;7 2 c;log=y;" },
	{ "checkpoint: what is gone", "7 1 a;7 2 b;log=x;", "7 1 -;7 9 -;log=-;", false, "7 2 b;" },
	{ "checkpoint: all anew", "7 1 a;7 2 b;log=x;", "8 1 c;", true, "8 1 c;" },
	{ "checkpoint: keys of 64 bits", "18446744073709551615 18446744073709551614 a;", "", false,
	  "18446744073709551615 18446744073709551614 a;" },
};

static void saves(void **state)
{
	const struct round *row = *state;
	struct world *w;
	void *fresh = NULL;

	assert_int_equal(set_up(&fresh), 0);
	w = fresh;
	open_store(w, 0);
	assert_true(store_wants_all(w->store));
	assert_int_equal(checkpoint(w, row->first, true, 0), CHECKPOINT_WRITTEN);
	assert_false(store_wants_all(w->store));
	assert_int_equal(checkpoint(w, row->then, row->all, 0), CHECKPOINT_WRITTEN);
	reopen(w, 1);
	assert_false(store_wants_all(w->store));
	assert_string_equal(restored(w), row->want);
	assert_string_equal(w->told, "");
	assert_int_equal(tear_down(&fresh), 0);
}

static void keeps_the_seed(void **state)
{
	struct world *w = *state;
	uint64_t seed = hash_seed();

	open_store(w, 0);
	assert_true(store_hash_seed(w->store) == seed);
	assert_int_equal(checkpoint(w, "7 1 a;", true, 0), CHECKPOINT_WRITTEN);
	hash_seed_set(seed + 1);
	reopen(w, 0);
	assert_true(store_hash_seed(w->store) == seed);
	hash_seed_set(seed);
}

static void one_at_a_time(void **state)
{
	struct world *w = *state;
	struct pack p = { 0 }, more = { 0 };
	eventfd_t count;

	open_store(w, 0);
	assert_int_equal(store_checkpoint_done(w->store, at(0)), CHECKPOINT_IDLE);
	pack_rows(&p, "7 1 a;");
	assert_true(store_checkpoint(w->store, &p, true, at(0)));
	pack_rows(&more, "7 1 b;");
	/* Until its end was asked for it is under way. */
	assert_false(store_checkpoint(w->store, &more, true, at(0)));
	assert_int_equal(more.len > 0, 1);
	assert_int_equal(store_checkpoint_wait(w->store, at(0)), CHECKPOINT_WRITTEN);
	assert_int_equal(read(store_checkpoint_fd(w->store), &count, sizeof(count)), -1);
	assert_int_equal(store_checkpoint_done(w->store, at(0)), CHECKPOINT_IDLE);
	pack_fini(&more);
}

/* How a file is damaged: at `from`, `len` bytes are written over; len 0: it ends there. */
static const struct damage {
	const char *name;
	const char *file;
	off_t from;
	size_t len;
} damages[] = {
	{ "damage: decisions.db has no head", "decisions.db", 0, 100 },
	{ "damage: decisions.db is cut", "decisions.db", 5000, 0 },
	{ "damage: decisions.db is rotten", "decisions.db", 4096, 8000 },
	{ "damage: windows.db has no head", "windows.db", 0, 100 },
	{ "damage: windows.db is rotten", "windows.db", 100, 20000 },
};

static void damage(const struct world *w, const struct damage *row)
{
	char *path = path_of(w, row->file), *bytes = xcalloc(row->len, 1);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	memset(bytes, 0x5a, row->len);
	if (row->len)
		assert_int_equal(pwrite(fd, bytes, row->len, row->from), row->len);
	else
		assert_int_equal(ftruncate(fd, row->from), 0);
	assert_int_equal(close(fd), 0);
	free(bytes);
	free(path);
}

/* A damaged file is set aside, the other one is as it was, and both work. */
static void sets_aside(void **state)
{
	const struct damage *row = *state;
	struct record *r;
	struct world *w;
	void *fresh = NULL;
	char *pattern;
	glob_t found;

	assert_int_equal(set_up(&fresh), 0);
	w = fresh;
	open_store(w, 0);
	r = make_record(w->store, "joe");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), 0);
	assert_int_equal(checkpoint(w, "7 1 a;", true, 0), CHECKPOINT_WRITTEN);
	store_free(w->store);
	damage(w, row);
	open_store(w, 100);
	if (strcmp(row->file, "windows.db") == 0)
		(void)store_restore(w->store, say_row, say_position, w);
	assert_string_equal(w->told, "-");
	assert_null(store_trouble(w->store));
	pattern = xasprintf("%s/%s.corrupt-2026-11-21T00-01-40Z", w->dir, row->file);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	globfree(&found);
	free(pattern);
	load(w);
	if (strcmp(row->file, "decisions.db") == 0) {
		assert_int_equal(w->n_loaded, 0);
		assert_true(store_new_id(w->store) > 1000000);
		assert_string_equal(restored(w), "7 1 a;");
	} else {
		assert_int_equal(w->n_loaded, 1);
		assert_true(store_wants_all(w->store));
	}
	assert_int_equal(store_put(w->store, &r, 1, at(100)), 0);
	assert_int_equal(checkpoint(w, "7 1 b;", true, 100), CHECKPOINT_WRITTEN);
	record_free(r);
	assert_int_equal(tear_down(&fresh), 0);
}

static sqlite3 *lock(const struct world *w, const char *name)
{
	char *path = path_of(w, name);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	free(path);
	return db;
}

/* Another process holds the lock: told once, tried again, and told when it is over. */
static void waits_for_a_lock(void **state)
{
	struct world *w = *state;
	struct record *r;
	unsigned int age;
	sqlite3 *db;

	open_store(w, 0);
	r = make_record(w->store, "joe");
	age = store_decisions_age(w->store);
	db = lock(w, "decisions.db");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), -1);
	assert_non_null(store_trouble(w->store));
	assert_int_equal(store_put(w->store, &r, 1, at(1)), -1);
	assert_true(store_next(w->store).ms == at(10).ms);
	store_retry(w->store, at(9));
	assert_true(store_decisions_age(w->store) == age);
	store_retry(w->store, at(10));
	assert_true(store_decisions_age(w->store) > age);
	assert_int_equal(store_put(w->store, &r, 1, at(10)), -1);
	assert_string_equal(w->told, "-");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store_retry(w->store, at(20));
	assert_int_equal(store_put(w->store, &r, 1, at(20)), 0);
	assert_string_equal(w->told, "-+");
	assert_true(instant_is_none(store_next(w->store)));
	record_free(r);
	load(w);
	assert_int_equal(w->n_loaded, 1);
}

static void checkpoint_waits_for_a_lock(void **state)
{
	struct world *w = *state;
	sqlite3 *db;

	open_store(w, 0);
	assert_int_equal(checkpoint(w, "7 1 a;7 2 b;", true, 0), CHECKPOINT_WRITTEN);
	db = lock(w, "windows.db");
	assert_int_equal(checkpoint(w, "7 1 c;", false, 0), CHECKPOINT_FAILED);
	assert_true(store_wants_all(w->store));
	assert_true(store_is_closed(w->store));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	store_retry(w->store, at(10));
	assert_false(store_is_closed(w->store));
	assert_int_equal(checkpoint(w, "7 1 d;", true, 10), CHECKPOINT_WRITTEN);
	assert_string_equal(w->told, "-+");
	reopen(w, 11);
	assert_string_equal(restored(w), "7 1 d;");
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* No room: what was stored stays, what was not is put when there is room again. */
static void disk_is_full(void **state)
{
	struct world *w = *state;
	struct record *r;

	(void)signal(SIGXFSZ, SIG_IGN);
	open_store(w, 0);
	r = make_record(w->store, "joe");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), 0);
	assert_int_equal(checkpoint(w, "7 1 a;", true, 0), CHECKPOINT_WRITTEN);
	for (int i = 0; i < 20000; i++) {
		char id[QUEUE_ID_LONGEST];

		(void)snprintf(id, sizeof(id), "A%d", i);
		record_queue(r, id);
	}
	limit_files(128 * 1024);
	assert_int_equal(store_put(w->store, &r, 1, at(1)), -1);
	store_retry(w->store, at(11));
	assert_int_equal(store_put(w->store, &r, 1, at(11)), -1);
	limit_files(RLIM_INFINITY);
	assert_string_equal(w->told, "-");
	store_retry(w->store, at(21));
	load(w);
	assert_int_equal(w->loaded[0]->n_messages, 2);
	assert_int_equal(store_put(w->store, &r, 1, at(21)), 0);
	assert_string_equal(w->told, "-+");
	load(w);
	assert_int_equal(w->loaded[0]->n_messages, 20002);
	record_free(r);
}

/* The folder is not there, or not ours to write; later it is. */
static void folder_comes_later(void **state)
{
	struct world *w = *state;
	struct record *r;

	assert_int_equal(rmdir(w->dir), 0);
	open_store(w, 0);
	assert_string_equal(w->told, "--");
	assert_true(store_is_closed(w->store));
	r = make_record(w->store, "joe");
	assert_int_equal(r->id, T0); /* there may be a file, with numbers of its own */
	assert_int_equal(store_put(w->store, &r, 1, at(0)), -1);
	assert_int_equal(store_load(w->store, take, w), -1);
	assert_false(store_is_unread(w->store));
	assert_int_equal(store_restore(w->store, say_row, say_position, w), -1);
	assert_int_equal(mkdir(w->dir, 0700), 0);
	store_retry(w->store, at(10));
	assert_int_equal(store_put(w->store, &r, 1, at(10)), 0);
	assert_int_equal(checkpoint(w, "7 1 a;", true, 10), CHECKPOINT_WRITTEN);
	assert_string_equal(w->told, "--++");
	assert_true(store_is_unread(w->store));
	assert_int_equal(store_new_id(w->store), T0 + 1);
	load(w);
	assert_false(store_is_unread(w->store));
	record_free(r);
}

static void read_only(void **state)
{
	struct world *w = *state;

	if (geteuid() == 0)
		skip(); /* no folder is read-only to root */
	assert_int_equal(chmod(w->dir, 0500), 0);
	open_store(w, 0);
	assert_string_equal(w->told, "--");
	assert_int_equal(chmod(w->dir, 0700), 0);
	store_retry(w->store, at(10));
	assert_int_equal(store_put(w->store, NULL, 0, at(10)), 0);
	assert_string_equal(w->told, "--+");
}

/* A file of a later version is not touched. */
static void leaves_later_versions(void **state)
{
	struct world *w = *state;
	char *path = path_of(w, "decisions.db");
	struct record *r;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "CREATE TABLE a (b); PRAGMA user_version = 99", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	open_store(w, 0);
	assert_non_null(strstr(store_trouble(w->store), "later version"));
	r = make_record(w->store, "joe");
	assert_int_equal(store_put(w->store, &r, 1, at(0)), -1);
	store_retry(w->store, at(10));
	assert_int_equal(store_put(w->store, &r, 1, at(10)), -1);
	assert_string_equal(w->told, "-");
	assert_int_equal(access(path, F_OK), 0);
	record_free(r);
	free(path);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	struct CMUnitTest tests[COUNT(rounds) + COUNT(damages) + 13] = {
		WORLD_TEST(keeps_decisions),
		WORLD_TEST(puts_what_is_new),
		WORLD_TEST(remembers),
		WORLD_TEST(forgets_old_addresses),
		WORLD_TEST(keeps_small_things),
		WORLD_TEST(keeps_the_seed),
		WORLD_TEST(one_at_a_time),
		WORLD_TEST(waits_for_a_lock),
		WORLD_TEST(checkpoint_waits_for_a_lock),
		WORLD_TEST(disk_is_full),
		WORLD_TEST(folder_comes_later),
		WORLD_TEST(read_only),
		WORLD_TEST(leaves_later_versions),
	};
	size_t n = 13;

	ADD_ROWS(tests, n, rounds, saves);
	ADD_ROWS(tests, n, damages, sets_aside);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
