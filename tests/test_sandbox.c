/*
 * test_sandbox.c - what a process that gave its rights away may still do
 *
 * Each row runs in a child of its own, for there is no way back.
 */
#include "core/base/sandbox.h"

#include "tests/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SKIPPED = 77 };

static char dir[] = "/tmp/postern-test-XXXXXX";

static int open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) != MAP_FAILED;
}

static int run_program(void)
{
	char program[] = "/bin/true", *argv[] = { program, NULL };

	(void)execv(argv[0], argv);
	return 0;
}

static int make_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static int kill_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static void *on_thread(void *ctx)
{
	return ctx;
}

static int make_thread(void)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, on_thread, NULL) == 0 &&
	       pthread_join(thread, NULL) == 0;
}

static int write_in_dir(void)
{
	char path[sizeof(dir) + 8];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	return fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && unlink(path) == 0;
}

static int write_outside(void)
{
	return open("/tmp/postern-test-outside", O_WRONLY | O_CREAT, 0600) >= 0;
}

static int become_root(void)
{
	return setuid(0) == 0 || seteuid(0) == 0;
}

static const struct row {
	const char *name;
	int (*attempt)(void);
	bool works;
	int killed_by;
} rows[] = {
	{ "a file elsewhere can't be read", open_passwd, false, 0 },
	{ "a file elsewhere can't be made", write_outside, false, 0 },
	{ "its own folder can be written", write_in_dir, true, 0 },
	{ "no socket can be made", make_socket, false, 0 },
	{ "no memory can become code", map_code, false, 0 },
	{ "a program ends it", run_program, false, SIGSYS },
	{ "no process can be made", make_process, false, 0 },
	{ "no other process is reached", kill_parent, false, 0 },
	{ "a thread can be made", make_thread, true, 0 },
	{ "root is out of reach", become_root, false, 0 },
};

/* The child: 1 the attempt worked, 0 it did not, SKIPPED, or 99 the sandbox itself failed. */
static void confined(const struct row *row)
{
	struct sandbox_user nobody = { 65534, 65534 };
	struct err err;
	int landlock;

	if (sandbox_become(&nobody, (gid_t)-1, &err) < 0)
		_exit(99);
	landlock = sandbox_only_dir(dir, &err);
	if (landlock < 0 || sandbox_only_calls(&err) < 0)
		_exit(99);
	if (landlock == 1 && row->attempt == open_passwd)
		_exit(SKIPPED);
	_exit(row->attempt());
}

static void check(void **state)
{
	const struct row *row = *state;
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		confined(row);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (row->killed_by) {
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), row->killed_by);
		return;
	}
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), row->works);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && chmod(dir, 0777) == 0 ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
