/*
 * program - a program that a plugin runs: bounded in time, in output and in what it inherits
 *
 * It gets a process group of its own, three pipes and no other descriptor, a clean environment
 * and the root folder. When its time is over the whole group is told to end and, two seconds later,
 * killed. Where this process is killed itself, a warden sees to it: PR_SET_PDEATHSIG reaches a
 * program, but neither what that has started nor one that is set-user-ID. Its output is kept up to
 * a bound and read to its end all the same, or it would wait for us. Between fork(2) and execve(2)
 * nothing is called that a second thread of a plugin could have left locked.
 *
 * What a program leaves in the background when it ends in time goes on, and is meant to: that is how
 * Exim's sendmail delivers.
 *
 * BUGS: what has left the group, by setsid(2) or setpgid(2), is not killed.
 */
#include "core/action/program.h"

#include "core/base/mem.h"
#include "core/base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TIMEOUT_S = 30,
	TERM_GRACE_MS = 2000, /* between SIGTERM and SIGKILL */
	OUTPUT_MOST = 64 * 1024,
	OUTPUT_LIMIT = 16 * 1024 * 1024,
	TAIL = 1024, /* kept of standard error */
	ENV_MOST = 64,
};

/* There is one plugin in a process, and it runs one program at a time. */
static struct {
	unsigned int timeout_s;
	int64_t deadline_ms;
} limits = { .timeout_s = TIMEOUT_S };

static volatile sig_atomic_t running; /* its process group; 0: none runs */

struct program {
	struct postern_run *run;
	pid_t pid, warden;       /* warden: 0 where there is none */
	int pidfd, in, out, err; /* in, out, err: our ends; -1: closed */
	size_t written, cap;
	char tail[TAIL];
	size_t tail_len;
	int64_t deadline_ms;
	int killed; /* with which signal; 0: not */
};

int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

/* By their numbers: not every C library has names for these two yet, as glibc since 2.34 and 2.36. */
static void close_all(unsigned int from, unsigned int flags)
{
	(void)syscall(SYS_close_range, from, ~0U, flags);
}

static int open_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0U);
}

static bool is_named(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

/* PATH, LANG and TZ, where `given` does not name them, and all that it gives. */
static void make_environment(const char *env[ENV_MOST + 4], char *tz, size_t size,
			     const char *const *given)
{
	static const char *const names[] = { "PATH", "LANG", "TZ" };
	const char *own[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			      "LANG=C.UTF-8", tz };
	const char *zone = getenv("TZ");
	size_t n = 0, n_own = zone ? 3 : 2;

	(void)snprintf(tz, size, "TZ=%s", zone ? zone : "");
	for (; given && given[n] && n < ENV_MOST; n++)
		env[n] = given[n];
	for (size_t i = 0; i < n_own; i++) {
		bool is_given = false;

		for (size_t k = 0; given && given[k] && k < ENV_MOST; k++)
			is_given |= is_named(given[k], names[i]);
		if (!is_given)
			env[n++] = own[i];
	}
	env[n] = NULL;
}

/* The pipes: the program's three, one that tells whether execve(2) went well, one that lets it begin. */
enum { IN, OUT, ERR, FAILED, GATE, PIPES };

static _Noreturn void be_program(const struct postern_run *run, const char *const *env,
				 int pipes[PIPES][2])
{
	const int fd[3] = { pipes[IN][0], pipes[OUT][1], pipes[ERR][1] };
	sigset_t none;
	int moved[3], why;
	char go;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What it starts is to die with us from the first moment on: not before there is a warden. */
	close_fd(&pipes[GATE][1]);
	if (read(pipes[GATE][0], &go, 1) != 1)
		_exit(127);
	for (int s = 1; s < NSIG; s++)
		(void)signal(s, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* A pipe may have a number that belongs to another one here: first out of the way. */
	for (int i = 0; i < 3; i++)
		moved[i] = fcntl(fd[i], F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++)
		(void)dup2(moved[i], i);
	close_all(3, CLOSE_RANGE_CLOEXEC);
	if (chdir("/") == 0)
		(void)execve(run->argv[0], (char *const *)(uintptr_t)run->argv,
			     (char *const *)(uintptr_t)env);
	why = errno;
	(void)!write(pipes[FAILED][1], &why, sizeof(why));
	_exit(127);
}

/* Waits for the end of its parent, for nothing else, and takes the group with it. */
static _Noreturn void be_warden(pid_t parent, pid_t group)
{
	sigset_t end;
	int got;

	(void)sigemptyset(&end);
	(void)sigaddset(&end, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &end, NULL);
	close_all(0, 0); /* or whoever reads from our parent would not see its end */
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (getppid() == parent) /* it may have ended before it could be waited for */
		(void)sigwait(&end, &got);
	(void)kill(-group, SIGKILL);
	_exit(0);
}

static void start_warden(struct program *p)
{
	pid_t self = getpid(), pid = fork();

	if (pid == 0)
		be_warden(self, p->pid);
	p->warden = pid > 0 ? pid : 0; /* without one the program itself still dies with us */
}

/* Before the program is reaped: from then on the number of its group may be another's. */
static void end_warden(struct program *p)
{
	if (!p->warden)
		return;
	(void)kill(p->warden, SIGKILL);
	while (waitpid(p->warden, NULL, 0) < 0 && errno == EINTR)
		;
	p->warden = 0;
}

/* [0] is read from. */
static int make_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		pipes[i][0] = pipes[i][1] = -1;
	for (int i = 0; i < PIPES; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -1;
	return 0;
}

static void close_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++) {
		close_fd(&pipes[i][0]);
		close_fd(&pipes[i][1]);
	}
}

static int refuse(struct postern_run *run, const char *what, int code)
{
	(void)snprintf(run->error, sizeof(run->error), "%s: %s", what, strerror(code));
	return -1;
}

/* Takes our ends out of the pipes and waits until the program runs, or can't. */
static int wait_for_start(struct program *p, int pipes[PIPES][2])
{
	ssize_t n;
	int why = 0;

	p->in = pipes[IN][1];
	p->out = pipes[OUT][0];
	p->err = pipes[ERR][0];
	pipes[IN][1] = pipes[OUT][0] = pipes[ERR][0] = -1;
	close_fd(&pipes[FAILED][1]);
	do
		n = read(pipes[FAILED][0], &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	p->pidfd = open_pidfd(p->pid);
	if (n != sizeof(why) && p->pidfd >= 0)
		return 0;
	refuse(p->run, p->run->argv[0], n == sizeof(why) ? why : errno);
	(void)kill(p->pid, SIGKILL);
	end_warden(p);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -1;
}

static int start(struct program *p)
{
	const char *env[ENV_MOST + 4];
	int pipes[PIPES][2], ret = -1;
	char tz[128];

	make_environment(env, tz, sizeof(tz), p->run->env);
	if (make_pipes(pipes) < 0) {
		refuse(p->run, "pipe", errno);
		goto out;
	}
	p->pid = fork();
	if (p->pid == 0)
		be_program(p->run, env, pipes);
	if (p->pid < 0) {
		refuse(p->run, "fork", errno);
		goto out;
	}
	(void)setpgid(p->pid, p->pid); /* here too: the group is there before anybody kills it */
	start_warden(p);
	(void)!write(pipes[GATE][1], "", 1);
	for (int i = IN; i <= ERR; i++)
		close_fd(&pipes[i][i > IN]);
	ret = wait_for_start(p, pipes);
out:
	close_pipes(pipes);
	return ret;
}

/* All is written, or nobody reads: the program sees the end of its input. */
static void write_input(struct program *p)
{
	size_t left = p->run->input ? p->run->input_len - p->written : 0;
	ssize_t n = left ? write(p->in, p->run->input + p->written, left) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		p->written += (size_t)n;
	if (n < 0 || (size_t)n == left)
		close_fd(&p->in);
}

/* What is beyond the bound is read all the same, or the program would wait for us. */
static void keep_output(struct program *p, const char *data, size_t n)
{
	struct postern_run *run = p->run;
	size_t room = run->output_most - run->output_len;

	if (run->on_output && n > 0) {
		run->on_output(run->to, data, n);
		return;
	}
	n = n < room ? n : room;
	if (p->cap - run->output_len < n + 1) {
		p->cap = 2 * (run->output_len + n + 1);
		run->output = xrealloc(run->output, p->cap, 1);
	}
	memcpy(run->output + run->output_len, data, n);
	run->output_len += n;
	run->output[run->output_len] = '\0';
}

static void keep_tail(struct program *p, const char *data, size_t n)
{
	if (n > TAIL) {
		data += n - TAIL;
		n = TAIL;
	}
	if (p->tail_len + n > TAIL) {
		size_t gone = p->tail_len + n - TAIL;

		memmove(p->tail, p->tail + gone, p->tail_len - gone);
		p->tail_len -= gone;
	}
	memcpy(p->tail + p->tail_len, data, n);
	p->tail_len += n;
}

/* False where there is nothing more for now, or for ever; then *fd is -1. */
static bool read_output(struct program *p, int *fd)
{
	char buf[16 * 1024];
	ssize_t n = *fd < 0 ? -1 : read(*fd, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_fd(fd);
	if (n <= 0)
		return false;
	if (fd == &p->out)
		keep_output(p, buf, (size_t)n);
	else
		keep_tail(p, buf, (size_t)n);
	return true;
}

static void kill_late(struct program *p)
{
	(void)kill(-p->pid, p->killed ? SIGKILL : SIGTERM);
	p->killed = p->killed ? SIGKILL : SIGTERM;
	p->deadline_ms = clock_ms() + TERM_GRACE_MS;
}

/* Until the program has ended; its pipes may be closed before that, or held open after it. */
static void serve(struct program *p)
{
	for (;;) {
		int64_t left = p->deadline_ms - clock_ms();
		struct pollfd fds[4] = { { p->in, POLLOUT, 0 },
					 { p->out, POLLIN, 0 },
					 { p->err, POLLIN, 0 },
					 { p->pidfd, POLLIN, 0 } };

		if (left <= 0)
			kill_late(p);
		else if (poll(fds, COUNT(fds), (int)left) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			write_input(p);
		if (fds[1].revents)
			(void)read_output(p, &p->out);
		if (fds[2].revents)
			(void)read_output(p, &p->err);
		if (fds[3].revents)
			return;
	}
}

/* The last line of standard error that says anything. */
static void take_last_line(struct program *p)
{
	size_t end = p->tail_len, begin;
	char *line;

	while (end > 0 && strchr("\r\n\t ", p->tail[end - 1]))
		end--;
	for (begin = end; begin > 0 && p->tail[begin - 1] != '\n';)
		begin--;
	line = text_printable((struct slice){ p->tail + begin, end - begin });
	(void)snprintf(p->run->error, sizeof(p->run->error), "%s", line);
	free(line);
}

/* Its status, and what is left of its group where time was over. */
static int finish(struct program *p)
{
	int status = 0;

	if (p->killed)
		(void)kill(-p->pid, SIGKILL); /* before it is reaped: the number is still its own */
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	for (int i = 0; i < 1024 && read_output(p, &p->out); i++)
		;
	for (int i = 0; i < 1024 && read_output(p, &p->err); i++)
		;
	p->run->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	take_last_line(p);
	if (!p->killed)
		return 0;
	(void)snprintf(p->run->error, sizeof(p->run->error),
		       "%s: it did not end in time and was killed", p->run->argv[0]);
	return -1;
}

/* When the program's time is over: its own, or the call's where that ends before. */
static int64_t deadline_for(const struct postern_run *run)
{
	unsigned int own_s = run->timeout_s ? run->timeout_s : limits.timeout_s;
	int64_t own = clock_ms() + INT64_C(1000) * own_s;

	return limits.deadline_ms && limits.deadline_ms < own ? limits.deadline_ms : own;
}

static int run_to_end(struct program *p)
{
	const int ours[] = { p->in, p->out, p->err };

	for (size_t i = 0; i < COUNT(ours); i++)
		(void)fcntl(ours[i], F_SETFL, O_NONBLOCK);
	running = p->pid;
	serve(p);
	end_warden(p);
	running = 0;
	return finish(p);
}

int program_run(struct postern_run *run)
{
	struct program p = { .run = run, .pidfd = -1, .in = -1, .out = -1, .err = -1 };
	int ret;

	run->status = -1;
	run->output = NULL;
	run->output_len = 0;
	run->error[0] = '\0';
	if (run->output_most == 0 || run->output_most > OUTPUT_LIMIT)
		run->output_most = run->output_most ? OUTPUT_LIMIT : OUTPUT_MOST;
	if (!run->argv || !run->argv[0] || run->argv[0][0] != '/')
		return refuse(run, "a program's absolute path was expected", EINVAL);
	(void)signal(SIGPIPE, SIG_IGN);
	keep_output(&p, "", 0);
	p.deadline_ms = deadline_for(run);
	ret = start(&p);
	if (ret == 0)
		ret = run_to_end(&p);
	close_fd(&p.in);
	close_fd(&p.out);
	close_fd(&p.err);
	close_fd(&p.pidfd);
	if (ret < 0) {
		free(run->output);
		run->output = NULL;
		run->output_len = 0;
	}
	return ret;
}

void program_limit(unsigned int timeout_s, int64_t deadline_ms)
{
	limits.timeout_s = timeout_s;
	limits.deadline_ms = deadline_ms;
}

void program_kill(void)
{
	if (running > 0)
		(void)kill((pid_t)-running, SIGKILL);
}
