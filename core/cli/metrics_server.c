/*
 * metrics_server - the daemon's metrics over HTTP
 *
 *	Prometheus -> socket -> libmicrohttpd -> metrics_text() or metrics_health()
 *
 * libmicrohttpd keeps its connections in an epoll instance of its own. That is one descriptor to
 * the daemon's loop: when it is readable MHD_run() does what there is to do, and a timer runs
 * while a connection could time out. So there is no thread, and no wake-up while nobody asks.
 */
#include "core/cli/metrics_server.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

enum {
	CONNECTIONS_MOST = 8,
	CONNECTION_BYTES = 16 * 1024, /* for one request's head */
	CONNECTION_S = 10,
};

struct metrics_server {
	struct metrics_server_options options;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;
	uv_idle_t pending; /* runs while there is work at hand */
	unsigned int open_handles;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int status,
			      const struct pack *page, const char *type)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(page->len, page->data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned int status,
				   const char *text)
{
	struct pack page = { 0 };
	enum MHD_Result result;

	pack_bytes(&page, text, strlen(text));
	result = answer(connection, status, &page, "text/plain; charset=utf-8");
	pack_fini(&page);
	return result;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	const struct metrics_server *s = ctx;
	struct pack page = { 0 };
	enum MHD_Result result;

	(void)version;
	(void)upload;
	(void)state;
	*upload_size = 0; /* a body is read and forgotten */
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "expected GET\n");
	if (strcmp(url, "/metrics") == 0) {
		s->options.metrics(s->options.ctx, &page);
		result = answer(connection, MHD_HTTP_OK, &page,
				"text/plain; version=0.0.4; charset=utf-8");
	} else if (strcmp(url, "/healthz") == 0) {
		bool well = s->options.health(s->options.ctx, &page);

		result = answer(connection, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				&page, "text/plain; charset=utf-8");
	} else {
		return answer_text(connection, MHD_HTTP_NOT_FOUND,
				   "there are /metrics and /healthz\n");
	}
	pack_fini(&page);
	return result;
}

static void run(struct metrics_server *s);

static unsigned int connections(const struct metrics_server *s)
{
	return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
	run(idle->data);
}

/*
 * Work at hand is no timer of 0: libuv runs timers that are due until none is, before it looks at
 * any descriptor, and a client who always sends more would keep it there.
 */
static void run(struct metrics_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;
	unsigned int before;
	bool waits;

	/* With all places taken it stops listening, and begins again in the run after one is free. */
	do {
		before = connections(s);
		(void)MHD_run(s->daemon);
	} while (connections(s) < before);
	waits = MHD_get_timeout(s->daemon, &ms) == MHD_YES;
	if (waits && ms == 0)
		(void)uv_idle_start(&s->pending, on_idle);
	else
		(void)uv_idle_stop(&s->pending);
	if (waits && ms > 0)
		(void)uv_timer_start(&s->timer, on_timer, ms, 0);
	else
		(void)uv_timer_stop(&s->timer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

static void on_closed(uv_handle_t *handle)
{
	struct metrics_server *s = handle->data;

	if (--s->open_handles > 0)
		return;
	MHD_stop_daemon(s->daemon);
	free(s);
}

int metrics_server_new(struct metrics_server **out, uv_loop_t *loop,
		       const struct metrics_server_options *options, struct err *err)
{
	struct metrics_server *s = xcalloc(1, sizeof(*s));
	const union MHD_DaemonInfo *info = NULL;

	assert(options->metrics && options->health);
	s->options = *options;
	(void)fcntl(options->fd, F_SETFL, fcntl(options->fd, F_GETFL) | O_NONBLOCK);
	s->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, options->fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MOST,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_S, MHD_OPTION_END);
	if (s->daemon)
		info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info || info->epoll_fd < 0) {
		if (s->daemon)
			MHD_stop_daemon(s->daemon);
		free(s);
		return err_set(err, EIO, "metrics: the HTTP server did not start");
	}
	(void)uv_poll_init(loop, &s->poll, info->epoll_fd);
	(void)uv_timer_init(loop, &s->timer);
	(void)uv_idle_init(loop, &s->pending);
	s->open_handles = 3;
	s->poll.data = s->timer.data = s->pending.data = s;
	(void)uv_poll_start(&s->poll, UV_READABLE, on_readable);
	*out = s;
	return 0;
}

void metrics_server_close(struct metrics_server *s)
{
	if (!s)
		return;
	uv_close((uv_handle_t *)&s->poll, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
	uv_close((uv_handle_t *)&s->pending, on_closed);
}
