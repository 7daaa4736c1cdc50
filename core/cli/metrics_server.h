/* metrics_server.h - the daemon's metrics over HTTP */
#pragma once

#include "core/base/err.h"
#include "core/base/pack.h"

#include <stdbool.h>
#include <uv.h>

struct metrics_server;

struct metrics_server_options {
	int fd; /* listening, on a loopback interface or a UNIX socket; the server's from here on */
	/* Append the page; health() is false, and the page says why, where the daemon is not well. */
	void (*metrics)(void *ctx, struct pack *out);
	bool (*health)(void *ctx, struct pack *out);
	void *ctx;
};

/*
 * Serves GET /metrics and GET /healthz on the loop from here on, without threads. Clients are
 * bounded in number, memory and time. SIGPIPE has to be ignored.
 */
int metrics_server_new(struct metrics_server **out, uv_loop_t *loop,
		       const struct metrics_server_options *options, struct err *err);
/* Its handles, and then its memory, go with the loop. NULL is fine. */
void metrics_server_close(struct metrics_server *s);
