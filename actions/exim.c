/*
 * exim - what this user submits is refused, and what he has in the queue waits
 *
 * Refusing is an ACL's work (doc/exim.md has the lines), which looks the authenticated name up in
 * the file that is kept here: an lsearch file, `"NAME": decisions 12,15`, compared without regard
 * to case. Exim opens it anew for each message, also in a session that was open before.
 *
 * Messages are frozen by their ids, of which the engine knows whose they are. An id goes to
 * `frozen-DECISION` in the plugin's folder before it is frozen, and leaves it when Exim says that
 * it was frozen already or is gone: so whatever happens in between, the file has what the plugin
 * froze, and a release thaws no message that an administrator has frozen.
 *
 * BUGS: a message that is being delivered can't be frozen before that attempt is over; the item is
 * tried again then. Of two decisions that have the same message only the first will thaw it.
 */
#include "blocked.h"
#include "postern-action.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <time.h>

struct exim {
	const char *file, *exim;
	const char *const *realms;
	int freeze;
	const struct postern_host *host;
};

#define OPTION(kind, field, value, text)                                                        \
	{                                                                                       \
		.type = POSTERN_##kind, .name = #field, .offset = offsetof(struct exim, field), \
		.standard = (value), .help = (text)                                             \
	}

static const struct postern_option options[] = {
	OPTION(PATH, file, "/etc/exim4/postern-blocked", "the lookup file of blocked users"),
	OPTION(PATH, exim, "/usr/sbin/exim", "the program of Exim"),
	OPTION(LIST, realms, NULL, "names of these realms are blocked without them too"),
	OPTION(BOOL, freeze, "yes", "freeze the messages that the user has in the queue"),
	{ 0 },
};

enum {
	IDS_A_RUN = 500,      /* what one process is given */
	DELIVER_AT_ONCE = 20, /* of a release; the next queue run has the others */
	RECORD_DAYS = 90,     /* how long it is remembered what stayed frozen after a decision */
	RUN_S = 60,
};

/* -- the lookup file ------------------------------------------------------------------------- */

/* A key in quotes may hold anything; in it, quotes and backslashes are escaped (lsearch.c). */
static void line_of(char line[BLOCKED_PREFIX], const char *name)
{
	size_t n = 0;

	line[n++] = '"';
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			line[n++] = '\\';
		line[n++] = *name;
	}
	(void)snprintf(line + n, BLOCKED_PREFIX - n, "\": decisions ");
}

static bool name_of(char name[BLOCKED_PREFIX], const char *line)
{
	size_t n = 0;

	if (*line++ != '"')
		return false;
	for (; *line && *line != '"' && n < BLOCKED_PREFIX - 1; line++) {
		if (*line == '\\' && line[1])
			line++;
		name[n++] = *line;
	}
	name[n] = '\0';
	return strncmp(line, "\": decisions ", 13) == 0;
}

static const char *unfit(const char *name)
{
	return strlen(name) > 255 ? "this name is too long" : NULL;
}

static struct blocked blocked(const struct exim *x)
{
	return (struct blocked){ x->file, x->realms, line_of, name_of, unfit };
}

/* -- messages -------------------------------------------------------------------------------- */

/* 1xUd8y-00000x-0s, or as of Exim 4.97 1qzu2K-000000001q2-2bQl: base 62, of fixed lengths. */
static bool is_message_id(const char *id)
{
	size_t len = strlen(id), second = len == 23 ? 11 : 6;

	if ((len != 16 && len != 23) || id[6] != '-' || id[7 + second] != '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (i != 6 && i != 7 + second && !isalnum((unsigned char)id[i]))
			return false;
	return true;
}

/* What Exim said of one message; see queue_action() in its queue.c. */
enum outcome { CHANGED, AS_IT_WAS, GONE, BUSY };

struct verb {
	const char *option, *changed, *as_it_was;
};

static const struct verb freezing = { "-Mf", "is now frozen", "is already frozen" };
static const struct verb thawing = { "-Mt", "is no longer frozen", "is not frozen" };
static const struct verb removing = { "-Mrm", "has been removed", "has been removed or did" };

static enum outcome outcome(const char *output, const char *id, const struct verb *verb)
{
	static const char missing[] = "does not exist";
	const char *at = output;

	for (; (at = strstr(at, id)); at += strlen(id)) {
		const char *said = at + strlen(id) + 1;

		if (!said[-1])
			break;
		if (strncmp(said, verb->as_it_was, strlen(verb->as_it_was)) == 0)
			return AS_IT_WAS;
		if (strncmp(said, verb->changed, strlen(verb->changed)) == 0)
			return CHANGED;
		if (strncmp(said, missing, sizeof(missing) - 1) == 0 && verb != &removing)
			return GONE;
	}
	return BUSY;
}

/* Asks Exim for at most IDS_A_RUN messages; what becomes of each goes into `out`. */
static int act_on_some(const struct exim *x, const struct verb *verb, char *const *id, size_t n,
		       enum outcome *out, char *why, size_t size)
{
	const char *argv[IDS_A_RUN + 3] = { x->exim, verb->option };
	struct postern_run run = { .argv = argv, .timeout_s = RUN_S, .output_most = 256 * 1024 };
	int ret = -1;

	for (size_t i = 0; i < n; i++)
		argv[2 + i] = id[i];
	if (x->host->run(&run) == 0 && run.output && (run.status == 0 || run.output_len)) {
		for (size_t i = 0; i < n; i++)
			out[i] = outcome(run.output, id[i], verb);
		ret = 0;
	} else {
		(void)lines_say(why, size, "%s %s: %s", x->exim, verb->option,
				*run.error ? run.error : "it failed");
	}
	free(run.output);
	return ret;
}

static int act_on(const struct exim *x, const struct verb *verb, const struct lines *ids,
		  enum outcome *out, char *why, size_t size)
{
	for (size_t i = 0; i < ids->n; i += IDS_A_RUN) {
		size_t some = ids->n - i < IDS_A_RUN ? ids->n - i : IDS_A_RUN;

		if (act_on_some(x, verb, ids->line + i, some, out + i, why, size) < 0)
			return -1;
	}
	return 0;
}

static size_t count(const enum outcome *out, size_t n, enum outcome wanted)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += out[i] == wanted;
	return found;
}

/* -- what was frozen for which decision ------------------------------------------------------ */

static const char *record_path(const struct exim *x, uint64_t id, char path[LINES_PATH])
{
	(void)snprintf(path, LINES_PATH, "%s/frozen-%" PRIu64, x->host->state_dir, id);
	return path;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the item's ids to the record, those of it that are new last; returns how many were there. */
static size_t add_ids(struct lines *record, const struct postern_item *item)
{
	size_t known = record->n;
	struct lines fresh = { 0 };

	if (known)
		qsort(record->line, known, sizeof(*record->line), by_text);
	for (size_t i = 0; i < item->n_queue_ids; i++) {
		const char *id = item->queue_id[i];

		if (is_message_id(id) &&
		    !(known && bsearch(&id, record->line, known, sizeof(*record->line), by_text)))
			lines_add(&fresh, id, strlen(id));
	}
	for (size_t i = 0; i < fresh.n; i++)
		lines_add(record, fresh.line[i], strlen(fresh.line[i]));
	lines_free(&fresh);
	return known;
}

static int save(const struct lines *record, const char *path, char *why, size_t size)
{
	if (record->n)
		return lines_write(record, path, 0600, why, size);
	if (unlink(path) < 0 && errno != ENOENT)
		return lines_why(why, size, "remove", path);
	return 0;
}

/* Drops what is gone, and of the new ones what somebody else had frozen. */
static bool drop_foreign(struct lines *record, const enum outcome *out, size_t known)
{
	size_t kept = 0, n = record->n;

	for (size_t i = 0; i < n; i++) {
		char *id = record->line[i];

		if (out[i] == GONE || (out[i] == AS_IT_WAS && i >= known))
			free(id);
		else
			record->line[kept++] = id;
	}
	record->n = kept;
	return kept != n;
}

static void freeze(const struct exim *x, struct postern_item *item)
{
	char path[LINES_PATH], why[sizeof(item->text)];
	struct lines record = { 0 };
	enum outcome *out = NULL;
	size_t known, busy = 0;
	int ret;

	ret = lines_read(&record, record_path(x, item->id, path), why, sizeof(why));
	known = add_ids(&record, item);
	if (ret == 0 && record.n > known)
		ret = save(&record, path, why, sizeof(why));
	out = lines_alloc(NULL, record.n, sizeof(*out));
	if (ret == 0)
		ret = act_on(x, &freezing, &record, out, why, sizeof(why));
	if (ret == 0) {
		busy = count(out, record.n, BUSY);
		if (drop_foreign(&record, out, known))
			ret = save(&record, path, why, sizeof(why));
	}
	if (ret < 0)
		blocked_answer(item, POSTERN_RETRY, "%s", why);
	else if (busy)
		blocked_answer(item, POSTERN_RETRY,
			       "%zu messages are being delivered just now and not frozen yet",
			       busy);
	else if (record.n)
		blocked_answer(item, POSTERN_DONE, "%zu messages are frozen", record.n);
	free(out);
	lines_free(&record);
}

/*
 * A first attempt for a few, so that a release is seen to work. Not in an actuator, which has neither
 * the rights nor the folders that a delivery may need.
 */
static void deliver(const struct exim *x, const struct lines *record)
{
	const char *argv[DELIVER_AT_ONCE + 3] = { x->exim, "-Mc" };
	struct postern_run run = { .argv = argv, .timeout_s = RUN_S };

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return;
	for (size_t i = 0; i < record->n && i < DELIVER_AT_ONCE; i++)
		argv[2 + i] = record->line[i];
	(void)x->host->run(&run);
	free(run.output);
}

/* What a release does to the messages, and how it is told. */
static const struct {
	const struct verb *verb;
	const char *told;
} releases[] = {
	[POSTERN_KEEP] = { &freezing, "stay frozen" },
	[POSTERN_RELEASE] = { &thawing, "are thawed" },
	[POSTERN_PURGE] = { &removing, "were deleted" },
};

static void release_some(const struct exim *x, struct postern_item *item, struct lines *record,
			 const char *path)
{
	const struct verb *verb = releases[item->release].verb;
	enum outcome *out = lines_alloc(NULL, record->n, sizeof(*out));
	char why[sizeof(item->text)];
	size_t changed;

	if (act_on(x, verb, record, out, why, sizeof(why)) < 0) {
		blocked_answer(item, POSTERN_RETRY, "%s", why);
		goto out;
	}
	changed = count(out, record->n, item->release == POSTERN_KEEP ? AS_IT_WAS : CHANGED);
	blocked_answer(item, POSTERN_DONE, "%zu messages %s", changed,
		       releases[item->release].told);
	if (count(out, record->n, BUSY))
		blocked_answer(item, POSTERN_RETRY, "Exim is at work on %zu of the messages",
			       count(out, record->n, BUSY));
	else if (item->release != POSTERN_KEEP && unlink(path) < 0 && errno != ENOENT)
		blocked_answer(item, POSTERN_RETRY, "remove %s: %s", path, strerror(errno));
	if (item->release == POSTERN_RELEASE && changed)
		deliver(x, record);
out:
	free(out);
}

static void release(const struct exim *x, struct postern_item *item)
{
	char path[LINES_PATH], why[sizeof(item->text)];
	struct lines record = { 0 };

	if (lines_read(&record, record_path(x, item->id, path), why, sizeof(why)) < 0)
		blocked_answer(item, POSTERN_RETRY, "%s", why);
	else if (record.n)
		release_some(x, item, &record, path);
	lines_free(&record);
}

/* -- the plugin ------------------------------------------------------------------------------ */

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	const struct exim *x = ctx;
	const struct blocked names = blocked(x);

	blocked_edit(&names, items, n, true);
	for (size_t i = 0; x->freeze && i < n; i++)
		if (items[i].result == POSTERN_DONE && items[i].n_queue_ids)
			freeze(x, &items[i]);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	const struct exim *x = ctx;
	const struct blocked names = blocked(x);

	blocked_edit(&names, items, n, false);
	for (size_t i = 0; i < n; i++)
		if (items[i].result == POSTERN_DONE)
			release(x, &items[i]);
}

static int list(void *ctx, postern_list *to_list, void *to, char *why, size_t size)
{
	const struct blocked names = blocked(ctx);

	return blocked_list(&names, to_list, to, why, size);
}

/* Records of messages that nobody released: Exim itself has given up on them long ago. */
static void forget_old(const struct exim *x, time_t now)
{
	DIR *dir = opendir(x->host->state_dir);
	struct dirent *entry;
	struct stat st;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "frozen-", 7) == 0 &&
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtime < now - RECORD_DAYS * 86400L)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

static int on_open(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct exim *x = ctx;
	const struct blocked names = blocked(x);

	x->host = host;
	forget_old(x, time(NULL));
	return blocked_create(&names, why, size);
}

/* Exim shows its whole configuration, but to its administrators only. */
static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct exim *x = ctx;
	const struct blocked names = blocked(x);
	const char *argv[] = { x->exim, "-bP", "config", NULL };
	struct postern_run run = { .argv = argv, .output_most = 4 << 20 };
	char text[1024] = "";

	if (host->run(&run) < 0 || run.status != 0)
		(void)snprintf(text, sizeof(text),
			       "%s -bP config does not show the configuration: %s", x->exim,
			       run.error);
	else if (!run.output || !strstr(run.output, x->file))
		(void)snprintf(text, sizeof(text),
			       "no ACL of Exim looks users up in %s: add the lines of doc/exim.md",
			       x->file);
	else
		blocked_check(&names, "exim", "Exim refuses all who have logged in", complain, to);
	if (*text)
		complain(to, text);
	free(run.output);
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "exim",
	.summary = "has Exim refuse what a user submits, and freezes what he has in the queue",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_QUEUE_IDS,
	/* Exim, set-user-ID root, becomes its own user, and at a delivery the recipient. */
	.capabilities = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_DAC_OVERRIDE |
			1ULL << CAP_CHOWN | 1ULL << CAP_FOWNER,
	.timeout_s = 300,
	.options = options,
	.ctx_size = sizeof(struct exim),
	.open = on_open,
	.apply = apply,
	.lift = lift,
	.list = list,
	.check = check,
};
