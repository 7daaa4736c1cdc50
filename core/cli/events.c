/*
 * events - `postern events`: what the filters make of the logs, one JSON object a line
 */
#include "core/base/mem.h"
#include "core/cli/event_json.h"
#include "core/cli/json.h"
#include "core/cli/logs.h"
#include "core/cli/setup.h"
#include "core/cli/verbs.h"
#include "core/filter/sessions.h"
#include "core/filter/stream.h"

#include <getopt.h>

static const char help[] =
	"usage: postern events [options] [FILE|GLOB|-]...\n"
	"\n"
	"Prints every event of the logs as a JSON object on a line of its own: {\"time\", "
	"\"event\",\n"
	"\"filter\", \"match\", \"user\", \"ip\", \"service\", \"method\", \"queue_id\", ...}.\n"
	"Status 0: no event, 1: some, 2: an error.\n"
	"\n"
	"  -c, --config FILE    settings instead of the installed postern.conf\n"
	"      --filters DIR    filters instead of the installed ones\n"
	"      --tz ZONE        zone of times that name none\n"
	"      --journal        read this machine's journal; FILE: a journal file\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' }, { "filters", required_argument, NULL, 'f' },
	{ "tz", required_argument, NULL, 'z' },     { "journal", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
};

static int run(const struct setup *setup, const struct logs *logs, bool journal)
{
	struct stream_options o = { .threads = 2, .journal = journal, .since = INSTANT_NONE };
	struct sessions sessions;
	struct stream *stream;
	struct event event;
	const char *problem;
	int status = EXIT_NOTHING;

	o.now = instant_now();
	stream = stream_open(setup->filters, (const char *const *)logs->path, logs->n, &o);
	sessions_init(&sessions);
	while (stream_next(stream, &event)) {
		if (sessions_concern(&event) && !sessions_join(&sessions, &event))
			continue;
		json_print(event_json(&event), stdout);
		status = EXIT_FOUND;
	}
	for (size_t i = 0; (problem = stream_problem(stream, i)); i++) {
		complain("%s", problem);
		status = EXIT_ERROR;
	}
	stream_close(stream);
	sessions_fini(&sessions);
	return status;
}

int verb_events(int argc, char **argv)
{
	struct setup_options o = { 0 };
	struct logs logs = { 0 };
	struct setup setup;
	bool journal = false;
	struct err err;
	int opt, status = EXIT_ERROR;

	while ((opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o.conf = optarg;
			break;
		case 'f':
			o.filters = optarg;
			break;
		case 'z':
			if (!set_zone(optarg))
				return EXIT_ERROR;
			break;
		case 'j':
			journal = true;
			break;
		case 'h':
			(void)fputs(help, stdout);
			return EXIT_NOTHING;
		default:
			(void)fputs("`postern events --help` lists the options\n", stderr);
			return EXIT_ERROR;
		}
	}
	if (setup_load(&setup, &o, SETUP_FILTERS, &err) < 0) {
		complain("%s", err.text);
		return EXIT_ERROR;
	}
	if ((journal && optind == argc) || logs_find(&logs, argc - optind, argv + optind, &setup))
		status = run(&setup, &logs, journal);
	logs_free(&logs);
	setup_fini(&setup);
	return status;
}
