/*
 * plugged.h - a plugin of this build, between a test and a world that the test makes up
 *
 * The plugin is loaded and gets its options as the daemon would do it. Its host is a fake: programs
 * are not run but written down, and answer what the test has laid out for them.
 */
#pragma once

#include "core/action/options.h"
#include "core/action/plugin.h"
#include "core/base/address.h"

#include "tests/rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a program whose words, with blanks between, hold `words` answers. */
struct reply {
	const char *words;
	int status; /* -1: it does not run to its end */
	const char *output, *error;
};

enum { REPLIES_MOST = 8, RUN_TEXT = 1 << 16 };

static struct {
	const struct reply *reply; /* the first that fits; without one a program does nothing */
	size_t n_replies;
	char ran[RUN_TEXT];   /* all programs, "a b c" on a line each */
	char input[RUN_TEXT]; /* all that they were given */
	unsigned int runs;
	char complaints[4096];
} fake;

struct plugged {
	struct plugin *plugin;
	const struct postern_action *action;
	void *ctx;
	struct arena *arena;
	struct postern_host host;
	char dir[64]; /* of the plugin's state, and of what files a test makes */
};

static inline void append(char *text, size_t size, const char *more, size_t len)
{
	size_t used = strlen(text);

	assert_true(used + len < size);
	memcpy(text + used, more, len);
	text[used + len] = '\0';
}

static int fake_run(struct postern_run *run)
{
	char words[RUN_TEXT] = "";
	struct reply reply = { 0 };

	for (size_t i = 0; run->argv[i]; i++) {
		append(words, sizeof(words), i ? " " : "", i ? 1 : 0);
		append(words, sizeof(words), run->argv[i], strlen(run->argv[i]));
	}
	for (size_t i = fake.n_replies; i-- > 0;)
		if (strstr(words, fake.reply[i].words))
			reply = fake.reply[i];
	append(words, sizeof(words), "\n", 1);
	append(fake.ran, sizeof(fake.ran), words, strlen(words));
	if (run->input)
		append(fake.input, sizeof(fake.input), run->input, run->input_len);
	fake.runs++;
	run->status = reply.status;
	(void)snprintf(run->error, sizeof(run->error), "%s", reply.error ? reply.error : "");
	run->output = reply.status < 0 ? NULL : xstrdup(reply.output ? reply.output : "");
	run->output_len = run->output ? strlen(run->output) : 0;
	return reply.status < 0 ? -1 : 0;
}

static void fake_log(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
}

static const char *fake_address_text(const struct postern_address *a, char *text)
{
	struct prefix p = { .bits = a->bits };

	memcpy(p.base.byte, a->byte, sizeof(p.base.byte));
	return prefix_text(&p, text);
}

static inline void on_complaint(void *to, const char *text)
{
	(void)to;
	append(fake.complaints, sizeof(fake.complaints), text, strlen(text));
	append(fake.complaints, sizeof(fake.complaints), "\n", 1);
}

/* Where this build's plugins lie: beside its tests. */
static inline void plugin_folder(char dir[PATH_MAX])
{
	char exe[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(len > 0);
	exe[len] = '\0';
	assert_true(snprintf(dir, PATH_MAX, "%s/../actions", dirname(exe)) < PATH_MAX);
}

static inline void plug(struct plugged *p, const char *name)
{
	char dir[PATH_MAX];
	struct err err;

	*p = (struct plugged){
		.host = { .run = fake_run, .log = fake_log, .address_text = fake_address_text }
	};
	memset(&fake, 0, sizeof(fake));
	plugin_folder(dir);
	if (plugin_load(&p->plugin, dir, name, &err) < 0)
		fail_msg("%s", err.text);
	p->action = plugin_action(p->plugin);
	p->arena = arena_new();
	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/postern-test.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->host.state_dir = p->dir;
}

/* Options of one value each: NAME, VALUE, ... NULL. Does not open. */
static inline void set_up(struct plugged *p, const char *const *options)
{
	struct action_setting setting[16];
	size_t n = 0;
	struct err err;

	for (; options && options[2 * n]; n++)
		setting[n] = (struct action_setting){ options[2 * n], &options[2 * n + 1], 1 };
	p->ctx = options_context(p->action, setting, n, p->arena, &err);
	if (!p->ctx)
		fail_msg("%s", err.text);
}

static inline void unplug(struct plugged *p)
{
	DIR *dir = opendir(p->dir);
	struct dirent *entry;

	if (p->ctx && p->action->close)
		p->action->close(p->ctx);
	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(p->dir);
	arena_free(p->arena);
	plugin_free(p->plugin);
}

/* A path in the test's folder; valid until the test is over. */
static inline const char *in_dir(const struct plugged *p, const char *name)
{
	char *path = arena_alloc(p->arena, strlen(p->dir) + strlen(name) + 2);

	(void)snprintf(path, strlen(p->dir) + strlen(name) + 2, "%s/%s", p->dir, name);
	return path;
}

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

/* The whole of a file, in the test's arena; "" where there is none. */
static inline const char *get_file(const struct plugged *p, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = arena_alloc(p->arena, RUN_TEXT);

	if (fd >= 0) {
		assert_true(read(fd, text, RUN_TEXT - 1) >= 0);
		assert_int_equal(close(fd), 0);
	}
	return text;
}
