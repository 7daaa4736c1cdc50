/*
 * host - what a plugin is given to work with: programs, log, addresses, a folder
 *
 * A plugin may block, but not for ever: the programs that it runs end with the time of the call
 * (program.c), and behind that stands a watchdog, a timer of the kernel's. A call that still does
 * not return ends the process; the monitor starts another one.
 *
 * There is one plugin in a process, so its state is this file's.
 */
#include "core/action/host.h"

#include "core/base/address.h"
#include "core/base/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	TIMEOUT_S = 30,
	HANG_GRACE_S = 5, /* between the end of a call's time and the watchdog */
};

#define WATCHDOG_SIGNAL (SIGRTMIN + 1)

static struct {
	struct postern_host host;
	const char *name;
	unsigned int timeout_s;
	timer_t watchdog;
	pid_t watched; /* timers are not inherited: whose it is; 0: there is none */
} self;

/* Only what signal-safety(7) allows: the plugin hangs with whatever lock it holds. */
static void on_hang(int signal_number)
{
	static const char text[] = "a plugin hangs: this process ends\n";

	(void)signal_number;
	program_kill();
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(CALL_HUNG);
}

static void set_watchdog(unsigned int seconds)
{
	struct itimerspec at = { .it_value = { .tv_sec = seconds } };

	if (self.watched == getpid())
		(void)timer_settime(self.watchdog, 0, &at, NULL);
}

void call_begin(void)
{
	program_limit(self.timeout_s, clock_ms() + INT64_C(1000) * self.timeout_s);
	set_watchdog(self.timeout_s + HANG_GRACE_S);
}

void call_end(void)
{
	set_watchdog(0);
	program_limit(self.timeout_s, 0);
}

__attribute__((format(printf, 2, 3))) static void log_for_plugin(int priority, const char *format,
								 ...)
{
	char text[900];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_line(priority, "%s: %s", self.name, text);
}

static const char *text_of_address(const struct postern_address *a, char *text)
{
	struct prefix p = { .bits = a->bits };

	memcpy(p.base.byte, a->byte, sizeof(p.base.byte));
	return prefix_text(&p, text);
}

static int address_of_text(struct postern_address *a, const char *text)
{
	struct prefix p;

	if (!prefix_parse(&p, slice_of(text)))
		return -1;
	memcpy(a->byte, p.base.byte, sizeof(a->byte));
	a->bits = p.bits;
	return 0;
}

const struct postern_host *host_init(const struct postern_action *action, const char *state_dir)
{
	struct sigaction hang = { .sa_handler = on_hang };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = WATCHDOG_SIGNAL };

	self.name = action->name;
	self.timeout_s = action->timeout_s ? action->timeout_s : TIMEOUT_S;
	self.host = (struct postern_host){ program_run, log_for_plugin, text_of_address,
					   address_of_text, state_dir };
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&hang.sa_mask);
	(void)sigaction(WATCHDOG_SIGNAL, &hang, NULL);
	if (self.watched != getpid() && timer_create(CLOCK_MONOTONIC, &event, &self.watchdog) == 0)
		self.watched = getpid();
	return &self.host;
}
