/*
 * control - the daemon's control socket: requests in, answers out
 *
 *	postern -> UNIX socket -> request_parse() -> options.answer() -> lines of JSON -> postern
 *
 * A request is one JSON object on a line (request.h). The answer is any number of objects, one a
 * line, and then {"done":true} or {"error":"...","hint":"..."}. A client may send the next request
 * once it has the answer to the last.
 *
 * The socket's mode keeps others out (0660); SO_PEERCRED and SO_PEERGROUPS are asked all the same,
 * for a socket's folder can be opened up by mistake. Who is let in can still not hold up the
 * daemon: while a client has an answer coming nothing is read from it, so it can't pile up work,
 * and there is a deadline for everything it does. A long answer is made piece by piece, each when
 * the last one is on its way, so that neither memory nor the loop's time grows with its length.
 *
 * A client is in one of these states; client_wait() is the one that sets them:
 *
 *	READING --line--> (answer) --bytes--> WRITING --taken--> READING, or the next piece
 *	                     |                                          ^
 *	                     +--later--> WAITING --control_answer_later()+
 */
#include "core/cli/control.h"

#include "core/base/mem.h"
#include "core/cli/json.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GROUPS_MOST = 256, BACKLOG = 8 };

enum client_state { READING, WRITING, WAITING };

struct client {
	uv_pipe_t pipe;
	uv_timer_t deadline;
	struct control *control;
	struct client *next;
	enum client_state state;
	unsigned int open_handles;
	bool closing;
	bool ends; /* nothing is answered after what is on its way */
	bool more; /* the answer goes on behind the piece that is on its way */
	struct request request;
	uint64_t cursor;
	uv_write_t write;
	struct pack sending;
	size_t used; /* of buf */
	char buf[CONTROL_REQUEST_MOST + 1];
};

struct control {
	uv_loop_t *loop;
	uv_pipe_t listener;
	struct control_options options;
	struct client *client;
	size_t n_clients; /* until their memory goes */
	bool closing, listener_closed;
};

static void client_next(struct client *c);
static void client_answer_later(struct client *c, const struct err *err);

void reply_add(struct reply *reply, json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);

	assert(text);
	pack_bytes(&reply->lines, text, strlen(text));
	pack_bytes(&reply->lines, "\n", 1);
	free(text);
	json_decref(object);
}

void reply_refuse(struct reply *reply, const char *hint, const char *fmt, ...)
{
	json_t *object = json_object();
	char text[sizeof(((struct err *)NULL)->text)];
	va_list ap;

	assert(!reply->refused);
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_set_text(object, "error", text);
	json_set_text(object, "hint", hint);
	reply_add(reply, object);
	reply->refused = true;
}

static void reply_end(struct reply *reply)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "done", json_true());
	reply_add(reply, object);
}

/* Asks for the answer, or for the next piece of it. */
static enum answer ask(const struct control_options *o, const struct request *r, uint64_t *cursor,
		       struct reply *reply)
{
	enum answer answer = o->answer(o->ctx, r, cursor, reply);

	if (reply->refused)
		return ANSWER_DONE;
	if (reply->lines.len > CONTROL_ANSWER_MOST) {
		reply->lines.len = 0;
		reply_refuse(reply, "ask for less", "the answer is too long");
		return ANSWER_DONE;
	}
	if (answer == ANSWER_DONE)
		reply_end(reply);
	return answer;
}

enum answer control_answer(const struct control_options *o, struct slice line, struct request *r,
			   uint64_t *cursor, struct reply *reply)
{
	struct err err;

	*cursor = 0;
	if (request_parse(r, line, &err) == 0)
		return ask(o, r, cursor, reply);
	reply_refuse(reply, NULL, "%s", err.text);
	return ANSWER_DONE;
}

/* The last of its handles takes the client with it, and the last client a closed control. */
static void control_release(struct control *c)
{
	if (c->closing && c->listener_closed && c->n_clients == 0)
		free(c);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;
	struct control *control = c->control;

	if (--c->open_handles > 0)
		return;
	request_fini(&c->request);
	pack_fini(&c->sending);
	free(c);
	control->n_clients--;
	control_release(control);
}

static void client_drop(struct client *c)
{
	struct client **link = &c->control->client;

	if (c->closing)
		return;
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	c->closing = true;
	uv_close((uv_handle_t *)&c->pipe, on_client_closed);
	uv_close((uv_handle_t *)&c->deadline, on_client_closed);
}

static void on_deadline(uv_timer_t *timer)
{
	struct client *c = timer->data;
	struct err err;

	if (c->state != WAITING) {
		client_drop(c);
		return;
	}
	(void)err_set(&err, ETIMEDOUT, "no answer in time; see the daemon's log");
	client_answer_later(c, &err);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *c = handle->data;

	(void)suggested;
	*buf = uv_buf_init(c->buf + c->used, (unsigned int)(sizeof(c->buf) - c->used));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = stream->data;

	(void)buf;
	if (n < 0) {
		client_drop(c);
		return;
	}
	c->used += (size_t)n;
	client_next(c);
}

/* Reads only while there is nothing to send, and gives each state its deadline. */
static void client_wait(struct client *c, enum client_state state)
{
	c->state = state;
	if (state == READING)
		(void)uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
	else
		(void)uv_read_stop((uv_stream_t *)&c->pipe);
	(void)uv_timer_start(&c->deadline, on_deadline,
			     state == WAITING ? CONTROL_LATER_MS : CONTROL_SEND_MS, 0);
}

static void client_send(struct client *c, struct reply *reply, enum answer answer);

static void on_written(uv_write_t *write, int status)
{
	struct client *c = write->data;
	struct reply reply = { 0 };

	if (c->closing)
		return;
	if (status < 0) {
		client_drop(c);
		return;
	}
	c->sending.len = 0;
	if (c->more) {
		enum answer answer = ask(&c->control->options, &c->request, &c->cursor, &reply);

		client_send(c, &reply, answer);
		pack_fini(&reply.lines);
	} else if (c->ends) {
		client_drop(c);
	} else {
		client_next(c);
	}
}

static void client_send(struct client *c, struct reply *reply, enum answer answer)
{
	uv_buf_t buf;

	assert(c->sending.len == 0 && (answer != ANSWER_MORE || reply->lines.len > 0));
	c->more = answer == ANSWER_MORE;
	if (answer == ANSWER_LATER) {
		client_wait(c, WAITING);
		return;
	}
	if (answer == ANSWER_DONE)
		request_fini(&c->request);
	pack_bytes(&c->sending, reply->lines.data, reply->lines.len);
	buf = uv_buf_init(c->sending.data, (unsigned int)c->sending.len);
	client_wait(c, WRITING);
	if (uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written) < 0)
		client_drop(c);
}

static void client_answer_later(struct client *c, const struct err *err)
{
	struct reply reply = { 0 };

	if (err)
		reply_refuse(&reply, NULL, "%s", err->text);
	else
		reply_end(&reply);
	client_send(c, &reply, ANSWER_DONE);
	pack_fini(&reply.lines);
}

/* Takes the next request out of what was read, or waits for the rest of it. */
static void client_next(struct client *c)
{
	char *newline = memchr(c->buf, '\n', c->used);
	struct reply reply = { 0 };
	enum answer answer = ANSWER_DONE;

	if (!newline && c->used < sizeof(c->buf)) {
		/* Its time runs from the answer before, or a client that dribbles stays for ever. */
		if (c->state != READING)
			client_wait(c, READING);
		return;
	}
	if (newline) {
		size_t len = (size_t)(newline - c->buf);

		answer = control_answer(&c->control->options, (struct slice){ c->buf, len },
					&c->request, &c->cursor, &reply);
		c->used -= len + 1;
		memmove(c->buf, newline + 1, c->used);
	} else {
		reply_refuse(&reply, NULL, "expected a request of at most %d bytes",
			     CONTROL_REQUEST_MOST);
		c->ends = true;
	}
	client_send(c, &reply, answer);
	pack_fini(&reply.lines);
}

bool control_allows(uid_t own, gid_t group, uid_t uid, const gid_t *groups, size_t n)
{
	if (uid == 0 || uid == own)
		return true;
	for (size_t i = 0; group != (gid_t)-1 && i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool peer_is_allowed(const struct control *control, int fd)
{
	gid_t groups[GROUPS_MOST + 1];
	struct ucred peer;
	socklen_t len = sizeof(peer), more = GROUPS_MOST * sizeof(*groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	groups[0] = peer.gid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &more) < 0)
		more = 0;
	return control_allows(geteuid(), control->options.group, peer.uid, groups,
			      1 + more / sizeof(*groups));
}

/* Tells in one go, as far as the socket takes it, why there will be no answer. */
static void turn_away(struct client *c, const char *hint, const char *why)
{
	struct reply reply = { 0 };
	uv_buf_t buf;

	reply_refuse(&reply, hint, "%s", why);
	buf = uv_buf_init(reply.lines.data, (unsigned int)reply.lines.len);
	(void)uv_try_write((uv_stream_t *)&c->pipe, &buf, 1);
	pack_fini(&reply.lines);
	client_drop(c);
}

static struct client *client_new(struct control *control)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->control = control;
	c->request.since = INSTANT_NONE;
	c->pipe.data = c->deadline.data = c->write.data = c;
	(void)uv_pipe_init(control->loop, &c->pipe, 0);
	(void)uv_timer_init(control->loop, &c->deadline);
	c->open_handles = 2;
	c->next = control->client;
	control->client = c;
	control->n_clients++;
	return c;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct control *control = listener->data;
	struct client *c;
	uv_os_fd_t fd;

	if (status < 0)
		return;
	c = client_new(control);
	if (uv_accept(listener, (uv_stream_t *)&c->pipe) < 0 ||
	    uv_fileno((uv_handle_t *)&c->pipe, &fd) < 0)
		client_drop(c);
	else if (!peer_is_allowed(control, fd))
		turn_away(c, "ask as root, or as a member of the group that postern.conf names",
			  "you may not ask the daemon");
	else if (control->n_clients > CONTROL_CLIENTS_MOST)
		turn_away(c, "try again", "too many others are asking");
	else
		client_wait(c, READING);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct control *c = handle->data;

	c->listener_closed = true;
	control_release(c);
}

int control_new(struct control **out, uv_loop_t *loop, const struct control_options *options,
		struct err *err)
{
	struct control *c = xcalloc(1, sizeof(*c));
	int rc;

	assert(options->answer);
	c->loop = loop;
	c->options = *options;
	(void)uv_pipe_init(loop, &c->listener, 0);
	c->listener.data = c;
	rc = uv_pipe_open(&c->listener, options->fd);
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&c->listener, BACKLOG, on_connection);
	if (rc < 0) {
		control_close(c);
		return err_set(err, -rc, "control socket: %s", uv_strerror(rc));
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	assert(!c->closing);
	c->closing = true;
	while (c->client)
		client_drop(c->client);
	uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}

void control_answer_later(struct control *c, const struct err *err)
{
	for (struct client *i = c->client, *next; i; i = next) {
		next = i->next; /* sending may drop it */
		if (i->state == WAITING)
			client_answer_later(i, err);
	}
}

size_t control_clients(const struct control *c)
{
	return c->n_clients;
}
