/*
 * client - the tool's side of the control socket: one request, its answer, printed
 *
 *	command line -> request -> socket -> objects -> --json: as they came; else a verb's show()
 *
 * The whole answer is read before a line of it is printed: whoever pages through a history with
 * less(1) must not keep the daemon waiting.
 */
#include "core/cli/client.h"

#include "core/base/mem.h"
#include "core/base/slice.h"
#include "core/cli/verbs.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_MOST = 256 * 1024 * 1024, /* bytes */
	PATIENCE_S = 90,                 /* longer than the daemon takes over a reload */
	TRIES = 20, /* a tenth of a second apart, while the daemon takes its new configuration */
	FLAGS_MOST = 8,
	OPT_FLAG = 256, /* the verb's own options count from here */
};

struct client {
	const struct client_verb *verb;
	const char *socket;
	bool json;
	bool dialled; /* there was somebody to talk to */
	struct request request;
	json_t *objects;
	char *buf;
	size_t used, cap;
};

static int dial_once(const struct sockaddr_un *at)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
		return fd;
	code = errno;
	(void)close(fd);
	errno = code;
	return -1;
}

/* Refused: the socket is there and nobody listens, which at a reload is so for a moment. */
static int dial(const char *path, struct err *err)
{
	static const struct timespec tenth = { .tv_nsec = 100 * 1000 * 1000 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(err, ENAMETOOLONG, "%s: too long for a socket's path", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = dial_once(&at);
	for (int i = 1; fd < 0 && errno == ECONNREFUSED && i < TRIES; i++) {
		(void)nanosleep(&tenth, NULL);
		fd = dial_once(&at);
	}
	return fd < 0 ? err_set(err, errno, "%s: %s", path, strerror(errno)) : fd;
}

static int send_request(int fd, const struct request *r, struct err *err)
{
	json_t *object = request_json(r);
	char *text = json_dumps(object, JSON_COMPACT), *line;
	size_t len, sent = 0;
	ssize_t n = 0;

	json_decref(object);
	if (!text) /* a name that is no UTF-8 */
		return err_set(err, EILSEQ, "expected text in UTF-8");
	line = xasprintf("%s\n", text);
	len = strlen(line);
	while (sent < len && (n = send(fd, line + sent, len - sent, MSG_NOSIGNAL)) > 0)
		sent += (size_t)n;
	free(line);
	free(text);
	return sent < len ? err_set(err, errno, "the daemon hung up: %s", strerror(errno)) : 0;
}

/* One line of the answer: 1: it was the last, 0: it was not, -1: it is an error, or no answer. */
static int take_line(struct client *c, struct slice line, struct err *err)
{
	json_t *object = json_loadb(line.ptr, line.len, 0, NULL);
	const char *error = json_string_value(json_object_get(object, "error"));
	const char *hint = json_string_value(json_object_get(object, "hint"));
	int ret = 0;

	if (!json_is_object(object))
		ret = err_set(err, EPROTO, "the daemon gave no answer that this version reads");
	else if (error)
		ret = err_set(err, ECANCELED, "%s%s%s", error, hint ? "; " : "", hint ? hint : "");
	else if (json_is_true(json_object_get(object, "done")))
		ret = 1;
	else
		(void)json_array_append(c->objects, object);
	json_decref(object);
	return ret;
}

/* The lines that are complete; what is left moves to the front. */
static int take_lines(struct client *c, struct err *err)
{
	size_t at = 0;
	char *newline;
	int ret = 0;

	while (ret == 0 && (newline = memchr(c->buf + at, '\n', c->used - at))) {
		size_t len = (size_t)(newline - c->buf) - at;

		ret = take_line(c, (struct slice){ c->buf + at, len }, err);
		at += len + 1;
	}
	c->used -= at;
	memmove(c->buf, c->buf + at, c->used);
	return ret;
}

static int read_answer(struct client *c, int fd, struct err *err)
{
	size_t total = 0;
	int ret = 0;

	while (ret == 0) {
		ssize_t n;

		if (c->cap - c->used < 65536) {
			c->cap = 2 * c->cap + 65536;
			c->buf = xrealloc(c->buf, c->cap, 1);
		}
		n = recv(fd, c->buf + c->used, c->cap - c->used, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return err_set(err, ECONNRESET,
				       "the daemon ended before it had answered: ask again");
		if (n < 0)
			return err_set(err, errno, "no answer from the daemon: %s",
				       strerror(errno));
		c->used += (size_t)n;
		total += (size_t)n;
		if (total > ANSWER_MOST)
			return err_set(err, EFBIG, "the answer is too long: ask for less");
		ret = take_lines(c, err);
	}
	return ret < 0 ? -1 : 0;
}

static void tell_unreachable(const struct client *c, const struct err *err)
{
	complain("%s", err->text);
	if (err->code == EACCES)
		complain("ask as root, or as a member of the group that postern.conf names");
	else if (c->verb->verb == REQUEST_EXPLAIN)
		complain("the daemon does not run; `postern scan --user %s --explain` says what "
			 "the logs hold",
			 c->request.subject);
	else
		complain("does the daemon run? `systemctl start posternd` starts it");
}

static void print_json(const json_t *objects)
{
	size_t i;
	json_t *object;

	json_array_foreach((json_t *)(uintptr_t)objects, i, object)
	{
		(void)json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
		(void)fputc('\n', stdout);
	}
}

/* 0, or -1 where there is no answer (ECANCELED: it is an error); ECONNRESET: it may be asked again. */
static int converse(struct client *c, struct err *err)
{
	int fd = dial(c->socket, err), ret;

	if (fd < 0)
		return -1;
	c->dialled = true;
	ret = send_request(fd, &c->request, err);
	if (ret == 0)
		ret = read_answer(c, fd, err);
	(void)close(fd);
	return ret;
}

/*
 * What may be done twice, for a daemon that is just ending does not say whether it was done. Of what
 * may not, the second answer would be an error.
 */
static bool is_repeatable(const struct request *r)
{
	return r->verb != REQUEST_UNBAN && r->verb != REQUEST_RESUME && !r->add && !r->remove;
}

static int show(const struct client *c)
{
	bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	FILE *nowhere;
	int status;

	if (!c->json)
		return c->verb->show(c->objects, colour, stdout);
	print_json(c->objects);
	nowhere = fopen("/dev/null", "we"); /* for the exit status */
	if (!nowhere)
		return EXIT_ERROR;
	status = c->verb->show(c->objects, false, nowhere);
	(void)fclose(nowhere);
	return status;
}

static int ask(struct client *c)
{
	struct err err;
	int ret = converse(c, &err);

	if (ret < 0 && err.code == ECONNRESET && json_array_size(c->objects) == 0 &&
	    is_repeatable(&c->request)) {
		c->used = 0;
		ret = converse(c, &err);
	}
	if (ret == 0)
		return show(c);
	if (c->dialled)
		complain("%s", err.text);
	else
		tell_unreachable(c, &err);
	return err.code == ECANCELED ? EXIT_FOUND : EXIT_ERROR;
}

static int take_flag(const struct client_flag *flag, const char *text, struct request *r)
{
	void *place = (char *)r + flag->offset;
	struct err err;
	long long n;

	switch (flag->type) {
	case CLIENT_TRUTH:
		*(bool *)place = true;
		return 0;
	case CLIENT_NUMBER:
		if (!slice_number(slice_of(text), &n) || n < 1 || n > REQUEST_LIMIT_MOST) {
			complain("--%s: expected a number from 1 to %d, not \"%s\"", flag->name,
				 REQUEST_LIMIT_MOST, text);
			return -1;
		}
		*(int64_t *)place = n;
		return 0;
	case CLIENT_TIME:
		break;
	}
	if (instant_parse(place, text, instant_now(), &err) == 0)
		return 0;
	complain("--%s: %s", flag->name, err.text);
	return -1;
}

/* The options of all these verbs and of this one, for getopt_long(). */
static void fill_options(const struct client_verb *verb, struct option *option)
{
	static const struct option shared[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
	};

	assert(verb->n_flags <= FLAGS_MOST);
	memcpy(option, shared, sizeof(shared));
	option += COUNT(shared);
	for (size_t i = 0; i < verb->n_flags; i++)
		*option++ = (struct option){
			.name = verb->flag[i].name,
			.has_arg = verb->flag[i].type == CLIENT_TRUTH ? no_argument
								      : required_argument,
			.val = OPT_FLAG + (int)i,
		};
	*option = (struct option){ 0 };
}

/* -1: go on; else the exit status. */
static int take_options(struct client *c, int argc, char **argv)
{
	struct option option[FLAGS_MOST + 4];
	int opt;

	fill_options(c->verb, option);
	while ((opt = getopt_long(argc, argv, "h", option, NULL)) != -1) {
		if (opt >= OPT_FLAG) {
			if (take_flag(&c->verb->flag[opt - OPT_FLAG], optarg, &c->request) < 0)
				return EXIT_ERROR;
		} else if (opt == 's') {
			c->socket = optarg;
		} else if (opt == 'j') {
			c->json = true;
		} else if (opt == 'h') {
			(void)fputs(c->verb->help, stdout);
			return EXIT_NOTHING;
		} else {
			(void)fprintf(stderr, "`postern %s --help` lists the options\n", argv[0]);
			return EXIT_ERROR;
		}
	}
	return -1;
}

static int no_arguments(struct request *r, int argc, char **argv, struct err *err)
{
	(void)r;
	return argc == 0 ? 0 : err_set(err, EINVAL, "expected no argument, not \"%s\"", argv[0]);
}

int client_run(const struct client_verb *verb, int argc, char **argv)
{
	struct client c = { .verb = verb,
			    .socket = RUNDIR "/control",
			    .request = { .verb = verb->verb, .since = INSTANT_NONE } };
	struct err err = { 0 };
	int status = take_options(&c, argc, argv);

	if (status >= 0)
		return status;
	if ((verb->arguments ? verb->arguments : no_arguments)(&c.request, argc - optind,
							       argv + optind, &err) < 0) {
		complain("%s: %s", argv[0], err.text);
		return EXIT_ERROR;
	}
	c.objects = json_array();
	status = ask(&c);
	json_decref(c.objects);
	free(c.buf);
	return status;
}
