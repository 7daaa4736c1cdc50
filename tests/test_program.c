/* test_program.c - programs that plugins run: what they get, what is kept of them, how they end */
#include "core/action/program.h"

#include "tests/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A script for sh, and what is then known of it. */
static const struct row {
	const char *name;
	const char *script;
	const char *input;
	const char *env[3];
	size_t output_most;
	int ret, status;
	const char *output;
	const char *error;
} rows[] = {
	{ "nothing", "true", NULL, { NULL }, 0, 0, 0, "", "" },
	{ "a status", "exit 75", NULL, { NULL }, 0, 0, 75, "", "" },
	{ "a signal", "kill -9 $$", NULL, { NULL }, 0, 0, 128 + SIGKILL, "", "" },
	{ "output", "echo out; echo err >&2", NULL, { NULL }, 0, 0, 0, "out\n", "err" },
	{ "the last line that says anything",
	  "printf 'one\\ntwo\\n\\n \\n' >&2",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "",
	  "two" },
	{ "an error without a newline",
	  "printf 'a\\033[1mb' >&2",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "",
	  "a\\x1b[1mb" },
	{ "input", "cat", "some\ninput", { NULL }, 0, 0, 0, "some\ninput", "" },
	{ "input that nobody reads",
	  "exec <&-; echo done",
	  "some input",
	  { NULL },
	  0,
	  0,
	  0,
	  "done\n",
	  "" },
	{ "no input", "cat; echo end", NULL, { NULL }, 0, 0, 0, "end\n", "" },
	{ "output beyond the bound", "printf 1234567890", NULL, { NULL }, 4, 0, 0, "1234", "" },
	{ "much output beyond the bound",
	  "yes | head -c 3000000; echo x >&2",
	  NULL,
	  { NULL },
	  2,
	  0,
	  0,
	  "y\n",
	  "x" },
	{ "much error output",
	  "yes | head -c 300000 >&2; echo last >&2",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "",
	  "last" },
	{ "a clean environment",
	  "env | grep -v '^\\(_\\|SHLVL\\|PWD\\|OLDPWD\\|TZ\\)=' | sort",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "LANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
	  "" },
	{ "variables",
	  "echo \"$A$B\"; echo \"$PATH\" | cut -c 1-4",
	  NULL,
	  { "A=1 ", "B=$(id)" },
	  0,
	  0,
	  0,
	  "1 $(id)\n/usr\n",
	  "" },
	{ "another PATH",
	  "echo \"$PATH\"; echo $LANG",
	  NULL,
	  { "PATH=/bin" },
	  0,
	  0,
	  0,
	  "/bin\nC.UTF-8\n",
	  "" },
	{ "no other descriptor",
	  "for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; "
	  "done; true",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "",
	  "" },
	{ "a group of its own, the root folder",
	  "ps -o pgid= $$ | tr -d ' ' | grep -qx $$ && pwd",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  "/\n",
	  "" },
	{ "SIGPIPE is as usual", "yes | head -n 1", NULL, { NULL }, 0, 0, 0, "y\n", "" },
	{ "what stays behind does not hold us",
	  "sleep 300 & echo $!",
	  NULL,
	  { NULL },
	  0,
	  0,
	  0,
	  NULL,
	  "" },
	/* The time is over from the start. */
	{ "it takes too long",
	  "echo out; exec sleep 300",
	  NULL,
	  { "LATE=1" },
	  0,
	  -1,
	  128 + SIGTERM,
	  NULL,
	  "/bin/sh: it did not end in time and was killed" },
	{ "its children take too long",
	  "sleep 300 & sleep 300; true",
	  NULL,
	  { "LATE=1" },
	  0,
	  -1,
	  128 + SIGTERM,
	  NULL,
	  "was killed" },
};

static void runs(void **state)
{
	const struct row *row = *state;
	const char *argv[] = { "/bin/sh", "-c", row->script, NULL };
	struct postern_run run = { .argv = argv,
				   .env = row->env[0] ? row->env : NULL,
				   .input = row->input,
				   .input_len = row->input ? strlen(row->input) : 0,
				   .timeout_s = 60,
				   .output_most = row->output_most };
	bool late = row->env[0] && strcmp(row->env[0], "LATE=1") == 0;
	int ours = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	program_limit(30, late ? clock_ms() - 1 : 0);
	assert_int_equal(program_run(&run), row->ret);
	program_limit(30, 0);
	assert_int_equal(run.status, row->status);
	if (row->ret < 0)
		assert_null(run.output);
	else if (row->output)
		assert_string_equal(run.output, row->output);
	else
		(void)kill(atoi(run.output), SIGKILL);
	if (row->ret < 0)
		assert_non_null(strstr(run.error, row->error));
	else
		assert_string_equal(run.error, row->error);
	free(run.output);
	(void)close(ours);
}

/* A script that starts others, none of which hears SIGTERM; all hold the pipe, which they open by name. */
static char *script_with_children(int fd)
{
	/* No descriptor of ours goes into a program. */
	return xasprintf("exec 5>/proc/%d/fd/%d; trap '' TERM; (sleep 300; true) & sleep 300 & "
			 "echo >&5; wait; wait",
			 (int)getpid(), fd);
}

/* The pipe's end is seen as soon as the kernel has buried the last who held it. */
static void expect_none_left(int fd)
{
	struct pollfd end = { fd, POLLIN, 0 };
	char byte;

	while (poll(&end, 1, 10000) == 1 && read(fd, &byte, 1) == 1)
		;
	assert_true(end.revents & POLLHUP);
}

/* What a program has started dies with it, also where SIGTERM is ignored. */
static void kills_group(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct postern_run run = { .argv = argv, .timeout_s = 1 };
	char *script;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	argv[2] = script = script_with_children(fds[1]);
	assert_int_equal(program_run(&run), -1);
	(void)close(fds[1]);
	expect_none_left(fds[0]);
	(void)close(fds[0]);
	free(script);
}

/* What is left behind when the one who runs it is killed: nothing. */
static void dies_with_us(void **state)
{
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct postern_run run = { .argv = argv, .timeout_s = 300 };
	int fds[2];
	pid_t actuator;
	char byte;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	actuator = fork();
	if (actuator == 0) {
		argv[2] = script_with_children(fds[1]);
		(void)program_run(&run);
		_exit(0);
	}
	(void)close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1); /* the script has started all of them */
	assert_int_equal(kill(actuator, SIGKILL), 0);
	assert_int_equal(waitpid(actuator, NULL, 0), actuator);
	expect_none_left(fds[0]);
	(void)close(fds[0]);
}

static const struct bad {
	const char *name;
	const char *argv[2];
	const char *error;
} bads[] = {
	{ "no program", { NULL }, "a program's absolute path was expected" },
	{ "no absolute path", { "true", NULL }, "a program's absolute path was expected" },
	{ "nothing there", { "/nonexistent/x", NULL }, "/nonexistent/x: No such file" },
	{ "no program's file", { "/etc/passwd", NULL }, "/etc/passwd: Permission denied" },
	{ "a folder", { "/tmp", NULL }, "/tmp: Permission denied" },
};

static void does_not_run(void **state)
{
	const struct bad *row = *state;
	struct postern_run run = { .argv = row->argv };

	assert_int_equal(program_run(&run), -1);
	assert_int_equal(run.status, -1);
	assert_null(run.output);
	assert_non_null(strstr(run.error, row->error));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD); /* nothing is left to be reaped */
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(bads) + 2];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, runs);
	ADD_ROWS(tests, n, bads, does_not_run);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(kills_group);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(dies_with_us);
	return _cmocka_run_group_tests("program", tests, n, NULL, NULL);
}
