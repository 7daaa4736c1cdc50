/*
 * posternd - the daemon: options, then the monitor
 *
 * It stays in the foreground, as service managers like it, and says when it is ready (sd_notify(3)).
 */
#include "core/base/log.h"
#include "core/cli/monitor.h"
#include "core/cli/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

static const char help[] =
	"usage: posternd [options] [LOG ...]\n"
	"\n"
	"Watches mail logs as they are written and acts on accounts in foreign hands. Without LOG: "
	"the\n"
	"logs of postern.conf, else the usual ones of this machine, else its journal.\n"
	"\n"
	"  -c, --config FILE    settings instead of the installed postern.conf\n"
	"      --from-start     read logs that were never read before from their first line\n"
	"      --tz ZONE        zone of times that name none, such as Europe/Madrid\n"
	"  -v, --verbose        log more; -q, --quiet: errors and decisions alone\n"
	"      --help, --version\n"
	"\n"
	"SIGHUP loads the configuration anew, SIGTERM saves and ends; bans stay. `postern status` "
	"tells\n"
	"how it goes. See posternd(8).\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "from-start", no_argument, NULL, 's' },
	{ "tz", required_argument, NULL, 'z' },     { "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },        { "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },      { NULL, 0, NULL, 0 },
};

/* 0: go on; else the exit status plus one. */
static int take_options(struct monitor_options *o, int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "c:vqhV", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->setup.conf = optarg;
			break;
		case 's':
			o->from_start = true;
			break;
		case 'z':
			if (!set_zone(optarg))
				return EXIT_ERROR + 1;
			break;
		case 'v':
			o->log_priority_most = LOG_DEBUG;
			break;
		case 'q':
			o->log_priority_most = LOG_WARNING;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_NOTHING + 1;
		case 'V':
			(void)puts("posternd " VERSION);
			return EXIT_NOTHING + 1;
		default:
			(void)fputs("`posternd --help` lists the options\n", stderr);
			return EXIT_ERROR + 1;
		}
	}
	o->logs = (const char *const *)argv + optind;
	o->n_logs = (size_t)(argc - optind);
	return 0;
}

int main(int argc, char **argv)
{
	struct monitor_options o = { .log_priority_most = LOG_INFO };
	struct err err;
	int status;

	tzset();
	status = take_options(&o, argc, argv);
	if (status)
		return status - 1;
	if (monitor_run(&o, &err) < 0) {
		log_line(LOG_CRIT, "%s", err.text);
		return EXIT_ERROR;
	}
	return EXIT_NOTHING;
}
