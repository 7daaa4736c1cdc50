/*
 * test_client - the verbs that ask the daemon, against one that says what the test wants
 *
 * The daemon is a child that takes one connection, checks the request and answers.
 */
#include "core/cli/client.h"
#include "core/cli/verbs.h"

#include "tests/rows.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DONE "{\"done\":true}\n"
#define DECISION                                                                                  \
	"{\"decision\":{\"id\":7,\"jail\":\"stolen-account\",\"user\":\"joe\",\"level\":\"act\"," \
	"\"state\":\"active\",\"since\":\"2026-11-20T10:00:00Z\",\"reason\":\"many-networks 9 > " \
	"3\",\"actions\":[{\"action\":\"nftables\",\"state\":\"retrying\",\"error\":\"no such "   \
	"table\",\"tries\":3}]}}\n"

static const struct row {
	const char *name;
	const char *argv[9];
	const char *request; /* without its newline; NULL: nobody is asked */
	const char *answer;
	int status;
	const char *printed[3]; /* each is in the output */
} rows[] = {
	{ "well",
	  { "status" },
	  "{\"verb\":\"status\"}",
	  "{\"daemon\":{\"version\":\"1.2\",\"pid\":5,\"store\":\"ok\"}}\n" DONE,
	  EXIT_NOTHING,
	  { "posternd 1.2, pid 5", "store     ok" } },
	{ "with a warning",
	  { "status" },
	  "{\"verb\":\"status\"}",
	  "{\"daemon\":{\"version\":\"1.2\"}}\n"
	  "{\"warning\":{\"kind\":\"store\",\"text\":\"disk full\"}}\n" DONE,
	  EXIT_FOUND,
	  { "warning   disk full" } },
	{ "names from a log",
	  { "top" },
	  "{\"verb\":\"top\"}",
	  "{\"top\":{\"user\":\"\\u001b[31mjoe\",\"share\":0.5,\"score\":40}}\n"
	  "{\"top\":{\"user\":\"z\xc3\xa4h\",\"share\":1.25}}\n" DONE,
	  EXIT_NOTHING,
	  { "  user         share  score\n", "  \\x1b[31mjoe    50%     40\n",
	    "  z\xc3\xa4h           125%       \n" } },
	{ "rules",
	  { "top", "--rules", "--limit", "5" },
	  "{\"verb\":\"top\",\"rules\":true,\"limit\":5}",
	  "{\"rule\":{\"jail\":\"a\",\"rule\":\"b\",\"held\":3}}\n" DONE,
	  EXIT_NOTHING,
	  { "  jail  rule  held\n", "  a     b        3\n" } },
	{ "as JSON",
	  { "top", "--json" },
	  "{\"verb\":\"top\"}",
	  "{\"top\":{\"user\":\"\\u001b[31mjoe\"}}\n" DONE,
	  EXIT_NOTHING,
	  { "{\"top\":{\"user\":\"\\u001B[31mjoe\"}}\n" } },
	{ "explained",
	  { "explain", "joe" },
	  "{\"verb\":\"explain\",\"subject\":\"joe\"}",
	  "{\"subject\":{\"kind\":\"user\",\"user\":\"joe\"}}\n" DECISION DONE,
	  EXIT_FOUND,
	  { "decision 7 (act, jail stolen-account)", "many-networks 9 > 3",
	    "  nftables  retrying      3  no such table\n" } },
	{ "nothing decided",
	  { "explain", "joe" },
	  "{\"verb\":\"explain\",\"subject\":\"joe\"}",
	  "{\"subject\":{\"kind\":\"user\",\"user\":\"joe\"}}\n" DONE,
	  EXIT_NOTHING,
	  { "joe (user)" } },
	{ "refused",
	  { "explain", "joe" },
	  "{\"verb\":\"explain\",\"subject\":\"joe\"}",
	  "{\"error\":\"nothing is known of joe\",\"hint\":\"try jim\"}\n",
	  EXIT_FOUND,
	  { NULL } },
	{ "ban",
	  { "ban", "joe", "for", "2h", "because", "seen at the desk" },
	  "{\"verb\":\"ban\",\"subject\":\"joe\",\"because\":\"seen at the desk\",\"for\":7200}",
	  DECISION DONE,
	  EXIT_NOTHING,
	  { "joe is banned until it is lifted by jail stolen-account, decision 7\n" } },
	{ "ban for ever",
	  { "ban", "192.0.2.1", "for", "ever" },
	  "{\"verb\":\"ban\",\"subject\":\"192.0.2.1\",\"for\":-1}",
	  DECISION DONE,
	  EXIT_NOTHING,
	  { NULL } },
	{ "unban",
	  { "unban", "--forget", "--purge", "joe" },
	  "{\"verb\":\"unban\",\"subject\":\"joe\",\"forget\":true,\"purge\":true}",
	  "{\"released\":{\"user\":\"joe\",\"decisions\":2}}\n" DONE,
	  EXIT_NOTHING,
	  { "joe is released from 2 decision(s)\n" } },
	{ "ignored",
	  { "ignore" },
	  "{\"verb\":\"ignore\"}",
	  "{\"ignored\":{\"ip\":\"192.0.2.1\"}}\n{\"ignored\":{\"user\":\"a*\"}}\n" DONE,
	  EXIT_NOTHING,
	  { "192.0.2.1\na*\n" } },
	{ "ignore one more",
	  { "ignore", "add", "a*" },
	  "{\"verb\":\"ignore\",\"add\":\"a*\"}",
	  DONE,
	  EXIT_NOTHING,
	  { NULL } },
	{ "history",
	  { "history", "--since", "2026-11-20T10:00:00Z" },
	  "{\"verb\":\"history\",\"since\":\"2026-11-20T10:00:00Z\"}",
	  DECISION DECISION DONE,
	  EXIT_NOTHING,
	  { "  id  since " } },
	{ "reload", { "reload" }, "{\"verb\":\"reload\"}", DONE, EXIT_NOTHING, { NULL } },
	{ "not reloaded",
	  { "reload" },
	  "{\"verb\":\"reload\"}",
	  "{\"error\":\"a.conf:3: no\"}\n",
	  EXIT_FOUND,
	  { NULL } },
	{ "resumed",
	  { "resume" },
	  "{\"verb\":\"resume\"}",
	  "{\"resumed\":{\"decisions\":0}}\n" DONE,
	  EXIT_NOTHING,
	  { "0 decision(s)" } },
	{ "cut short",
	  { "reload" },
	  "{\"verb\":\"reload\"}",
	  "{\"a\":{}}\n",
	  EXIT_ERROR,
	  { NULL } },
	{ "no answer", { "reload" }, "{\"verb\":\"reload\"}", "hello\n", EXIT_ERROR, { NULL } },

	{ "no daemon", { "reload" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "whom?", { "explain" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "two at once", { "unban", "joe", "jim" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "for how long?", { "ban", "joe", "for" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "for no time", { "ban", "joe", "for", "0" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "for twice",
	  { "ban", "joe", "for", "1h", "for", "2h" },
	  NULL,
	  NULL,
	  EXIT_ERROR,
	  { NULL } },
	{ "until when?", { "ban", "joe", "until", "2h" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "both ways",
	  { "unban", "--purge", "--release", "joe" },
	  NULL,
	  NULL,
	  EXIT_ERROR,
	  { NULL } },
	{ "ignore what?", { "ignore", "add" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "since when?", { "history", "--since", "Tuesday" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "how many?", { "top", "--limit", "0" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "an unknown option", { "top", "--all" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "an argument too many", { "status", "now" }, NULL, NULL, EXIT_ERROR, { NULL } },
	{ "help", { "ban", "--help" }, NULL, NULL, EXIT_NOTHING, { "usage: postern ban" } },
};

static const struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "status", verb_status }, { "top", verb_top },         { "explain", verb_explain },
	{ "ban", verb_ban },       { "unban", verb_unban },     { "ignore", verb_ignore },
	{ "reload", verb_reload }, { "history", verb_history }, { "resume", verb_resume },
};

struct scene {
	char dir[32], *out;
	struct sockaddr_un at;
	pid_t daemon;
};

/* In the child: one request, one answer. Exits 0 where the request was the one expected. */
static void serve(int listener, const struct row *row)
{
	char text[1024] = "";
	size_t used = 0;
	int fd = accept(listener, NULL, NULL);
	ssize_t n;

	while (!strchr(text, '\n') && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	if (strchr(text, '\n'))
		*strchr(text, '\n') = '\0';
	(void)!write(fd, row->answer, strlen(row->answer));
	(void)close(fd);
	_exit(strcmp(text, row->request) != 0);
}

static void scene_begin(struct scene *s, const struct row *row)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*s = (struct scene){ .at = { .sun_family = AF_UNIX } };
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->at.sun_path, sizeof(s->at.sun_path), "%s/control", s->dir);
	s->out = xasprintf("%s/out", s->dir);
	if (row->request) {
		assert_int_equal(bind(fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
		assert_int_equal(listen(fd, 1), 0);
		s->daemon = fork();
		if (s->daemon == 0)
			serve(fd, row);
	}
	(void)close(fd);
}

static void scene_end(struct scene *s)
{
	int status = 0;

	if (s->daemon > 0) {
		assert_int_equal(waitpid(s->daemon, &status, 0), s->daemon);
		assert_int_equal(status, 0);
	}
	(void)unlink(s->at.sun_path);
	(void)unlink(s->out);
	(void)rmdir(s->dir);
	free(s->out);
}

/* What the verb prints goes to s->out. */
static int run(const struct row *row, const struct scene *s)
{
	int out = open(s->out, O_RDWR | O_CREAT | O_TRUNC, 0600), kept = dup(STDOUT_FILENO);
	int argc = 0, status = -1;
	char *argv[12];

	argv[argc++] = (char *)(uintptr_t)row->argv[0];
	argv[argc++] = (char *)(uintptr_t) "--socket";
	argv[argc++] = (char *)(uintptr_t)s->at.sun_path;
	for (size_t i = 1; row->argv[i]; i++)
		argv[argc++] = (char *)(uintptr_t)row->argv[i];
	argv[argc] = NULL;
	(void)fflush(stdout);
	(void)dup2(out, STDOUT_FILENO);
	optind = 0; /* begins anew */
	for (size_t i = 0; i < COUNT(verbs); i++)
		if (strcmp(verbs[i].name, row->argv[0]) == 0)
			status = verbs[i].run(argc, argv);
	(void)fflush(stdout);
	(void)dup2(kept, STDOUT_FILENO);
	(void)close(kept);
	(void)close(out);
	return status;
}

static void check_output(const struct row *row, const char *path)
{
	char text[8192] = "";
	FILE *fp = fopen(path, "r");

	assert_non_null(fp);
	(void)!fread(text, 1, sizeof(text) - 1, fp);
	(void)fclose(fp);
	for (size_t i = 0; i < COUNT(row->printed) && row->printed[i]; i++)
		if (!strstr(text, row->printed[i]))
			fail_msg("\"%s\" is not in: %s", row->printed[i], text);
}

static void check(void **state)
{
	const struct row *row = *state;
	struct scene s;

	scene_begin(&s, row);
	assert_int_equal(run(row, &s), row->status);
	check_output(row, s.out);
	scene_end(&s);
}

RUN_ROWS(rows, check)
