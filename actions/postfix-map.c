/*
 * postfix-map - Postfix refuses what a stolen account sends, and nothing else changes for it
 *
 * An access(5) table gets a line `account REJECT text`; Postfix asks it for the SASL name of
 * each client (check_sasl_access). Mail to the account is still delivered and can be read. How
 * the lines live among an administrator's own is told in access.h.
 *
 * A batch is one new file beside the old one, renamed over it, and one run of postmap(1), in no
 * second more than one: Postfix notices a new hash or cdb file by its mtime, in whole seconds.
 * A texthash is read by no more than a new process, so for one Postfix is told to reload instead.
 * Where postmap fails the source keeps its new lines: the next call finds the table behind them,
 * and makes it anew. `postmap -q` has the last word on what is in force.
 *
 * BUGS: ACLs and extended attributes of the source are not carried over. An editor that had the
 * file open before a line came will write it back without that line; apply() puts it there again
 * when postern next looks after the world.
 */
#include "access.h"
#include "postconf.h"
#include "postern-action.h"

#include <assert.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <time.h>

enum {
	ANSWER_MOST = 16 << 20, /* bytes that `postmap -q` may say of one batch */
	RESULT_MOST = 400,      /* bytes: an SMTP reply's line has 512 */
};

/* How a type of table behaves; see postmap(1) and DATABASE_README. */
static const struct kind {
	const char *name;
	const char *suffix; /* of the file that postmap makes; NULL: Postfix reads the source */
	bool at_once;       /* seen by sessions that are open already */
} kinds[] = {
	{ "lmdb", ".lmdb", true }, { "cdb", ".cdb", false },    { "hash", ".db", false },
	{ "btree", ".db", false }, { "texthash", NULL, false },
};

struct map {
	const char *map, *result, *postmap, *postconf, *postfix, *config_directory;
	const char *const *realms;
	/* What open() makes of them. */
	const struct postern_host *host;
	const struct kind *kind;
	const char *path; /* the source, as the table's name has it */
	bool is_stale;    /* Postfix may have read another source than there is: it has to reload */
	bool no_utf8;     /* smtputf8_enable is off: Postfix changes names beyond ASCII */
};

/* The source, read, in a folder that no other postern writes to meanwhile. */
struct source {
	char path[LINES_PATH]; /* without symbolic links */
	int lock;
	struct stat stat; /* st_nlink is 0 where there is none yet */
	struct text text;
};

/* An item keeps the worst that came of its names. */
__attribute__((format(printf, 3, 4))) static void answer(struct postern_item *item,
							 enum postern_result result,
							 const char *fmt, ...)
{
	va_list args;

	if (result < item->result || (result == item->result && item->text[0]))
		return;
	item->result = result;
	va_start(args, fmt);
	(void)vsnprintf(item->text, sizeof(item->text), fmt, args);
	va_end(args);
}

static bool is_ascii(const char *key)
{
	while (*key && !(*key & 0x80))
		key++;
	return !*key;
}

/* What is to be there, or to go; items that can't be expressed are answered and left out. */
static struct want *wants_of(const struct map *map, struct postern_item *items, size_t n,
			     size_t *n_wants)
{
	struct want *wants = lines_alloc(NULL, n * ACCESS_KEYS, sizeof(*wants));
	char keys[ACCESS_KEYS][ACCESS_KEY + 1];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		const char *why = items[i].user ? access_problem(items[i].user) : "there is none";
		size_t n_keys = why ? 0 : access_keys(map->realms, items[i].user, keys);

		if (!why && map->no_utf8 && !is_ascii(items[i].user))
			why = "with smtputf8_enable = no Postfix looks up another one", n_keys = 0;
		if (why)
			answer(&items[i], POSTERN_FAILED, "the name can't be put into %s: %s",
			       map->map, why);
		for (size_t k = 0; k < n_keys; k++) {
			struct want *want = &wants[used++];

			*want = (struct want){ .account = items[i].user, .item = &items[i] };
			memcpy(want->key, keys[k], sizeof(want->key));
		}
	}
	qsort(wants, used, sizeof(*wants), by_account);
	*n_wants = used;
	return wants;
}

/* -- the source ------------------------------------------------------------------------------ */

static bool is_still_there(const struct source *source)
{
	const struct stat *old = &source->stat;
	struct stat now;

	if (stat(source->path, &now) < 0)
		return errno == ENOENT && !old->st_nlink;
	return now.st_dev == old->st_dev && now.st_ino == old->st_ino &&
	       now.st_size == old->st_size && now.st_mtim.tv_sec == old->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == old->st_mtim.tv_nsec;
}

/* One that isn't there is empty, and will be readable for its owner's group. */
static int source_read(struct source *source, char *why, size_t size)
{
	int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno == ENOENT) {
		source->stat =
			(struct stat){ .st_mode = 0640, .st_uid = geteuid(), .st_gid = getegid() };
		source->text.bytes = lines_alloc(NULL, 1, 1);
		return 0;
	}
	if (fd < 0)
		return lines_why(why, size, "open", source->path);
	if (fstat(fd, &source->stat) < 0)
		lines_why(why, size, "stat", source->path);
	else
		source->text.bytes = lines_slurp(fd, source->path, &source->text.len, why, size);
	(void)close(fd);
	return source->text.bytes ? 0 : -1;
}

static void source_close(struct source *source)
{
	(void)close(source->lock);
	free(source->text.bytes);
}

/* On success the caller closes it. */
static int source_open(const struct map *map, struct source *source, char *why, size_t size)
{
	char *real = realpath(map->path, NULL);
	int len;

	*source = (struct source){ .lock = -1 };
	if (!real && errno != ENOENT)
		return lines_why(why, size, "find", map->path);
	len = snprintf(source->path, sizeof(source->path), "%s", real ? real : map->path);
	free(real);
	if (len >= (int)sizeof(source->path)) {
		errno = ENAMETOOLONG;
		return lines_why(why, size, "find", map->path);
	}
	source->lock = lines_lock(source->path, why, size);
	if (source->lock < 0)
		return -1;
	if (source_read(source, why, size) == 0)
		return 0;
	source_close(source);
	return -1;
}

static int write_all(int fd, struct text text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.bytes, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text.bytes += n;
		text.len -= (size_t)n;
	}
	return 0;
}

/* The new text, with the owner and the mode of the source, is on the disk. */
static int fill(const struct source *source, int fd, struct text text)
{
	const struct stat *old = &source->stat;
	bool good = write_all(fd, text) == 0 &&
		    ((old->st_uid == geteuid() && old->st_gid == getegid()) ||
		     fchown(fd, old->st_uid, old->st_gid) == 0) &&
		    fchmod(fd, old->st_mode & 07777) == 0 && fsync(fd) == 0;

	return close(fd) == 0 && good ? 0 : -1;
}

/* The new text takes the place of the old, or nothing changes. */
static int source_replace(const struct source *source, struct text text, char *why, size_t size)
{
	char fresh[LINES_PATH];
	int fd;

	if (snprintf(fresh, sizeof(fresh), "%s.postern-new", source->path) >= (int)sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return lines_why(why, size, "write", source->path);
	}
	(void)unlink(fresh); /* of a process that was killed: we have the lock */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return lines_why(why, size, "make", fresh);
	if (fill(source, fd, text) < 0)
		lines_why(why, size, "write", fresh);
	else if (!is_still_there(source))
		why_not(why, size, "%s: somebody else has just changed it", source->path);
	else if (rename(fresh, source->path) < 0 || lines_sync_folder(source->path) < 0)
		lines_why(why, size, "replace", source->path);
	else
		return 0;
	(void)unlink(fresh);
	return -1;
}

/* -- the table ------------------------------------------------------------------------------- */

/* The file in which Postfix looks; false where there is none. */
static bool table_stat(const struct map *map, struct stat *stat_)
{
	char path[LINES_PATH];

	return snprintf(path, sizeof(path), "%s%s", map->path,
			map->kind->suffix ? map->kind->suffix : "") < (int)sizeof(path) &&
	       stat(path, stat_) == 0;
}

/* Two tables made in one second have the same mtime, and Postfix would go on with the first. */
static void wait_for_next_second(const struct map *map)
{
	struct timespec now;
	struct stat table;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (!table_stat(map, &table) || table.st_mtim.tv_sec != now.tv_sec)
		return;
	(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000000 - now.tv_nsec }, NULL);
}

static int table_make(const struct map *map, char *why, size_t size)
{
	const char *const words[] = { map->map, NULL };
	static const char *const reload[] = { "reload", NULL };
	bool is_made = map->kind->suffix != NULL;
	struct postern_run job = { 0 };
	int status;

	if (is_made)
		wait_for_next_second(map);
	status = postfix_run(map->host, &job, is_made ? map->postmap : map->postfix,
			     map->config_directory, is_made ? words : reload, why, size);
	free(job.output);
	return status == 0 ? 0 : -1;
}

/* What `postmap -q -` printed, "key TAB value" for those that are there in the order asked for. */
static void read_values(char *output, struct want *wants, size_t n)
{
	char *line = output;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(wants[i].key);
		char *newline = line ? strchr(line, '\n') : NULL;

		wants[i].value = NULL;
		if (!newline || strncmp(line, wants[i].key, len) != 0 || line[len] != '\t')
			continue;
		*newline = '\0';
		wants[i].value = line + len + 1;
		line = newline + 1;
	}
}

/* Fills in the values; *output, which they point into, is the caller's to free. */
static int table_ask(const struct map *map, struct want *wants, size_t n, char **output, char *why,
		     size_t size)
{
	const char *const words[] = { "-q", "-", map->map, NULL };
	struct postern_run job = { .output_most = ANSWER_MOST };
	struct text keys = { 0 };
	FILE *out = text_open(&keys);
	int status;

	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "%s\n", wants[i].key);
	text_close(out);
	job.input = keys.bytes;
	job.input_len = keys.len;
	status =
		postfix_run(map->host, &job, map->postmap, map->config_directory, words, why, size);
	free(keys.bytes);
	*output = job.output;
	/* Status 1 means that none of them is there, too; a texthash warns whenever it is read. */
	if (status < 0 || status > 1 || (status == 1 && strstr(job.error, "fatal:")))
		return -1;
	if (job.output)
		read_values(job.output, wants, n);
	return 0;
}

/* -- apply, lift, list ----------------------------------------------------------------------- */

/* Does the table say what it should, as far as that is ours to say? */
static bool is_settled(const struct map *map, const struct want *want, bool lift)
{
	if (lift)
		return want->there || !want->value;
	return want->value && strcmp(want->value, map->result) == 0;
}

static bool are_settled(const struct map *map, const struct want *wants, size_t n, bool lift)
{
	for (size_t i = 0; i < n; i++)
		if (!is_settled(map, &wants[i], lift))
			return false;
	return true;
}

/* REJECT, a code of three digits and the like: what access(5) refuses a client with. */
static bool refuses(const char *value)
{
	static const char *const words[] = { "REJECT", "DEFER", "DISCARD", "HOLD" };
	size_t len = strcspn(value, POSTCONF_BLANKS);

	if (len == 3 && (value[0] == '4' || value[0] == '5') && isdigit((unsigned char)value[1]) &&
	    isdigit((unsigned char)value[2]))
		return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && strncasecmp(value, words[i], len) == 0)
			return true;
	return false;
}

static void answer_applied(const struct map *map, const struct want *want)
{
	if (is_settled(map, want, false))
		return;
	if (!want->value)
		answer(want->item, POSTERN_RETRY, "%s: no line for %s after postmap", map->map,
		       want->key);
	else if (refuses(want->value))
		answer(want->item, POSTERN_DONE,
		       "a line that is not postern's says \"%s\" for %s already", want->value,
		       want->key);
	else
		answer(want->item, POSTERN_FAILED,
		       "%s: a line that is not postern's says \"%s\" for %s, and goes first: "
		       "remove it",
		       map->path, want->value, want->key);
}

static void answer_lifted(const struct want *want)
{
	if (want->there)
		answer(want->item, POSTERN_DONE, "%s stays disabled for another decision",
		       want->key);
	else if (want->value)
		answer(want->item, POSTERN_DONE,
		       "a line that is not postern's still says \"%s\" for %s", want->value,
		       want->key);
}

static void answer_all(struct postern_item *items, size_t n, const char *why)
{
	for (size_t i = 0; i < n; i++)
		if (items[i].result == POSTERN_DONE)
			answer(&items[i], POSTERN_RETRY, "%s", why);
}

/* The source is as it should be; so is the table, when this is done. */
static int settle(struct map *map, struct want *wants, size_t n, bool lift, bool changed, char *why,
		  size_t size)
{
	char *output = NULL;
	int ret = 0;

	map->is_stale |= changed && !map->kind->suffix;
	if (changed || map->is_stale || table_ask(map, wants, n, &output, why, size) < 0 ||
	    !are_settled(map, wants, n, lift)) {
		free(output);
		output = NULL;
		ret = table_make(map, why, size);
		map->is_stale &= ret < 0;
		if (ret == 0)
			ret = table_ask(map, wants, n, &output, why, size);
	}
	for (size_t i = 0; ret == 0 && i < n; i++) {
		if (lift)
			answer_lifted(&wants[i]);
		else
			answer_applied(map, &wants[i]);
	}
	free(output);
	return ret;
}

static void change(struct map *map, struct postern_item *items, size_t n, bool lift)
{
	char why[sizeof(items->text)] = "";
	struct source source;
	struct text text = { 0 };
	size_t n_wants;
	struct want *wants = wants_of(map, items, n, &n_wants);
	bool changed;

	if (!n_wants || (lift && access(map->path, F_OK) < 0 && errno == ENOENT))
		goto out;
	if (source_open(map, &source, why, sizeof(why)) < 0) {
		answer_all(items, n, why);
		goto out;
	}
	text = access_edit(source.text, wants, n_wants, lift ? NULL : map->result);
	assert(text.bytes && source.text.bytes);
	changed =
		text.len != source.text.len || memcmp(text.bytes, source.text.bytes, text.len) != 0;
	if ((changed && source_replace(&source, text, why, sizeof(why)) < 0) ||
	    settle(map, wants, n_wants, lift, changed, why, sizeof(why)) < 0)
		answer_all(items, n, why);
	source_close(&source);
out:
	free(text.bytes);
	free(wants);
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	change(ctx, items, n, false);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	change(ctx, items, n, true);
}

/* In force is what the table says, too: what was lost of it is to be applied again. */
static int list(void *ctx, postern_list *tell, void *to, char *why, size_t size)
{
	const struct map *map = ctx;
	struct source source;
	struct want *found;
	char *output = NULL;
	size_t n;
	int ret = 0;

	if (access(map->path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (source_open(map, &source, why, size) < 0)
		return -1;
	found = access_accounts(source.text, &n);
	if (n)
		ret = table_ask(map, found, n, &output, why, size);
	for (size_t i = 0; ret == 0 && i < n; i++)
		if (found[i].value)
			tell(to, &(struct postern_found){ .user = found[i].key });
	free(output);
	free(found);
	source_close(&source);
	return ret;
}

/* -- open ------------------------------------------------------------------------------------- */

/* "TYPE:/PATH" */
static int take_map(struct map *map, char *why, size_t size)
{
	const char *colon = strchr(map->map, ':');
	size_t len = colon ? (size_t)(colon - map->map) : 0;

	map->kind = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].name) == len && memcmp(map->map, kinds[i].name, len) == 0)
			map->kind = &kinds[i];
	map->path = colon ? colon + 1 : "";
	if (!map->kind || map->path[0] != '/')
		return why_not(why, size,
			       "map: expected lmdb:, cdb:, hash:, btree: or texthash: and a path "
			       "that begins with \"/\", not \"%s\"",
			       map->map);
	return 0;
}

static int take_result(const struct map *map, char *why, size_t size)
{
	for (const char *p = map->result; *p; p++)
		if (iscntrl((unsigned char)*p))
			return why_not(why, size, "result: expected one line of text");
	if (strlen(map->result) > RESULT_MOST)
		return why_not(why, size, "result: expected at most %d bytes", RESULT_MOST);
	if (!refuses(map->result))
		return why_not(why, size,
			       "result: expected REJECT, DEFER, DISCARD, HOLD or a code like 550, "
			       "and a text, not \"%s\"",
			       map->result);
	return 0;
}

#define HOLD_PASSES "where smtpd_proxy_filter is set, Postfix ignores HOLD: use REJECT"

static bool holds(const struct map *map)
{
	return strncasecmp(map->result, "HOLD", 4) == 0;
}

static int take_options(struct map *map, const struct postern_host *host, char *why, size_t size)
{
	map->host = host;
	return take_map(map, why, size) < 0 ? -1 : take_result(map, why, size);
}

/* Postfix ignores HOLD before a proxy filter (smtpd_check.c, can_delegate_action): the mail passes. */
static bool proxy_filter(const struct postconf *postconf, struct postconf_service *service)
{
	char *rest = postconf->services;

	*service = postconf->main;
	do {
		if (service->value[POSTCONF_PROXY_FILTER][0])
			return true;
	} while (postconf_next(postconf, service, &rest));
	return false;
}

static int open_map(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct map *map = ctx;
	struct postconf postconf;
	struct postconf_service service;
	int ret = 0;

	if (take_options(map, host, why, size) < 0 ||
	    postconf_read(&postconf, host, map->postconf, map->config_directory, why, size) < 0)
		return -1;
	map->is_stale = !map->kind->suffix;
	map->no_utf8 = strcmp(postconf.main.value[POSTCONF_UTF8], "no") == 0;
	if (holds(map) && proxy_filter(&postconf, &service))
		ret = why_not(why, size, "result: %s", HOLD_PASSES);
	postconf_free(&postconf);
	return ret;
}

/* -- check ----------------------------------------------------------------------------------- */

struct complaints {
	postern_complain *complain;
	void *to;
};

__attribute__((format(printf, 2, 3))) static void complain(const struct complaints *c,
							   const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->complain(c->to, text);
}

enum place { NOWHERE, TOO_LATE, IN_TIME };

/* Where a list of restrictions asks this table: Postfix goes through it until one says yes or no. */
static enum place place_in(const char *list, const char *table)
{
	const char *separators = POSTCONF_BLANKS ",{}";
	bool permitted = false, asks = false;
	size_t len;

	for (const char *p = list + strspn(list, separators); *p; p += strspn(p, separators)) {
		struct line word = { p, len = strcspn(p, separators) };

		p += len;
		if (asks && word.len > 6 && memcmp(word.ptr, "proxy:", 6) == 0)
			word = (struct line){ word.ptr + 6, word.len - 6 };
		if (asks && strlen(table) == word.len && memcmp(word.ptr, table, word.len) == 0)
			return permitted ? TOO_LATE : IN_TIME;
		asks = len == 17 && strncasecmp(word.ptr, "check_sasl_access", len) == 0;
		permitted |= (len == 25 &&
			      strncasecmp(word.ptr, "permit_sasl_authenticated", len) == 0) ||
			     (len == 6 && strncasecmp(word.ptr, "permit", len) == 0);
	}
	return NOWHERE;
}

/* One list that refuses is enough, whatever the others permit. */
static void check_service(const struct map *map, const struct postconf_service *service,
			  const struct complaints *c)
{
	int len = (int)service->name_len;
	const char *late = NULL;

	if (strcmp(service->value[POSTCONF_SASL], "yes") != 0)
		return;
	for (size_t i = 0; i < POSTCONF_LISTS; i++) {
		enum place place = place_in(service->value[i], map->map);

		if (place == IN_TIME)
			return;
		if (place == TOO_LATE)
			late = postconf_name[i];
	}
	if (late)
		complain(c,
			 "%.*s: in %s, \"check_sasl_access %s\" has to stand before "
			 "permit_sasl_authenticated",
			 len, service->name, late, map->map);
	else
		complain(c,
			 "%.*s: nothing asks the table: \"check_sasl_access %s\" has to stand in "
			 "smtpd_sender_restrictions, before permit_sasl_authenticated",
			 len, service->name, map->map);
}

static void check_services(const struct map *map, const struct postconf *postconf,
			   const struct complaints *c)
{
	struct postconf_service service;
	char *rest = postconf->services;

	check_service(map, &postconf->main, c);
	while (postconf_next(postconf, &service, &rest))
		check_service(map, &service, c);
}

static void check_table(const struct map *map, const struct complaints *c)
{
	struct stat table, source;

	if (!map->kind->at_once)
		complain(c,
			 "map: a session that is open does not notice a change of %s: prefer lmdb, "
			 "or have the connections cut too (action \"kick\")",
			 map->map);
	if (!table_stat(map, &table))
		complain(c,
			 "map: %s is not there, and Postfix refuses all mail where it asks for it: "
			 "touch %s && postmap %s",
			 map->map, map->path, map->map);
	else if (stat(map->path, &source) < 0)
		complain(c, "map: %s: %s", map->path, strerror(errno));
	else if (source.st_mtim.tv_sec > table.st_mtim.tv_sec)
		complain(c, "map: %s is newer than the table made of it: postmap %s", map->path,
			 map->map);
}

/* What making the table anew takes. */
static void check_means(const struct map *map, const struct complaints *c)
{
	const char *program = map->kind->suffix ? map->postmap : map->postfix;
	char why[512];

	if (access(program, X_OK) < 0)
		complain(c, "%s: %s", program, strerror(errno));
	if (!lines_may_write(map->path, why, sizeof(why)))
		complain(c, "map: %s", why);
}

static void check(void *ctx, const struct postern_host *host, postern_complain *tell, void *to)
{
	struct complaints c = { tell, to };
	struct map *map = ctx;
	struct postconf postconf;
	struct postconf_service service;
	char why[512];

	if (take_options(map, host, why, sizeof(why)) < 0) {
		complain(&c, "%s", why);
		return;
	}
	check_table(map, &c);
	check_means(map, &c);
	if (postconf_read(&postconf, host, map->postconf, map->config_directory, why, sizeof(why)) <
	    0) {
		complain(&c, "%s", why);
		return;
	}
	if (holds(map) && proxy_filter(&postconf, &service))
		complain(&c, "%.*s: result: %s", (int)service.name_len, service.name, HOLD_PASSES);
	check_services(map, &postconf, &c);
	postconf_free(&postconf);
}

#define OPTION(kind_, field, value, text)                                                       \
	{                                                                                       \
		.type = POSTERN_##kind_, .name = #field, .offset = offsetof(struct map, field), \
		.standard = (value), .help = (text)                                             \
	}

static const struct postern_option options[] = {
	OPTION(TEXT, map, "lmdb:/etc/postfix/postern_access",
	       "the table: lmdb, cdb, hash, btree or texthash, and the path of its source"),
	OPTION(TEXT, result,
	       "REJECT This account sends spam; its password has to be changed (postern)",
	       "what Postfix answers, as in access(5)"),
	OPTION(LIST, realms, NULL, "an account of one of these is refused without its realm too"),
	OPTION(PATH, config_directory, NULL,
	       "where main.cf is, where that isn't Postfix's own place"),
	OPTION(PATH, postmap, "/usr/sbin/postmap", "Postfix's program that makes tables"),
	OPTION(PATH, postfix, "/usr/sbin/postfix",
	       "Postfix's program that has it read its files anew, for texthash"),
	OPTION(PATH, postconf, "/usr/sbin/postconf",
	       "Postfix's program that shows its configuration"),
	{ 0 },
};

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "postfix-map",
	.summary = "Postfix refuses what the account sends",
	.wants = POSTERN_WANTS_USERS,
	/* The files may be another user's; then postmap takes his identity, too. */
	.capabilities = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_CHOWN | 1ULL << CAP_FOWNER |
			1ULL << CAP_SETUID | 1ULL << CAP_SETGID,
	.timeout_s = 60,
	.options = options,
	.ctx_size = sizeof(struct map),
	.open = open_map,
	.apply = apply,
	.lift = lift,
	.list = list,
	.check = check,
};
