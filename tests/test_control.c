/*
 * test_control - conversations over a real socket with a daemon that knows a few answers
 *
 * The loop runs only when it is told to, so nothing waits: a deadline is called when the test
 * says that it has come, and who is on the other end of the socket is what the test says too.
 */
#include "core/cli/control.h"

#include "tests/rows.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PIECES = 40, PIECE = 32 * 1024, TURNS = 400 };

static struct {
	uv_timer_t *timer[64];
	uv_timer_cb fire[64];
	uint64_t after[64];
	size_t n;
	uid_t peer; /* whom SO_PEERCRED names */
	gid_t peer_group, peer_more;
	unsigned int asked;
} world;

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t after, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t after, uint64_t repeat)
{
	size_t i = 0;

	(void)repeat;
	while (i < world.n && world.timer[i] != timer)
		i++;
	assert_true(i < COUNT(world.timer));
	world.n = i == world.n ? i + 1 : world.n;
	world.timer[i] = timer;
	world.fire[i] = cb;
	world.after[i] = after;
	return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	(void)fd;
	assert_int_equal(level, SOL_SOCKET);
	if (name == SO_PEERCRED) {
		*(struct ucred *)value =
			(struct ucred){ .pid = 1, .uid = world.peer, .gid = world.peer_group };
		return 0;
	}
	assert_int_equal(name, SO_PEERGROUPS);
	*(gid_t *)value = world.peer_more;
	*len = sizeof(gid_t);
	return 0;
}

/* status: one object; history: PIECES of them; top: too much; unban: refused; reload: later. */
static enum answer on_request(void *ctx, const struct request *r, uint64_t *cursor,
			      struct reply *reply)
{
	static char filler[PIECE];

	(void)ctx;
	world.asked++;
	memset(filler, 'x', sizeof(filler) - 1);
	switch ((int)r->verb) {
	case REQUEST_HISTORY:
		reply_add(reply,
			  json_pack("{s:I, s:s}", "piece", (json_int_t)*cursor, "filler", filler));
		return ++*cursor < PIECES ? ANSWER_MORE : ANSWER_DONE;
	case REQUEST_TOP:
		for (size_t i = 0; i <= CONTROL_ANSWER_MOST / sizeof(filler); i++)
			reply_add(reply, json_pack("{s:s}", "filler", filler));
		return ANSWER_DONE;
	case REQUEST_UNBAN:
		reply_refuse(reply, "try another", "nothing is known of \"%s\"", r->subject);
		return ANSWER_DONE;
	case REQUEST_RELOAD:
		return ANSWER_LATER;
	default:
		reply_add(reply, json_pack("{s:b}", "up", 1));
		return ANSWER_DONE;
	}
}

struct scene {
	uv_loop_t loop;
	struct control *control;
	char dir[32];
	struct sockaddr_un at;
};

static void scene_begin(struct scene *s)
{
	struct control_options o = { .group = 500, .answer = on_request };
	struct err err;

	(void)signal(SIGPIPE, SIG_IGN);
	memset(&world, 0, sizeof(world));
	*s = (struct scene){ 0 };
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(s->at.sun_path, sizeof(s->at.sun_path), "%s/control", s->dir);
	o.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(o.fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(control_new(&s->control, &s->loop, &o, &err), 0);
}

static void turn(struct scene *s)
{
	for (int i = 0; i < TURNS; i++)
		(void)uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void scene_end(struct scene *s)
{
	control_close(s->control);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0); /* nothing was left open */
	(void)unlink(s->at.sun_path);
	(void)rmdir(s->dir);
}

static int dial(struct scene *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	turn(s);
	return fd;
}

/* All that comes, and whether the other side then hung up. */
static char *hear(struct scene *s, int fd, bool *hung_up)
{
	static char text[CONTROL_ANSWER_MOST];
	size_t used = 0;
	ssize_t n;

	do {
		turn(s);
		n = recv(fd, text + used, sizeof(text) - 1 - used, 0);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	text[used] = '\0';
	*hung_up = n == 0 || (n < 0 && errno == ECONNRESET);
	return text;
}

static void say(struct scene *s, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
	turn(s);
}

#define DONE   "{\"done\":true}\n"
#define STATUS "{\"verb\":\"status\"}\n"
#define UP     "{\"up\":true}\n" DONE

static const struct row {
	const char *name;
	const char *said[3], *heard;
	bool hung_up;
} rows[] = {
	{ "a question", { STATUS }, UP, false },
	{ "in two parts", { "{\"verb\":", "\"status\"}\n" }, UP, false },
	{ "one after the other", { STATUS, STATUS }, UP UP, false },
	{ "two at once", { STATUS STATUS }, UP UP, false },
	{ "one and a half", { STATUS "{\"verb\":\"stat" }, UP, false },
	{ "refused, and asked again",
	  { "{\"verb\":\"unban\",\"subject\":\"joe\"}\n", STATUS },
	  "{\"error\":\"nothing is known of \\\"joe\\\"\",\"hint\":\"try another\"}\n" UP,
	  false },
	{ "no request", { "hello\n" }, NULL, false },
	{ "an empty line", { "\n" }, NULL, false },
	{ "a request with a NUL", { "{\"verb\":\"status\",\"a\":\"\\u0000\"}\n" }, NULL, false },
	{ "too long an answer",
	  { "{\"verb\":\"top\"}\n" },
	  "{\"error\":\"the answer is too long\",\"hint\":\"ask for less\"}\n",
	  false },
	{ "put off", { "{\"verb\":\"reload\"}\n" }, "", false },
	{ "nothing more before that", { "{\"verb\":\"reload\"}\n", STATUS }, "", false },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct scene s;
	bool hung_up;
	char *heard;
	int fd;

	scene_begin(&s);
	fd = dial(&s);
	for (size_t i = 0; i < COUNT(row->said) && row->said[i]; i++)
		say(&s, fd, row->said[i]);
	heard = hear(&s, fd, &hung_up);
	if (row->heard)
		assert_string_equal(heard, row->heard);
	else
		assert_memory_equal(heard, "{\"error\":\"expected a JSON object", 32);
	assert_int_equal(hung_up, row->hung_up);
	(void)close(fd);
	scene_end(&s);
}

/* Who may ask, by the credentials of the socket's other end. */
static const struct peer {
	const char *name;
	uid_t uid;
	gid_t group, more;
	bool allowed;
} peers[] = {
	{ "root", 0, 1, 2, true },
	{ "a stranger", 1000, 1000, 1001, false },
	{ "of the group", 1000, 500, 1001, true },
	{ "of the group among others", 1000, 1000, 500, true },
	{ "group of root", 1000, 0, 0, false },
};

static void check_peer(void **state)
{
	const struct peer *peer = *state;
	struct scene s;
	bool hung_up;
	char *heard;
	int fd;

	scene_begin(&s);
	world.peer = peer->uid;
	world.peer_group = peer->group;
	world.peer_more = peer->more;
	fd = dial(&s);
	if (peer->allowed)
		say(&s, fd, STATUS);
	heard = hear(&s, fd, &hung_up);
	assert_int_equal(hung_up, !peer->allowed);
	assert_int_equal(world.asked, peer->allowed);
	if (!peer->allowed)
		assert_non_null(strstr(heard, "{\"error\":\"you may not ask the daemon\""));
	(void)close(fd);
	scene_end(&s);
}

static void test_allows_own_user(void **state)
{
	gid_t other = 7;

	(void)state;
	assert_true(control_allows(33, 500, 33, &other, 1));
	assert_false(control_allows(33, 500, 34, &other, 1));
	/* "No group" is nobody's group. */
	other = (gid_t)-1;
	assert_false(control_allows(33, (gid_t)-1, 34, &other, 1));
}

static void test_long_answer_in_pieces(void **state)
{
	struct scene s;
	bool hung_up;
	char *heard;
	unsigned int asked;
	int fd;

	(void)state;
	scene_begin(&s);
	fd = dial(&s);
	say(&s, fd, "{\"verb\":\"history\"}\n");
	asked = world.asked;
	assert_in_range(asked, 1, PIECES - 1); /* the rest is made when there is room for it */
	turn(&s);
	assert_int_equal(world.asked, asked);
	heard = hear(&s, fd, &hung_up);
	assert_int_equal(world.asked, PIECES);
	assert_true(strlen(heard) > (size_t)PIECES * (PIECE - 1));
	assert_string_equal(heard + strlen(heard) - strlen(DONE), DONE);
	assert_false(hung_up);
	(void)close(fd);
	scene_end(&s);
}

static void test_put_off_answer(void **state)
{
	struct err err = { .text = "jail.d/a.conf:3: unknown key" };
	struct scene s;
	bool hung_up;
	int fd[2];

	(void)state;
	scene_begin(&s);
	fd[0] = dial(&s);
	fd[1] = dial(&s);
	say(&s, fd[0], "{\"verb\":\"reload\"}\n" STATUS);
	say(&s, fd[1], "{\"verb\":\"reload\"}\n");
	assert_string_equal(hear(&s, fd[0], &hung_up), "");
	control_answer_later(s.control, &err);
	assert_string_equal(hear(&s, fd[0], &hung_up),
			    "{\"error\":\"jail.d/a.conf:3: unknown key\"}\n" UP);
	assert_string_equal(hear(&s, fd[1], &hung_up),
			    "{\"error\":\"jail.d/a.conf:3: unknown key\"}\n");
	say(&s, fd[1], "{\"verb\":\"reload\"}\n");
	control_answer_later(s.control, NULL);
	assert_string_equal(hear(&s, fd[1], &hung_up), DONE);
	(void)close(fd[0]);
	(void)close(fd[1]);
	scene_end(&s);
}

/* The deadlines of all that is connected come. */
static void fire_all(struct scene *s)
{
	size_t n = world.n;

	for (size_t i = 0; i < n; i++)
		if (!uv_is_closing((uv_handle_t *)world.timer[i]))
			world.fire[i](world.timer[i]);
	world.n = 0;
	turn(s);
}

/* Who says nothing, or half of something, or takes nothing, is dropped when its time is up. */
static const struct row slow[] = {
	{ "says nothing", { NULL }, "", true },
	{ "says half", { "{\"verb\":\"sta" }, "", true },
	{ "dribbles", { "{", "\"", "v" }, "", true },
	{ "asks no further", { STATUS }, UP, true },
	{ "takes nothing", { "{\"verb\":\"history\"}\n" }, NULL, true },
	{ "waits for what doesn't come",
	  { "{\"verb\":\"reload\"}\n" },
	  "{\"error\":\"no answer in "
	  "time; see the daemon's log\"}\n",
	  false },
};

static void check_slow(void **state)
{
	const struct row *row = *state;
	struct scene s;
	bool hung_up;
	char *heard;
	int fd;

	scene_begin(&s);
	fd = dial(&s);
	for (size_t i = 0; i < COUNT(row->said) && row->said[i]; i++)
		say(&s, fd, row->said[i]);
	assert_int_equal(world.n, 1);
	assert_int_equal(world.after[0], row->hung_up ? CONTROL_SEND_MS : CONTROL_LATER_MS);
	fire_all(&s);
	assert_int_equal(control_clients(s.control), !row->hung_up);
	heard = hear(&s, fd, &hung_up);
	assert_int_equal(hung_up, row->hung_up);
	if (row->heard)
		assert_string_equal(heard, row->heard);
	(void)close(fd);
	scene_end(&s);
}

/* A byte now and then doesn't buy time: the deadline is set once a request. */
static void test_dribbling_buys_no_time(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_begin(&s);
	fd = dial(&s);
	assert_int_equal(world.n, 1);
	world.n = 0;
	say(&s, fd, "{");
	say(&s, fd, "\"verb");
	assert_int_equal(world.n, 0);
	say(&s, fd, "\":\"status\"}\n");
	assert_int_equal(world.n, 1);
	(void)close(fd);
	scene_end(&s);
}

static void test_too_long_a_request(void **state)
{
	static char line[CONTROL_REQUEST_MOST + 2];
	struct scene s;
	bool hung_up;
	char *heard;
	int fd;

	(void)state;
	memset(line, ' ', sizeof(line) - 1);
	scene_begin(&s);
	fd = dial(&s);
	say(&s, fd, line);
	heard = hear(&s, fd, &hung_up);
	assert_non_null(strstr(heard, "expected a request of at most 65536 bytes"));
	assert_true(hung_up);
	(void)close(fd);
	/* One byte less, and it is read to its end. */
	memcpy(line + CONTROL_REQUEST_MOST - strlen(STATUS) + 1, STATUS, strlen(STATUS) + 1);
	fd = dial(&s);
	say(&s, fd, line);
	assert_string_equal(hear(&s, fd, &hung_up), UP);
	(void)close(fd);
	scene_end(&s);
}

static void test_too_many_clients(void **state)
{
	int fd[CONTROL_CLIENTS_MOST + 1];
	struct scene s;
	bool hung_up;
	char *heard;

	(void)state;
	scene_begin(&s);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = dial(&s);
	heard = hear(&s, fd[CONTROL_CLIENTS_MOST], &hung_up);
	assert_non_null(strstr(heard, "too many others"));
	assert_true(hung_up);
	assert_int_equal(control_clients(s.control), CONTROL_CLIENTS_MOST);
	(void)close(fd[0]);
	(void)close(fd[CONTROL_CLIENTS_MOST]);
	turn(&s);
	fd[0] = dial(&s); /* one went, there is room again */
	say(&s, fd[0], STATUS);
	assert_string_equal(hear(&s, fd[0], &hung_up), UP);
	for (size_t i = 0; i < CONTROL_CLIENTS_MOST; i++)
		(void)close(fd[i]);
	scene_end(&s);
}

/* Clients that are gone, in the middle of a question or an answer, and a daemon that ends. */
static void test_gone(void **state)
{
	struct scene s;
	int fd[3];

	(void)state;
	scene_begin(&s);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = dial(&s);
	say(&s, fd[0], "{\"verb\":");
	(void)close(fd[0]);
	say(&s, fd[1], "{\"verb\":\"history\"}\n");
	(void)close(fd[1]);
	turn(&s);
	assert_int_equal(control_clients(s.control), 1);
	say(&s, fd[2], "{\"verb\":\"history\"}\n");
	scene_end(&s);
	(void)close(fd[2]);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(peers) + COUNT(slow) + 7];
	const struct CMUnitTest others[] = {
		cmocka_unit_test(test_allows_own_user),
		cmocka_unit_test(test_long_answer_in_pieces),
		cmocka_unit_test(test_put_off_answer),
		cmocka_unit_test(test_dribbling_buys_no_time),
		cmocka_unit_test(test_too_long_a_request),
		cmocka_unit_test(test_too_many_clients),
		cmocka_unit_test(test_gone),
	};
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	ADD_ROWS(tests, n, peers, check_peer);
	ADD_ROWS(tests, n, slow, check_slow);
	for (size_t i = 0; i < COUNT(others); i++)
		tests[n++] = others[i];
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
