/*
 * test_metrics_server - scrapes over a real socket; the loop runs when it is told to
 */
#include "core/cli/metrics_server.h"

#include "tests/rows.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TURNS = 300 };

struct scene {
	uv_loop_t loop;
	struct metrics_server *server;
	char dir[32];
	struct sockaddr_un at;
	bool well;
};

static void on_metrics(void *ctx, struct pack *out)
{
	static char filler[200000];

	(void)ctx;
	memset(filler, '#', sizeof(filler) - 1);
	pack_bytes(out, "up 1\n", 5);
	pack_bytes(out, filler, sizeof(filler) - 1); /* more than a socket takes at once */
	pack_bytes(out, "\nend 1\n", 7);
}

static bool on_health(void *ctx, struct pack *out)
{
	const struct scene *s = ctx;

	if (s->well)
		pack_bytes(out, "ok\n", 3);
	else
		pack_bytes(out, "the disk is full\n", 17);
	return s->well;
}

static void scene_begin(struct scene *s, bool well)
{
	struct metrics_server_options o = { .metrics = on_metrics, .health = on_health, .ctx = s };
	struct err err;

	(void)signal(SIGPIPE, SIG_IGN);
	*s = (struct scene){ .well = well, .at = { .sun_family = AF_UNIX } };
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/postern-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->at.sun_path, sizeof(s->at.sun_path), "%s/metrics", s->dir);
	o.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(o.fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	assert_int_equal(listen(o.fd, 8), 0);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(metrics_server_new(&s->server, &s->loop, &o, &err), 0);
}

static void turn(struct scene *s)
{
	for (int i = 0; i < TURNS; i++)
		(void)uv_run(&s->loop, UV_RUN_NOWAIT);
}

static void scene_end(struct scene *s)
{
	metrics_server_close(s->server);
	(void)uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	(void)unlink(s->at.sun_path);
	(void)rmdir(s->dir);
}

static int dial(struct scene *s, const char *request)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	turn(s);
	return fd;
}

static const char *hear(struct scene *s, int fd)
{
	static char text[512 * 1024];
	size_t used = 0;
	ssize_t n;

	do {
		turn(s);
		n = recv(fd, text + used, sizeof(text) - 1 - used, 0);
		used += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	text[used] = '\0';
	return text;
}

#define GET(url) "GET " url " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

static const struct row {
	const char *name, *request;
	bool well;
	const char *status, *type, *end;
} rows[] = {
	{ "metrics", GET("/metrics"), true, "HTTP/1.1 200 ",
	  "Content-Type: text/plain; version=0.0.4", "#\nend 1\n" },
	{ "with a query", GET("/metrics?a=b"), true, "HTTP/1.1 200 ", "version=0.0.4", "end 1\n" },
	{ "well", GET("/healthz"), true, "HTTP/1.1 200 ", "text/plain", "ok\n" },
	{ "not well", GET("/healthz"), false, "HTTP/1.1 503 ", "text/plain", "the disk is full\n" },
	{ "another page", GET("/"), true, "HTTP/1.1 404 ", "text/plain", "/healthz\n" },
	{ "a way up", GET("/metrics/../../etc/passwd"), true, "HTTP/1.1 404 ", "text/plain",
	  "/healthz\n" },
	{ "head alone", "HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true,
	  "HTTP/1.1 200 ", "Content-Length: 3", "\r\n\r\n" },
	{ "post",
	  "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd",
	  true, "HTTP/1.1 405 ", "text/plain", "GET\n" },
};

static void check(void **state)
{
	const struct row *row = *state;
	struct scene s;
	const char *heard;
	int fd;

	scene_begin(&s, row->well);
	fd = dial(&s, row->request);
	heard = hear(&s, fd);
	assert_memory_equal(heard, row->status, strlen(row->status));
	assert_non_null(strstr(heard, row->type));
	assert_string_equal(heard + strlen(heard) - strlen(row->end), row->end);
	(void)close(fd);
	scene_end(&s);
}

/* Nobody wakes the loop while nobody asks; a connection that is open has a deadline. */
static void test_idle(void **state)
{
	struct scene s;
	int fd;

	(void)state;
	scene_begin(&s, true);
	turn(&s);
	assert_int_equal(uv_backend_timeout(&s.loop), -1);
	fd = dial(&s, "GET /metr");
	assert_int_not_equal(uv_backend_timeout(&s.loop), -1);
	(void)close(fd);
	turn(&s);
	assert_int_equal(uv_backend_timeout(&s.loop), -1);
	scene_end(&s);
}

static void check_hung_up(struct scene *s, const char *request)
{
	int fd = dial(s, request);
	char byte;

	(void)hear(s, fd);
	assert_true(recv(fd, &byte, 1, 0) == 0 || errno == ECONNRESET);
	(void)close(fd);
}

/* Who holds all connections keeps others waiting, not the loop; and a head without end is cut off. */
static void test_greedy(void **state)
{
	static char head[64 * 1024];
	struct scene s;
	int fd[10];

	(void)state;
	scene_begin(&s, true);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = dial(&s, "GET /metrics HTTP/1.1\r\n");
	for (size_t i = 0; i < COUNT(fd); i++)
		(void)close(fd[i]);
	turn(&s);
	memset(head, 'a', sizeof(head) - 1);
	memcpy(head, "GET /", 5);
	check_hung_up(&s, head);
	check_hung_up(&s, "\x16\x03\x01\r\n\r\n"); /* TLS, as far as it matters */
	fd[0] = dial(&s, GET("/healthz"));
	assert_memory_equal(hear(&s, fd[0]), "HTTP/1.1 200 ", 13);
	(void)close(fd[0]);
	scene_end(&s);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 2];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_idle);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_greedy);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
