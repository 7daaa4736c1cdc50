/*
 * children - the monitor's processes: started, watched, started again
 *
 * They are forked and nothing is executed: what the monitor has loaded - filters, jails, plugins,
 * databases - is there in each of them, unwritten and so in memory once. A child that ran for a
 * minute and then ends is started after a second; one that keeps ending waits longer each time.
 */
#include "core/cli/children.h"

#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

enum { STABLE_MS = 60 * 1000, WAIT_MS = 1000, WAIT_MOST_MS = 60 * 1000 };

/* dup2() onto the two numbers, without one overwriting the other. */
static bool place_descriptors(int channel_fd, int log_fd)
{
	int channel = fcntl(channel_fd, F_DUPFD, CHILD_LOG + 1);
	int log = fcntl(log_fd, F_DUPFD, CHILD_LOG + 1);

	return channel >= 0 && log >= 0 && dup2(channel, CHILD_CHANNEL) >= 0 &&
	       dup2(log, CHILD_LOG) >= 0 && syscall(SYS_close_range, CHILD_LOG + 1, ~0U, 0) == 0;
}

static void default_signals(void)
{
	struct sigaction act = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &act, NULL);
	act.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &act, NULL);
	/* The terminal's and the service manager's signals are for the monitor, which tells us. */
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGHUP, &act, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void be_born(const struct child_birth *birth)
{
	default_signals();
	(void)prctl(PR_SET_NAME, birth->child->name);
	if (!place_descriptors(birth->channel_fd, birth->log_fd))
		_exit(1);
	log_open_remote(CHILD_LOG, birth->log_priority_most);
}

/* How long after the last start it may be started again. */
static int64_t wait_ms(const struct child *c)
{
	int64_t ms = WAIT_MS;

	for (unsigned int i = 1; i < c->failures && ms < WAIT_MOST_MS; i++)
		ms *= 2;
	return ms < WAIT_MOST_MS ? ms : WAIT_MOST_MS;
}

int child_fork(const struct child_birth *birth, struct instant now, struct err *err)
{
	struct child *c = birth->child;
	pid_t pid = fork();

	if (pid == 0) {
		be_born(birth);
		return 0;
	}
	if (pid < 0) {
		c->failures++;
		c->again.ms = now.ms + wait_ms(c);
		return err_set(err, errno, "starting %s: %s", c->name, strerror(errno));
	}
	c->pid = pid;
	c->started = now;
	c->again = INSTANT_NONE;
	return 1;
}

void child_ended(struct child *c, int status, struct instant now, bool wanted)
{
	char fate[80];

	c->pid = 0;
	c->again = INSTANT_NONE;
	if (!wanted)
		return;
	c->failures = since(c->started, now) >= STABLE_MS ? 1 : c->failures + 1;
	c->again.ms = now.ms + wait_ms(c);
	log_line(LOG_ERR, "%s %s; it is started again in %lld s", c->name,
		 child_fate(status, fate, sizeof(fate)), (long long)(wait_ms(c) / 1000));
}

const char *child_fate(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	else
		(void)snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
	return buf;
}
