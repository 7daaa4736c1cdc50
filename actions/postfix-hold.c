/*
 * postfix-hold - what a stolen account has in Postfix's queue waits there until somebody decides
 *
 * postern knows from the log which messages are the account's: their queue ids are given, and what
 * of them `postqueue -j` shows as incoming, active or deferred goes on hold, with one
 * `postsuper -h -` for all. Then the queue is looked at again: a message may have moved under our
 * hands, and is tried once more; one that is gone was delivered, and nobody's fault. Nothing is
 * ever passed to postsuper but what Postfix itself has just listed, so no text from outside is.
 *
 * Which messages a decision holds is on the disk before they are held, one id a line in a file
 * that is called like the decision. So a release, a year and many crashes later, is of exactly
 * these; mail that an administrator had put on hold was on hold when we looked, and is not ours.
 *
 * The log tells a queue id while the message is still being received, and Postfix lists it only
 * when it is complete. So for one that is in incoming but not ready apply() waits a moment, and
 * has itself called again if that was not enough.
 *
 * Released mail goes to the deferred queue (`postsuper -H`) as it was: what was on its way to a
 * content filter goes there, and what came back from it does not go there again, as it would
 * if it were queued anew (`-r`).
 *
 * BUGS: mail on hold has no end, so holding stops where the disk has little space left. Where
 * incoming is one of hash_queue_names a message that is being received is not seen, and passes.
 * Short queue ids are used again: what postern believes to be the account's was it when its log
 * line was read.
 */
#include "lines.h"
#include "postconf.h"
#include "postern-action.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <linux/capability.h>
#include <sys/statvfs.h>
#include <syslog.h>
#include <time.h>

enum {
	ROUNDS = 3,           /* of holding what was still waiting */
	RECEIVE_WAITS = 10,   /* looks at messages that are being received, */
	RECEIVE_WAIT_MS = 50, /* and the time between */
	LINE_MOST = 256,      /* of one message's JSON: the two names that count come first */
	KEEP_S = 24 * 3600,   /* a file that is younger may be another process's work */
};

struct hold {
	const char *postsuper, *postqueue, *postconf, *config_directory, *free_least;
	int64_t most;
	/* What open() makes of them. */
	const struct postern_host *host;
	uint64_t free_bytes; /* one of these two is 0 */
	unsigned int free_percent;
	char *queue; /* Postfix's queue_directory */
};

enum place {
	GONE,    /* delivered, deleted, or not complete yet */
	WAITING, /* to be delivered */
	HELD,
};

/* One queue id of one item. */
struct message {
	const char *id;
	struct postern_item *item;
	enum place place;
	bool surplus; /* beyond what one decision may hold */
};

struct batch {
	struct message *message; /* sorted by id */
	size_t n, cap;
};

static void answer(struct postern_item *item, enum postern_result result, const char *text)
{
	item->result = result;
	(void)snprintf(item->text, sizeof(item->text), "%s", text);
}

static void batch_add(struct batch *b, const char *id, struct postern_item *item)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 64;
		b->message = lines_alloc(b->message, b->cap, sizeof(*b->message));
	}
	b->message[b->n++] = (struct message){ .id = id, .item = item };
}

static int by_id(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static int by_id_and_item(const void *a, const void *b)
{
	const struct message *x = a, *y = b;
	int order = by_id(x, y);

	return order ? order : (x->item > y->item) - (x->item < y->item);
}

/* In order, each id of an item once. */
static void batch_sort(struct batch *b)
{
	size_t n = 0;

	if (b->n)
		qsort(b->message, b->n, sizeof(*b->message), by_id_and_item);
	for (size_t i = 0; i < b->n; i++)
		if (i == 0 || by_id_and_item(&b->message[n - 1], &b->message[i]) != 0)
			b->message[n++] = b->message[i];
	b->n = n;
}

/* How many are at this place; of one item, or of all where `item` is NULL. */
static size_t batch_count(const struct batch *b, const struct postern_item *item, enum place place)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->message[i].place == place && (!item || b->message[i].item == item) &&
		     !b->message[i].surplus;
	return n;
}

/* -- the queue ------------------------------------------------------------------------------- */

/* `postqueue -j` as it comes: one object a line, of which the beginning is kept. */
struct listing {
	struct batch *batch;
	char line[LINE_MOST + 1];
	size_t len;
	size_t unread; /* lines that could not be read */
};

/* Takes `"key": "value"` and the comma behind it off the text; the value ends in a NUL then. */
static char *take_value(char **text, const char *key)
{
	size_t len = strlen(key);
	char *p = *text + strspn(*text, " \t{"), *value, *end;

	if (p[0] != '"' || strncmp(p + 1, key, len) != 0 || p[len + 1] != '"')
		return NULL;
	p += len + 2;
	p += strspn(p, " \t");
	if (*p++ != ':')
		return NULL;
	p += strspn(p, " \t");
	if (*p++ != '"')
		return NULL;
	value = p;
	end = value + strcspn(value, "\"\\");
	if (*end != '"')
		return NULL;
	*end = '\0';
	*text = end + 1 + strspn(end + 1, " \t,");
	return value;
}

static enum place place_of(const char *queue)
{
	if (strcmp(queue, "hold") == 0)
		return HELD;
	return strcmp(queue, "incoming") == 0 || strcmp(queue, "active") == 0 ||
			       strcmp(queue, "deferred") == 0
		       ? WAITING
		       : GONE;
}

/* A message that moves while the queue is listed may be in it twice: where it is last counts. */
static void take_message(struct listing *l)
{
	char *text = l->line, *queue, *id = NULL;
	struct message wanted = { 0 }, *found;

	l->line[l->len] = '\0';
	queue = take_value(&text, "queue_name");
	if (queue)
		id = take_value(&text, "queue_id");
	if (!id) {
		l->unread++;
		return;
	}
	wanted.id = id;
	found = l->batch->n
			? bsearch(&wanted, l->batch->message, l->batch->n, sizeof(wanted), by_id)
			: NULL;
	if (!found)
		return;
	while (found > l->batch->message && strcmp(found[-1].id, id) == 0)
		found--;
	for (; found < l->batch->message + l->batch->n && strcmp(found->id, id) == 0; found++)
		found->place = place_of(queue);
}

static void on_listing(void *to, const char *bytes, size_t len)
{
	struct listing *l = to;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			take_message(l);
			l->len = 0;
		} else if (l->len < LINE_MOST) {
			l->line[l->len++] = bytes[i];
		}
	}
}

/* Where each message of the batch is now. */
static int look(const struct hold *h, struct batch *b, char *why, size_t size)
{
	static const char *const words[] = { "-j", NULL };
	struct listing listing = { .batch = b };
	struct postern_run run = { .on_output = on_listing, .to = &listing };
	int status;

	for (size_t i = 0; i < b->n; i++)
		b->message[i].place = GONE;
	status = postfix_run(h->host, &run, h->postqueue, h->config_directory, words, why, size);
	free(run.output);
	if (status != 0)
		return -1;
	if (listing.unread || listing.len)
		return why_not(why, size,
			       "%s -j: expected a queue_name and a queue_id in each line",
			       h->postqueue);
	return 0;
}

/* `postsuper WORD...` with the ids at `place` on standard input; `release`: of such items alone. */
static int super(const struct hold *h, const struct batch *b, enum place place, int release,
		 const char *const words[], char *why, size_t size)
{
	char *ids = NULL;
	size_t len = 0, n = 0;
	FILE *out = open_memstream(&ids, &len);
	struct postern_run run = { 0 };
	int status = 0;

	if (!out)
		abort();
	for (size_t i = 0; i < b->n; i++) {
		const struct message *m = &b->message[i];

		if (m->place == place && !m->surplus &&
		    (release < 0 || (int)m->item->release == release))
			n += fprintf(out, "%s\n", m->id) > 0;
	}
	if (fclose(out) != 0)
		abort();
	run.input = ids;
	run.input_len = len;
	if (n)
		status = postfix_run(h->host, &run, h->postsuper, h->config_directory, words, why,
				     size);
	free(run.output);
	free(ids);
	return status == 0 ? 0 : -1;
}

/* Is any of the messages that are in no list being received? It lacks the bit that says "ready". */
static bool is_received(const struct hold *h, const struct batch *b,
			const struct postern_item *item)
{
	char path[LINES_PATH];
	struct stat st;

	for (size_t i = 0; i < b->n; i++) {
		const struct message *m = &b->message[i];

		if (m->place != GONE || (item && m->item != item) || strchr(m->id, '/'))
			continue;
		if (snprintf(path, sizeof(path), "%s/incoming/%s", h->queue, m->id) <
			    (int)sizeof(path) &&
		    stat(path, &st) == 0 && !(st.st_mode & S_IXUSR))
			return true;
	}
	return false;
}

/* -- what is remembered ---------------------------------------------------------------------- */

static void path_of(const struct hold *h, uint64_t decision, char path[LINES_PATH])
{
	int len = snprintf(path, LINES_PATH, "%s/%" PRIu64, h->host->state_dir, decision);

	assert(len < LINES_PATH);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The item's messages that wait, as far as it may hold them, get into its file. */
static int remember_item(const struct hold *h, struct batch *b, struct postern_item *item,
			 char *why, size_t size)
{
	struct lines file = { 0 };
	char path[LINES_PATH];
	size_t known;
	int ret;

	path_of(h, item->id, path);
	ret = lines_read(&file, path, why, size);
	known = file.n;
	if (known)
		qsort(file.line, known, sizeof(*file.line), by_text);
	for (size_t i = 0; ret == 0 && i < b->n; i++) {
		struct message *m = &b->message[i];

		if (m->item != item || m->place != WAITING || m->surplus ||
		    (known && bsearch(&m->id, file.line, known, sizeof(*file.line), by_text)))
			continue;
		m->surplus = file.n >= (uint64_t)h->most;
		if (!m->surplus)
			lines_add(&file, m->id, strlen(m->id));
	}
	if (ret == 0 && file.n > known)
		ret = lines_write(&file, path, 0600, why, size);
	lines_free(&file);
	return ret;
}

static int remember(const struct hold *h, struct batch *b, struct postern_item *items, size_t n,
		    char *why, size_t size)
{
	for (size_t i = 0; i < n; i++)
		if (remember_item(h, b, &items[i], why, size) < 0)
			return -1;
	return 0;
}

static void forget(const struct hold *h, uint64_t decision)
{
	char path[LINES_PATH];

	path_of(h, decision, path);
	(void)unlink(path);
}

/* -- space ----------------------------------------------------------------------------------- */

/* "512M", "2G", "5%" */
static int take_free_least(struct hold *h, char *why, size_t size)
{
	static const char units[] = "KMGT";
	char *end;
	unsigned long long number = strtoull(h->free_least, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	bool good = isdigit((unsigned char)h->free_least[0]) && number <= 1 << 23;
	bool percent = good && strcmp(end, "%") == 0 && number < 100;
	bool bytes = good && unit && !end[1];

	h->free_percent = percent ? (unsigned int)number : 0;
	h->free_bytes = bytes ? number << (10 * (unit - units + 1)) : 0;
	if (!percent && !bytes)
		return why_not(why, size,
			       "free_least: expected like \"512M\", \"2G\" or \"5%%\", not \"%s\"",
			       h->free_least);
	return 0;
}

/* 0 where there is room for mail that stays. */
static int check_space(const struct hold *h, char *why, size_t size)
{
	struct statvfs fs;
	uint64_t available, least;

	assert(h->queue);
	if (statvfs(h->queue, &fs) < 0)
		return why_not(why, size, "%s: %s", h->queue, strerror(errno));
	available = (uint64_t)fs.f_bavail * fs.f_frsize;
	least = h->free_percent ? (uint64_t)fs.f_blocks * fs.f_frsize / 100 * h->free_percent
				: h->free_bytes;
	if (available >= least)
		return 0;
	return why_not(why, size,
		       "no mail is put on hold: %" PRIu64
		       " MB are free in %s, and free_least is %s",
		       available >> 20, h->queue, h->free_least);
}

/* -- apply ----------------------------------------------------------------------------------- */

/* Gives messages that are being received a moment to become complete. */
static int look_and_wait(const struct hold *h, struct batch *b, char *why, size_t size)
{
	const struct timespec moment = { .tv_nsec = RECEIVE_WAIT_MS * 1000000L };

	if (look(h, b, why, size) < 0)
		return -1;
	if (!is_received(h, b, NULL))
		return 0;
	for (int i = 0; i < RECEIVE_WAITS && is_received(h, b, NULL); i++)
		(void)nanosleep(&moment, NULL);
	return look(h, b, why, size);
}

static int hold_all(const struct hold *h, struct batch *b, struct postern_item *items, size_t n,
		    char *why, size_t size)
{
	static const char *const words[] = { "-h", "-", NULL };

	if (look_and_wait(h, b, why, size) < 0)
		return -1;
	for (int round = 0; batch_count(b, NULL, WAITING); round++) {
		if (round == ROUNDS)
			return why_not(why, size, "%zu messages are not on hold yet",
				       batch_count(b, NULL, WAITING));
		if (check_space(h, why, size) < 0) {
			h->host->log(LOG_WARNING, "%s", why);
			return -1;
		}
		if (remember(h, b, items, n, why, size) < 0 ||
		    super(h, b, WAITING, -1, words, why, size) < 0 || look(h, b, why, size) < 0)
			return -1;
	}
	return 0;
}

static void answer_held(const struct hold *h, const struct batch *b, struct postern_item *item)
{
	size_t held = batch_count(b, item, HELD), gone = batch_count(b, item, GONE);
	size_t surplus = 0;
	char text[sizeof(item->text)] = "";

	for (size_t i = 0; i < b->n; i++)
		surplus += b->message[i].item == item && b->message[i].surplus;
	if (surplus) {
		(void)snprintf(text, sizeof(text),
			       "%" PRId64 " messages are held, no more are (most): %zu are not",
			       h->most, surplus);
		answer(item, POSTERN_FAILED, text);
	} else if (is_received(h, b, item)) {
		answer(item, POSTERN_RETRY, "a message is still being received");
	} else if (held || gone) {
		(void)snprintf(text, sizeof(text), "%zu on hold, %zu no longer in the queue", held,
			       gone);
		answer(item, POSTERN_DONE, text);
	}
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	const struct hold *h = ctx;
	struct batch batch = { 0 };
	char why[sizeof(items->text)];
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < items[i].n_queue_ids; k++)
			batch_add(&batch, items[i].queue_id[k], &items[i]);
	batch_sort(&batch);
	if (batch.n)
		ret = hold_all(h, &batch, items, n, why, sizeof(why));
	for (size_t i = 0; i < n; i++) {
		if (ret == 0)
			answer_held(h, &batch, &items[i]);
		else if (items[i].n_queue_ids)
			answer(&items[i], POSTERN_RETRY, why);
	}
	free(batch.message);
}

/* -- lift ------------------------------------------------------------------------------------ */

/* What is to become of a file's messages, and what is said when that is done. */
static const struct {
	const char *words[4]; /* of postsuper; none: nothing is done */
	const char *done;
} ways[] = {
	[POSTERN_KEEP] = { { NULL },
			   "stay on hold: \"postern unban USER --release\" or \"--purge\" ends "
			   "that" },
	[POSTERN_RELEASE] = { { "-H", "-", NULL }, "were queued again" },
	[POSTERN_PURGE] = { { "-d", "-", "hold", NULL }, "were deleted" },
};

static int lift_all(const struct hold *h, struct batch *b, size_t *counts,
		    const struct postern_item *items, size_t n, char *why, size_t size)
{
	if (look(h, b, why, size) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		counts[i] = batch_count(b, &items[i], HELD);
	for (int way = POSTERN_RELEASE; way <= POSTERN_PURGE; way++)
		if (super(h, b, HELD, way, ways[way].words, why, size) < 0)
			return -1;
	return look(h, b, why, size);
}

static void answer_lifted(const struct hold *h, const struct batch *b, struct postern_item *item,
			  size_t count)
{
	size_t left = batch_count(b, item, HELD);
	char text[sizeof(item->text)];

	if (item->release != POSTERN_KEEP && left) {
		(void)snprintf(text, sizeof(text), "%zu messages are on hold still", left);
		answer(item, POSTERN_RETRY, text);
		return;
	}
	if (!left)
		forget(h, item->id);
	if (!count)
		return;
	(void)snprintf(text, sizeof(text), "%zu messages %s", count, ways[item->release].done);
	answer(item, POSTERN_DONE, text);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	const struct hold *h = ctx;
	struct lines *files = lines_alloc(NULL, n, sizeof(*files));
	size_t *counts = lines_alloc(NULL, n, sizeof(*counts));
	struct batch batch = { 0 };
	char why[sizeof(items->text)], path[LINES_PATH];
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		files[i] = (struct lines){ 0 };
		counts[i] = 0;
		path_of(h, items[i].id, path);
		if (lines_read(&files[i], path, why, sizeof(why)) < 0)
			answer(&items[i], POSTERN_RETRY, why);
		for (size_t k = 0; k < files[i].n; k++)
			batch_add(&batch, files[i].line[k], &items[i]);
	}
	batch_sort(&batch);
	if (batch.n)
		ret = lift_all(h, &batch, counts, items, n, why, sizeof(why));
	for (size_t i = 0; i < n; i++) {
		if (ret < 0 && files[i].n)
			answer(&items[i], POSTERN_RETRY, why);
		else if (items[i].result == POSTERN_DONE)
			answer_lifted(h, &batch, &items[i], counts[i]);
		lines_free(&files[i]);
	}
	free(batch.message);
	free(counts);
	free(files);
}

/* -- open and check -------------------------------------------------------------------------- */

/* Postfix's queue_directory, for the caller to free; NULL and why. */
static char *find_queue(const struct hold *h, const struct postern_host *host, char *why,
			size_t size)
{
	static const char *const words[] = { "-xh", "queue_directory", NULL };
	struct postern_run run = { 0 };

	if (postfix_run(host, &run, h->postconf, h->config_directory, words, why, size) != 0) {
		free(run.output);
		return NULL;
	}
	run.output[strcspn(run.output, "\n")] = '\0';
	return run.output;
}

/* Forgets a decision of which no message is on hold any more, if it is an old one. */
static void prune_file(const struct hold *h, const char *name)
{
	struct batch batch = { 0 };
	struct lines file = { 0 };
	char path[LINES_PATH], why[256];
	struct stat st;

	if (!*name || strspn(name, "0123456789") != strlen(name) ||
	    snprintf(path, sizeof(path), "%s/%s", h->host->state_dir, name) >= (int)sizeof(path) ||
	    stat(path, &st) < 0 || time(NULL) - st.st_mtime < KEEP_S ||
	    lines_read(&file, path, why, sizeof(why)) < 0)
		return;
	for (size_t i = 0; i < file.n; i++)
		batch_add(&batch, file.line[i], NULL);
	batch_sort(&batch);
	if (look(h, &batch, why, sizeof(why)) == 0 && !batch_count(&batch, NULL, HELD))
		(void)unlink(path);
	free(batch.message);
	lines_free(&file);
}

static void prune(const struct hold *h)
{
	DIR *dir = opendir(h->host->state_dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		prune_file(h, entry->d_name);
	if (dir)
		(void)closedir(dir);
}

static int open_hold(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct hold *h = ctx;

	h->host = host;
	if (take_free_least(h, why, size) < 0)
		return -1;
	h->queue = find_queue(h, host, why, size);
	if (!h->queue)
		return -1;
	prune(h);
	return 0;
}

static void close_hold(void *ctx)
{
	struct hold *h = ctx;

	free(h->queue);
}

static void check_program(const char *path, postern_complain *complain, void *to)
{
	char text[512];

	if (access(path, X_OK) == 0)
		return;
	(void)snprintf(text, sizeof(text), "%.400s: %s", path, strerror(errno));
	complain(to, text);
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	struct hold h = *(const struct hold *)ctx;
	char why[512];

	h.host = host;
	check_program(h.postsuper, complain, to);
	check_program(h.postqueue, complain, to);
	if (geteuid() != 0)
		complain(to, "postsuper works for root alone");
	if (take_free_least(&h, why, sizeof(why)) < 0) {
		complain(to, why);
		return;
	}
	h.queue = find_queue(&h, host, why, sizeof(why));
	if (!h.queue || check_space(&h, why, sizeof(why)) < 0)
		complain(to, why);
	free(h.queue);
}

#define OPTION(kind, field, value, text)                                                        \
	{                                                                                       \
		.type = POSTERN_##kind, .name = #field, .offset = offsetof(struct hold, field), \
		.standard = (value), .help = (text)                                             \
	}

static const struct postern_option options[] = {
	OPTION(PATH, config_directory, NULL,
	       "where main.cf is, where that isn't Postfix's own place"),
	OPTION(TEXT, free_least, "512M",
	       "what has to stay free where the queue is, or nothing is held"),
	{ .type = POSTERN_NUMBER,
	  .name = "most",
	  .offset = offsetof(struct hold, most),
	  .standard = "50000",
	  .help = "messages that one decision holds",
	  .least = 1,
	  .most = 1000000 },
	OPTION(PATH, postsuper, "/usr/sbin/postsuper", "Postfix's program that holds and releases"),
	OPTION(PATH, postqueue, "/usr/sbin/postqueue", "Postfix's program that lists the queue"),
	OPTION(PATH, postconf, "/usr/sbin/postconf",
	       "Postfix's program that shows its configuration"),
	{ 0 },
};

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "postfix-hold",
	.summary = "the account's mail in Postfix's queue is put on hold",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_QUEUE_IDS,
	/* postsuper is root's and becomes Postfix's own user. */
	.capabilities = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER | 1ULL << CAP_SETUID |
			1ULL << CAP_SETGID,
	.timeout_s = 120,
	.options = options,
	.ctx_size = sizeof(struct hold),
	.open = open_hold,
	.close = close_hold,
	.apply = apply,
	.lift = lift,
	.check = check,
};
