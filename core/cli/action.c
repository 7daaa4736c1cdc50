/*
 * action - `postern action`: one plugin, tried by hand
 *
 * For who sets postern up, or writes a plugin: the plugin is loaded, checked and called as an
 * actuator would do it, with the same time-outs and the same guard, but in this process, with
 * this user's rights, and with what the command line says instead of a decision.
 */
#include "core/action/catalogue.h"
#include "core/action/host.h"
#include "core/action/options.h"
#include "core/action/order.h"
#include "core/base/mem.h"
#include "core/cli/guards.h"
#include "core/cli/json.h"
#include "core/cli/setup.h"
#include "core/cli/verbs.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

static const char help[] =
	"usage: postern action NAME apply|lift|list|check [options]\n"
	"\n"
	"Calls one action's plugin by hand: applies or lifts what the options say, lists what it "
	"has\n"
	"in force, or says what would not work on this machine. Status 0: done, 1: not done, or\n"
	"something would not work, 2: an error.\n"
	"\n"
	"      --option KEY=VALUE  an option of the plugin; again for further values of a list\n"
	"      --user USER         the account\n"
	"      --address ADDRESS   an address or a prefix; may be given again\n"
	"      --queue-id ID       a message in the queue; may be given again\n"
	"      --for TIME          how long, like \"10m\"; without it, until it is lifted\n"
	"      --id NUMBER         the decision's number; without it, one that no decision has\n"
	"      --release WHAT      for lift, what becomes of held mail: keep, release or purge\n"
	"      --json FILE         the decision as JSON, for plugins that pass it on\n"
	"      --plugins DIR       plugins instead of the installed ones\n"
	"      --state DIR         a folder for what the plugin has to remember\n"
	"  -c, --config FILE       settings instead of the installed postern.conf\n";

static const struct option long_options[] = {
	{ "option", required_argument, NULL, 'o' },
	{ "user", required_argument, NULL, 'u' },
	{ "address", required_argument, NULL, 'a' },
	{ "queue-id", required_argument, NULL, 'q' },
	{ "for", required_argument, NULL, 'f' },
	{ "id", required_argument, NULL, 'i' },
	{ "release", required_argument, NULL, 'r' },
	{ "json", required_argument, NULL, 'j' },
	{ "plugins", required_argument, NULL, 'p' },
	{ "state", required_argument, NULL, 's' },
	{ "config", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char *const release_names[] = { "keep", "release", "purge" };

struct trial {
	struct arena *arena;
	struct setup_options options;
	struct setup setup;
	struct catalogue *own; /* of --plugins */
	const struct postern_action *action;
	const struct postern_host *host;
	void *ctx;
	const char *plugins, *state, *json_path;
	struct action_setting *setting;
	size_t n_settings, cap_settings;
	struct postern_address *address;
	size_t cap_addresses;
	const char **queue_id;
	size_t cap_queue_ids;
	struct postern_item item;
	int64_t for_s; /* 0: for ever */
	size_t problems;
};

/* KEY=VALUE; a key that comes again has one value more. */
static int add_option(struct trial *t, const char *text)
{
	size_t len = strcspn(text, "=");
	struct action_setting *s = t->setting;
	const char **value;

	if (len == 0 || text[len] != '=') {
		complain("--option: expected KEY=VALUE, not \"%s\"", text);
		return -1;
	}
	while (s < t->setting + t->n_settings && (strncmp(s->name, text, len) != 0 || s->name[len]))
		s++;
	if (s == t->setting + t->n_settings) {
		t->setting = array_grow(t->setting, t->n_settings, &t->cap_settings, sizeof(*s));
		s = &t->setting[t->n_settings++];
		*s = (struct action_setting){ .name = arena_strndup(t->arena, text, len) };
	}
	value = arena_alloc(t->arena, (s->n + 1) * sizeof(*value));
	if (s->n > 0)
		memcpy(value, s->value, s->n * sizeof(*value));
	value[s->n++] = text + len + 1;
	s->value = value;
	return 0;
}

static int add_address(struct trial *t, const char *text)
{
	struct prefix p;
	size_t n = t->item.n_addresses;

	if (!prefix_parse(&p, slice_of(text))) {
		complain("--address: expected an address or a prefix like \"192.0.2.0/24\", not "
			 "\"%s\"",
			 text);
		return -1;
	}
	t->address = array_grow(t->address, n, &t->cap_addresses, sizeof(*t->address));
	memcpy(t->address[n].byte, p.base.byte, sizeof(p.base.byte));
	t->address[n].bits = p.bits;
	t->item.address = t->address;
	t->item.n_addresses = n + 1;
	return 0;
}

static int add_queue_id(struct trial *t, const char *text)
{
	size_t n = t->item.n_queue_ids;

	if (!order_queue_id_is_valid(slice_of(text))) {
		complain("--queue-id: expected letters, digits, \"-\" and \".\", at most %d, not "
			 "\"%s\"",
			 QUEUE_ID_MOST, text);
		return -1;
	}
	t->queue_id = array_grow(t->queue_id, n, &t->cap_queue_ids, sizeof(*t->queue_id));
	t->queue_id[n] = text;
	t->item.queue_id = t->queue_id;
	t->item.n_queue_ids = n + 1;
	return 0;
}

static int set_user(struct trial *t, const char *text)
{
	t->item.user = text;
	if (order_user_is_valid(slice_of(text)))
		return 0;
	complain("--user: expected 1 to %d bytes of UTF-8 without control characters",
		 ORDER_USER_MOST);
	return -1;
}

static int set_release(struct trial *t, const char *text)
{
	for (size_t i = 0; i < COUNT(release_names); i++) {
		if (strcmp(release_names[i], text) == 0) {
			t->item.release = (enum postern_release)i;
			return 0;
		}
	}
	complain("--release: expected one of keep, release, purge, not \"%s\"", text);
	return -1;
}

static int set_id(struct trial *t, const char *text)
{
	long long id;

	if (!slice_number(slice_of(text), &id)) {
		complain("--id: expected a number, not \"%s\"", text);
		return -1;
	}
	t->item.id = (uint64_t)id;
	return 0;
}

static int set_span(struct trial *t, const char *text)
{
	struct err err;

	if (span_parse(&t->for_s, text, &err) == 0)
		return 0;
	complain("--for: %s", err.text);
	return -1;
}

/* What a plugin would be given as JSON, where nobody has named a file. */
static const char *make_json(struct trial *t)
{
	json_t *o = json_object(), *subject = json_object(), *addresses = json_array();
	char text[ADDRESS_TEXT], *dump;
	const char *kept;

	json_set_text(o, "jail", t->item.jail);
	json_set_text(o, "verdict", t->item.level);
	json_set_text(subject, "user", t->item.user);
	(void)json_object_set_new(o, "subject", subject);
	for (size_t i = 0; i < t->item.n_addresses; i++) {
		json_t *a = json_object();

		json_set_text(a, "ip", t->host->address_text(&t->address[i], text));
		(void)json_object_set_new(a, "bot", json_true());
		(void)json_array_append_new(addresses, a);
	}
	(void)json_object_set_new(o, "addresses", addresses);
	dump = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	kept = arena_strdup(t->arena, dump ? dump : "{}");
	free(dump);
	json_decref(o);
	return kept;
}

static int read_json(struct trial *t)
{
	json_error_t why;
	json_t *o = json_load_file(t->json_path, JSON_REJECT_DUPLICATES, &why);
	char *dump = json_is_object(o) ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	int ret = dump && strlen(dump) <= ORDER_JSON_MOST ? 0 : -1;

	if (ret == 0)
		t->item.json = arena_strdup(t->arena, dump);
	else
		complain("%s: expected one JSON object of at most %d bytes%s%s", t->json_path,
			 ORDER_JSON_MOST, o ? "" : ": ", o ? "" : why.text);
	free(dump);
	json_decref(o);
	return ret;
}

/* "DIR/actions/NAME" below the daemon's state folder, where the actuator's is, or --state's. */
static const char *state_dir(struct trial *t, const char *name)
{
	char *above = xasprintf("%s/actions", t->setup.daemon.state_dir);
	char *dir = t->state ? xstrdup(t->state) : xasprintf("%s/%s", above, name);
	const char *kept = arena_strdup(t->arena, dir);

	if (!t->state)
		(void)mkdir(above, 0700); /* what fails here shows when the plugin is opened */
	(void)mkdir(dir, 0700);
	free(above);
	free(dir);
	return kept;
}

static int load_plugin(struct trial *t, const char *name, struct err *err)
{
	if (setup_load(&t->setup, &t->options, SETUP_FILTERS, err) < 0)
		return -1;
	t->own = catalogue_new(t->plugins ? t->plugins : t->setup.plugins_dir, false);
	t->action = catalogue_plugin(t->own, name, err);
	if (!t->action)
		return -1;
	t->ctx = options_context(t->action, t->setting, t->n_settings, t->arena, err);
	return t->ctx ? 0 : -1;
}

static void on_warning(void *ctx, const char *text)
{
	(void)ctx;
	complain("%s", text);
}

/* Own addresses, gateways and the like are not banned by hand either. */
static void spare(struct trial *t)
{
	struct prefixset guard = { 0 };
	char spared[300];

	guards_find(&guard, &t->setup, on_warning, t);
	if (order_spare(&t->item, &guard, t->arena, spared, sizeof(spared)) > 0)
		complain("never banned, and left out: %s", spared);
	prefixset_fini(&guard);
}

static int act(struct trial *t, bool lift)
{
	static const char *const words[] = { "done", "retry", "failed" };
	struct postern_item *item = &t->item;
	void (*call)(void *ctx, struct postern_item *items, size_t n) =
		lift ? t->action->lift : t->action->apply;

	if (!item->user && item->n_addresses == 0) {
		complain("action: expected --user or --address: whom is it about?");
		return EXIT_ERROR;
	}
	if (!lift)
		spare(t);
	if (!item->user && item->n_addresses == 0)
		return EXIT_FOUND;
	if (call) {
		call_begin();
		call(t->ctx, item, 1);
		call_end();
	}
	item->text[sizeof(item->text) - 1] = '\0';
	if ((unsigned int)item->result >= COUNT(words))
		item->result = POSTERN_FAILED;
	(void)printf("%s%s%s\n", words[item->result], *item->text ? ": " : "", item->text);
	return item->result == POSTERN_DONE ? EXIT_NOTHING : EXIT_FOUND;
}

static void print_found(void *to, const struct postern_found *found)
{
	const struct trial *t = to;
	char text[ADDRESS_TEXT], *user;

	if (found->address)
		(void)puts(t->host->address_text(found->address, text));
	if (!found->user)
		return;
	user = text_printable(slice_of(found->user));
	(void)puts(user);
	free(user);
}

static int list(struct trial *t)
{
	char why[256] = "";
	int ret;

	if (!t->action->list) {
		complain("action: \"%s\" can't tell what is in force", t->action->name);
		return EXIT_ERROR;
	}
	call_begin();
	ret = t->action->list(t->ctx, print_found, t, why, sizeof(why));
	call_end();
	why[sizeof(why) - 1] = '\0';
	if (ret < 0)
		complain("%s: %s", t->action->name, why);
	return ret < 0 ? EXIT_FOUND : EXIT_NOTHING;
}

static void on_complaint(void *to, const char *text)
{
	struct trial *t = to;

	complain("%s: %s", t->action->name, text);
	t->problems++;
}

static int check(struct trial *t)
{
	if (t->action->check) {
		call_begin();
		t->action->check(t->ctx, t->host, on_complaint, t);
		call_end();
	}
	return t->problems ? EXIT_FOUND : EXIT_NOTHING;
}

static int run_open(struct trial *t, const char *verb)
{
	char why[256] = "";
	int status, ret = 0;

	call_begin();
	if (t->action->open)
		ret = t->action->open(t->ctx, t->host, why, sizeof(why));
	call_end();
	why[sizeof(why) - 1] = '\0';
	if (ret < 0) {
		complain("%s: %s", t->action->name, why);
		return EXIT_FOUND;
	}
	status = strcmp(verb, "list") == 0 ? list(t) : act(t, strcmp(verb, "lift") == 0);
	if (t->action->close)
		t->action->close(t->ctx);
	return status;
}

static int run(struct trial *t, const char *name, const char *verb)
{
	struct err err;

	if (strcmp(verb, "apply") != 0 && strcmp(verb, "lift") != 0 && strcmp(verb, "list") != 0 &&
	    strcmp(verb, "check") != 0) {
		complain("action: expected apply, lift, list or check, not \"%s\"", verb);
		return EXIT_ERROR;
	}
	if (load_plugin(t, name, &err) < 0) {
		complain("%s", err.text);
		return EXIT_ERROR;
	}
	t->host = host_init(t->action, state_dir(t, name));
	if (t->json_path ? read_json(t) < 0 : !(t->item.json = make_json(t)))
		return EXIT_ERROR;
	if (t->for_s)
		t->item.until_s = (int64_t)time(NULL) + t->for_s;
	return strcmp(verb, "check") == 0 ? check(t) : run_open(t, verb);
}

/* 0: go on; -1: it is no option, or a wrong one. */
static int take_option(struct trial *t, int opt)
{
	switch (opt) {
	case 'o':
		return add_option(t, optarg);
	case 'u':
		return set_user(t, optarg);
	case 'a':
		return add_address(t, optarg);
	case 'q':
		return add_queue_id(t, optarg);
	case 'f':
		return set_span(t, optarg);
	case 'i':
		return set_id(t, optarg);
	case 'r':
		return set_release(t, optarg);
	case 'j':
		t->json_path = optarg;
		return 0;
	case 'p':
		t->plugins = optarg;
		return 0;
	case 's':
		t->state = optarg;
		return 0;
	case 'c':
		t->options.conf = optarg;
		return 0;
	default:
		(void)fputs("`postern action --help` lists the options\n", stderr);
		return -1;
	}
}

static void trial_fini(struct trial *t)
{
	catalogue_free(t->own);
	if (t->setup.arena)
		setup_fini(&t->setup);
	free(t->setting);
	free(t->address);
	free(t->queue_id);
	arena_free(t->arena);
}

int verb_action(int argc, char **argv)
{
	struct trial t = { .arena = arena_new(),
			   .item = { .id = INT64_MAX,
				     .jail = "by-hand",
				     .level = "act",
				     .reason = "tried by hand" } };
	int opt, status = EXIT_ERROR;

	while ((opt = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		if (opt == 'h') {
			(void)fputs(help, stdout);
			status = EXIT_NOTHING;
			goto out;
		}
		if (take_option(&t, opt) < 0)
			goto out;
	}
	if (argc - optind != 2) {
		complain("action: expected the name of a plugin and what to do; "
			 "`postern action --help` says more");
		goto out;
	}
	status = run(&t, argv[optind], argv[optind + 1]);
out:
	trial_fini(&t);
	return status;
}
