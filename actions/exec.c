/*
 * exec - a program of the administrator's, for whatever postern has no plugin for
 *
 * The program is run once for each decision, and again for addresses that come later; at most
 * ADDRESSES_AT_ONCE of them a run. It gets the decision as JSON on standard input, and its parts in
 * the environment. It is never given to a shell: names that an intruder chose stay one word. What
 * it says by its exit status: 0, done; 75 (EX_TEMPFAIL), ask again later; anything else, failed.
 *
 * It keeps all rights of the actuator's user, since nobody knows here what the program needs, but
 * can gain none by programs that are set-user-id.
 */
#include "postern-action.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { ADDRESSES_AT_ONCE = 1000, ADDRESS_ROOM = 50, OWN = 8, GIVEN_MOST = 50 };

struct exec {
	const char *program;
	const char *const *arguments;
	const char *const *environment;
	int64_t timeout_s;
	/* Made by open(). */
	const struct postern_host *host;
	const char **argv;
};

static const struct postern_option options[] = {
	{ .type = POSTERN_PATH,
	  .name = "program",
	  .offset = offsetof(struct exec, program),
	  .help = "the program's path" },
	{ .type = POSTERN_LIST,
	  .name = "arguments",
	  .offset = offsetof(struct exec, arguments),
	  .help = "what it is given on its command line, each as one word" },
	{ .type = POSTERN_LIST,
	  .name = "environment",
	  .offset = offsetof(struct exec, environment),
	  .help = "NAME=value: variables beside PATH, LANG, TZ and POSTERN_*" },
	{ .type = POSTERN_SPAN,
	  .name = "timeout",
	  .offset = offsetof(struct exec, timeout_s),
	  .standard = "30s",
	  .help = "after this time it is killed, with all that it has started",
	  .least = 1,
	  .most = 60 },
	{ 0 },
};

static int open_exec(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct exec *e = ctx;
	size_t n = 0;

	if (!e->program) {
		(void)snprintf(why, size, "no program is set: program = \"/path/to/it\"");
		return -1;
	}
	while (e->arguments[n])
		n++;
	e->argv = calloc(n + 2, sizeof(*e->argv));
	if (!e->argv) {
		(void)snprintf(why, size, "%s", strerror(errno));
		return -1;
	}
	e->argv[0] = e->program;
	for (size_t i = 0; i < n; i++)
		e->argv[i + 1] = e->arguments[i];
	e->host = host;
	return 0;
}

static void close_exec(void *ctx)
{
	struct exec *e = ctx;

	free(e->argv);
	e->argv = NULL;
}

/* Addresses from `at` on, parted by blanks; NULL where there is no memory. */
static char *address_list(const struct exec *e, const struct postern_item *item, size_t at)
{
	size_t size = ADDRESSES_AT_ONCE * (ADDRESS_ROOM + 1) + 1, used = 0;
	char *list = calloc(size, 1), text[ADDRESS_ROOM];

	for (size_t i = at; list && i < item->n_addresses && i < at + ADDRESSES_AT_ONCE; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", i > at ? " " : "",
					 e->host->address_text(&item->address[i], text));
	return list;
}

static const char *until_text(const struct postern_item *item, char *buf, size_t size)
{
	time_t until = (time_t)item->until_s;
	struct tm tm;

	if (!until || !gmtime_r(&until, &tm) || !strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		(void)snprintf(buf, size, "forever");
	return buf;
}

/* The variables of one run; 0, or -1 where there is no memory. */
static int make_environment(char *own[OWN], const struct exec *e, const struct postern_item *item,
			    size_t at, const char *action)
{
	char until[32], *list = address_list(e, item, at);
	int made = list ? 0 : -1;

	made |= asprintf(&own[0], "POSTERN_ACTION=%s", action);
	made |= asprintf(&own[1], "POSTERN_ID=%" PRIu64, item->id);
	made |= asprintf(&own[2], "POSTERN_JAIL=%s", item->jail);
	made |= asprintf(&own[3], "POSTERN_LEVEL=%s", item->level);
	made |= asprintf(&own[4], "POSTERN_USER=%s", item->user ? item->user : "");
	made |= asprintf(&own[5], "POSTERN_UNTIL=%s", until_text(item, until, sizeof(until)));
	made |= asprintf(&own[6], "POSTERN_REASON=%s", item->reason ? item->reason : "");
	made |= asprintf(&own[7], "POSTERN_ADDRESSES=%s", list ? list : "");
	free(list);
	return made < 0 ? -1 : 0;
}

static void answer(struct postern_item *item, enum postern_result result, const char *text)
{
	item->result = result;
	(void)snprintf(item->text, sizeof(item->text), "%s", text);
}

static void run_program(struct exec *e, struct postern_item *item, const char *const *env)
{
	struct postern_run run = { .argv = e->argv,
				   .env = env,
				   .input = item->json,
				   .input_len = item->json ? strlen(item->json) : 0,
				   .timeout_s = (unsigned int)e->timeout_s };
	char text[sizeof(item->text)];

	if (e->host->run(&run) < 0) {
		answer(item, POSTERN_RETRY, run.error);
	} else if (run.status != 0) {
		(void)snprintf(text, sizeof(text), "%.100s ended with status %d%s%.110s",
			       e->program, run.status, *run.error ? ": " : "", run.error);
		answer(item, run.status == EX_TEMPFAIL ? POSTERN_RETRY : POSTERN_FAILED, text);
	}
	free(run.output);
}

static void run_for(struct exec *e, struct postern_item *item, size_t at, const char *action)
{
	const char *env[OWN + GIVEN_MOST + 1] = { NULL };
	char *own[OWN] = { NULL };
	size_t n = 0;

	if (make_environment(own, e, item, at, action) < 0) {
		answer(item, POSTERN_RETRY, strerror(ENOMEM));
	} else {
		while (n < OWN) {
			env[n] = own[n];
			n++;
		}
		for (size_t i = 0; i < GIVEN_MOST && e->environment[i]; i++)
			env[n++] = e->environment[i];
		run_program(e, item, env);
	}
	for (size_t i = 0; i < OWN; i++)
		free(own[i]);
}

static void run_all(void *ctx, struct postern_item *items, size_t n, const char *action)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		do {
			run_for(ctx, &items[i], at, action);
			at += ADDRESSES_AT_ONCE;
		} while (items[i].result == POSTERN_DONE && at < items[i].n_addresses);
	}
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	run_all(ctx, items, n, "apply");
}

static void lift(void *ctx, struct postern_item *items, size_t n)
{
	run_all(ctx, items, n, "lift");
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct exec *e = ctx;
	char text[512];
	struct stat st;

	(void)host;
	if (!e->program) {
		complain(to, "no program is set: program = \"/path/to/it\"");
		return;
	}
	if (stat(e->program, &st) < 0 || access(e->program, X_OK) < 0) {
		(void)snprintf(text, sizeof(text), "%s: %s", e->program, strerror(errno));
		complain(to, text);
	} else if (!S_ISREG(st.st_mode)) {
		(void)snprintf(text, sizeof(text), "%s: expected a program", e->program);
		complain(to, text);
	} else if (st.st_mode & S_IWOTH) {
		(void)snprintf(text, sizeof(text),
			       "%s: everybody may change it; mend it with: chmod o-w", e->program);
		complain(to, text);
	}
	for (size_t i = 0; e->environment[i]; i++) {
		if (i < GIVEN_MOST && strchr(e->environment[i], '='))
			continue;
		(void)snprintf(
			text, sizeof(text),
			"environment: expected at most %d of the form NAME=value, not \"%s\"",
			GIVEN_MOST, e->environment[i]);
		complain(to, text);
	}
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "exec",
	.summary = "runs a program, with the decision as JSON and in its environment",
	.wants = POSTERN_WANTS_USERS | POSTERN_WANTS_ADDRESSES | POSTERN_WANTS_ONCE,
	.capabilities = ~UINT64_C(0),
	.timeout_s = 120,
	.batch_most = 1,
	.options = options,
	.ctx_size = sizeof(struct exec),
	.open = open_exec,
	.close = close_exec,
	.apply = apply,
	.lift = lift,
	.check = check,
};
