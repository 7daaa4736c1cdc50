/*
 * dovecot - nobody logs in as this user any more
 *
 * The names are kept in a passwd-file that Dovecot asks first, as a passdb with `deny = yes`
 * (doc/dovecot.md has the lines). Dovecot looks for a new file at a login, but once a second at most
 * (db_passwd_file_sync() in its db-passwd-file.c). So the order is: name into the file, the rest of
 * that second, what Dovecot remembers of earlier logins, sessions; any other order would leave an
 * intruder in who logs in again at once.
 *
 * This also locks the owner out of his mailbox, which is why no shipped jail asks for it: most
 * want postfix-map, which stops the sending alone.
 */
#include "blocked.h"
#include "postern-action.h"

#include <linux/capability.h>
#include <time.h>

struct dovecot {
	const char *file, *doveadm, *doveconf, *config;
	const char *const *realms;
	int kick;
	const struct postern_host *host;
};

#define OPTION(kind, field, value, text)                                                           \
	{                                                                                          \
		.type = POSTERN_##kind, .name = #field, .offset = offsetof(struct dovecot, field), \
		.standard = (value), .help = (text)                                                \
	}

static const struct postern_option options[] = {
	OPTION(PATH, file, "/etc/dovecot/postern-deny",
	       "the passwd-file of those who may not log in"),
	OPTION(PATH, doveadm, "/usr/bin/doveadm", "Dovecot's administration program"),
	OPTION(PATH, doveconf, "/usr/bin/doveconf",
	       "Dovecot's program that shows its configuration"),
	OPTION(PATH, config, NULL, "Dovecot's configuration file, where it is not the usual one"),
	OPTION(LIST, realms, NULL, "names of these realms are denied without them too"),
	OPTION(BOOL, kick, "yes", "end the sessions that the user has"),
	{ 0 },
};

enum { KICKED_NOBODY = 68 }; /* doveadm.h: DOVEADM_EX_NOTFOUND */

/* user:password:uid:gid:(gecos):home:(shell):extra_fields; of a denied user only the first counts. */
static void line_of(char line[BLOCKED_PREFIX], const char *name)
{
	(void)snprintf(line, BLOCKED_PREFIX, "%s:::::::postern=", name);
}

static bool name_of(char name[BLOCKED_PREFIX], const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon || strncmp(colon, ":::::::postern=", 15) != 0)
		return false;
	return snprintf(name, BLOCKED_PREFIX, "%.*s", (int)(colon - line), line) < BLOCKED_PREFIX;
}

/* doveadm takes "*" and "?" in a name for a pattern: it would throw others out. */
static const char *unfit(const char *name)
{
	if (*name == '#' || strpbrk(name, ": \t"))
		return "a passwd-file can't hold this name: it begins with # or has a colon or a "
		       "blank";
	if (strpbrk(name, "*?"))
		return "to doveadm this name is a pattern, which means other users too";
	return NULL;
}

static struct blocked blocked(const struct dovecot *d)
{
	return (struct blocked){ d->file, d->realms, line_of, name_of, unfit };
}

/* A command with its names, all of one process. */
static int run_doveadm(const struct dovecot *d, const char *const *command,
		       const struct lines *names, struct postern_run *run)
{
	const char **argv = lines_alloc(NULL, names->n + 16, sizeof(*argv));
	size_t n = 0;
	int ret;

	argv[n++] = d->doveadm;
	if (d->config) {
		argv[n++] = "-c";
		argv[n++] = d->config;
	}
	while (*command)
		argv[n++] = *command++;
	argv[n++] = "--";
	for (size_t i = 0; i < names->n; i++)
		argv[n++] = names->line[i];
	argv[n] = NULL;
	run->argv = argv;
	ret = d->host->run(run);
	run->argv = NULL;
	free(argv);
	return ret;
}

static void add_spellings(const struct blocked *b, const struct postern_item *item,
			  struct lines *names)
{
	char bare[BLOCKED_PREFIX];
	const char *name;

	for (int i = 0; (name = blocked_spelling(b, item->user, i, bare)); i++)
		lines_add(names, name, strlen(name));
}

static bool is_done(const struct postern_item *item)
{
	return item->user && item->result == POSTERN_DONE;
}

/* Until the second is over in which the file was written, and a little longer. */
static void wait_for_dovecot(void)
{
	enum { LITTLE_NS = 50000000, SECOND_NS = 1000000000 };
	struct timespec now, rest;
	long ns;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	ns = SECOND_NS - now.tv_nsec + LITTLE_NS;
	rest = (struct timespec){ .tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS };
	(void)nanosleep(&rest, NULL);
}

/* What Dovecot remembers of these users is forgotten. It ends with 0 even where it did nothing. */
static void flush(const struct dovecot *d, struct postern_item *items, size_t n)
{
	static const char *const command[] = { "auth", "cache", "flush", NULL };
	const struct blocked b = blocked(d);
	struct postern_run run = { 0 };
	struct lines names = { 0 };
	bool good = true;

	for (size_t i = 0; i < n; i++)
		if (is_done(&items[i]))
			add_spellings(&b, &items[i], &names);
	if (names.n) { /* without any it would forget everybody */
		wait_for_dovecot();
		good = run_doveadm(d, command, &names, &run) == 0 && run.status == 0 &&
		       !strstr(run.error, "Error:");
	}
	for (size_t i = 0; !good && i < n; i++)
		if (is_done(&items[i]))
			blocked_answer(&items[i], POSTERN_RETRY, "doveadm auth cache flush: %s",
				       *run.error ? run.error : "it failed");
	free(run.output);
	lines_free(&names);
}

/* It takes one pattern of names, so each name is a process of its own. */
static void kick(const struct dovecot *d, struct postern_item *item, const char *user)
{
	static const char *const command[] = { "kick", NULL };
	struct lines name = { 0 };
	struct postern_run run = { 0 };

	lines_add(&name, user, strlen(user));
	if (run_doveadm(d, command, &name, &run) < 0 ||
	    (run.status != 0 && run.status != KICKED_NOBODY))
		blocked_answer(item, POSTERN_RETRY, "doveadm kick: %s",
			       *run.error ? run.error : "it failed");
	free(run.output);
	lines_free(&name);
}

static void kick_all(const struct dovecot *d, struct postern_item *items, size_t n)
{
	const struct blocked b = blocked(d);
	char bare[BLOCKED_PREFIX];
	const char *name;

	for (size_t i = 0; i < n; i++)
		for (int k = 0;
		     is_done(&items[i]) && (name = blocked_spelling(&b, items[i].user, k, bare));
		     k++)
			kick(d, &items[i], name);
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	struct dovecot *d = ctx;
	const struct blocked names = blocked(d);

	blocked_edit(&names, items, n, true);
	flush(d, items, n);
	if (d->kick)
		kick_all(d, items, n);
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	struct dovecot *d = ctx;
	const struct blocked names = blocked(d);

	blocked_edit(&names, items, n, false);
	flush(d, items, n);
}

static int list(void *ctx, postern_list *to_list, void *to, char *why, size_t size)
{
	const struct blocked names = blocked(ctx);

	return blocked_list(&names, to_list, to, why, size);
}

static int on_open(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct dovecot *d = ctx;
	const struct blocked names = blocked(d);

	d->host = host;
	return blocked_create(&names, why, size);
}

/* The value of a line "  KEY = VALUE"; NULL where it is of another key. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	line += strspn(line, " \t");
	if (strncmp(line, key, len) != 0 || strncmp(line + len, " = ", 3) != 0)
		return NULL;
	return line + len + 3;
}

/*
 * What `doveconf -n` shows of the first passdb: is it ours? Dovecot 2.3 names the file last in
 * `args`, 2.4 in `passwd_file_path`.
 */
static bool first_passdb_denies(const struct lines *config, const char *file)
{
	size_t at = lines_find(config, 0, "passdb "), len = strlen(file);
	bool denies = false, is_ours = false;

	for (; at < config->n && strcmp(config->line[at], "}") != 0; at++) {
		const char *deny = value_of(config->line[at], "deny");
		const char *args = value_of(config->line[at], "args");
		const char *path = value_of(config->line[at], "passwd_file_path");
		const char *name = path ? path : args;

		denies |= deny && strcmp(deny, "yes") == 0;
		if (name && strlen(name) >= len)
			is_ours |= strcmp(name + strlen(name) - len, file) == 0 &&
				   (strlen(name) == len || name[strlen(name) - len - 1] == ' ');
	}
	return denies && is_ours;
}

static void complain_of_passdb(const struct dovecot *d, postern_complain *complain, void *to)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "Dovecot does not ask %s first: put a passdb with driver = passwd-file, "
		       "deny = yes and this file before all others (see doc/dovecot.md)",
		       d->file);
	complain(to, text);
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct dovecot *d = ctx;
	const struct blocked names = blocked(d);
	const char *argv[] = { d->doveconf, "-n", d->config ? "-c" : NULL, d->config, NULL };
	struct postern_run run = { .argv = argv, .output_most = 1 << 20 };
	struct lines config = { 0 };
	char text[1024];

	if (host->run(&run) < 0 || run.status != 0) {
		(void)snprintf(text, sizeof(text),
			       "%s -n does not show Dovecot's configuration: %s", d->doveconf,
			       run.error);
		complain(to, text);
	} else {
		lines_split(&config, run.output, run.output_len);
		if (!first_passdb_denies(&config, d->file))
			complain_of_passdb(d, complain, to);
		else
			blocked_check(&names, "dovecot", "Dovecot refuses everybody", complain, to);
	}
	if (access(d->doveadm, X_OK) < 0) {
		(void)snprintf(text, sizeof(text), "%s: %s", d->doveadm, strerror(errno));
		complain(to, text);
	}
	lines_free(&config);
	free(run.output);
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "dovecot",
	.summary = "denies a user all logins to Dovecot, and ends his sessions",
	.wants = POSTERN_WANTS_USERS,
	/* The file may be another user's; sessions run as the user whose mailbox it is. */
	.capabilities = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_CHOWN | 1ULL << CAP_KILL,
	.timeout_s = 60,
	.options = options,
	.ctx_size = sizeof(struct dovecot),
	.open = on_open,
	.apply = apply,
	.lift = lift,
	.list = list,
	.check = check,
};
