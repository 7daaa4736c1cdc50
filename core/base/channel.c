/*
 * channel - typed messages between two of our processes
 *
 * A message is its length and its type, 32 and 16 bits (pack.h), and its body. A descriptor
 * travels with the message's first bytes (SCM_RIGHTS, unix(7)); a bit of the type says that one
 * does, so those that arrive are given to the messages in their order.
 * Nothing here waits: the owner polls the descriptor. The other side is ours, but it may parse
 * what strangers wrote, so no length of it is believed.
 */
#include "core/base/channel.h"

#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { HEAD = 6, READ = 64 * 1024, FDS_MOST = 64, WITH_FD = 0x8000 };

struct passed {
	uint64_t at; /* the byte of the stream that it goes with */
	int fd;
};

struct channel {
	int fd;
	struct pack out, in;
	size_t out_done, in_done; /* of them were sent, were handed out */
	uint64_t sent;            /* bytes of the stream before out_done */
	struct passed *out_fd;
	size_t n_out_fds, cap_out_fds;
	int in_fd[FDS_MOST]; /* came, but their messages were not yet taken */
	size_t n_in_fds;
};

struct channel *channel_new(int fd)
{
	struct channel *c = xcalloc(1, sizeof(*c));

	c->fd = fd;
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return c;
}

void channel_free(struct channel *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_out_fds; i++)
		(void)close(c->out_fd[i].fd);
	for (size_t i = 0; i < c->n_in_fds; i++)
		(void)close(c->in_fd[i]);
	(void)close(c->fd);
	free(c->out_fd);
	pack_fini(&c->out);
	pack_fini(&c->in);
	free(c);
}

int channel_fd(const struct channel *c)
{
	return c->fd;
}

size_t channel_waiting(const struct channel *c)
{
	return c->out.len - c->out_done;
}

/* Room for one descriptor beside the bytes, aligned as cmsg(3) wants it. */
union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/* One sendmsg(2): up to the next descriptor, or with it. */
static ssize_t send_some(struct channel *c)
{
	union control control = { 0 };
	struct iovec iov = { c->out.data + c->out_done, channel_waiting(c) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *head;

	if (c->n_out_fds > 0 && c->out_fd[0].at > c->sent) {
		if (c->out_fd[0].at - c->sent < iov.iov_len)
			iov.iov_len = (size_t)(c->out_fd[0].at - c->sent);
	} else if (c->n_out_fds > 0) {
		iov.iov_len = HEAD; /* the descriptor goes with its message's head alone */
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &c->out_fd[0].fd, sizeof(int));
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int channel_flush(struct channel *c, struct err *err)
{
	while (channel_waiting(c) > 0) {
		bool with_fd = c->n_out_fds > 0 && c->out_fd[0].at <= c->sent;
		ssize_t n = send_some(c);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 1;
		if (n < 0)
			return err_set(err, errno, "sending to another process of ours: %s",
				       strerror(errno));
		if (with_fd) {
			(void)close(c->out_fd[0].fd);
			memmove(c->out_fd, c->out_fd + 1, --c->n_out_fds * sizeof(*c->out_fd));
		}
		c->out_done += (size_t)n;
		c->sent += (uint64_t)n;
	}
	c->out.len = c->out_done = 0;
	return 0;
}

int channel_send(struct channel *c, uint16_t type, struct slice body, int fd, struct err *err)
{
	assert(body.len <= MESSAGE_MOST && !(type & WITH_FD));
	if (fd >= 0) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		if (copy < 0)
			return err_set(err, errno, "passing a descriptor: %s", strerror(errno));
		c->out_fd =
			array_grow(c->out_fd, c->n_out_fds, &c->cap_out_fds, sizeof(*c->out_fd));
		c->out_fd[c->n_out_fds++] = (struct passed){ c->sent + channel_waiting(c), copy };
	}
	pack_u32(&c->out, (uint32_t)body.len);
	pack_u16(&c->out, fd < 0 ? type : (uint16_t)(type | WITH_FD));
	pack_bytes(&c->out, body.ptr, body.len);
	return channel_flush(c, err) < 0 ? -1 : 0;
}

static void keep_fds(struct channel *c, struct msghdr *msg)
{
	for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
		size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(fd), sizeof(fd));
			if (c->n_in_fds == FDS_MOST)
				(void)close(fd);
			else
				c->in_fd[c->n_in_fds++] = fd;
		}
	}
}

/* 1: something came; 0: nothing now; -1: the end or an error. */
static int read_some(struct channel *c, struct err *err)
{
	union control control;
	char buf[READ];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.room,
			      .msg_controllen = sizeof(control.room) };
	ssize_t n;

	do
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0)
		return err_set(err, ENOTCONN, "another process of ours is gone");
	keep_fds(c, &msg);
	if (c->in_done == c->in.len)
		c->in.len = c->in_done = 0;
	pack_bytes(&c->in, buf, (size_t)n);
	return 1;
}

/* The next descriptor, or -1 where none came. */
static int take_fd(struct channel *c)
{
	int fd;

	if (c->n_in_fds == 0)
		return -1;
	fd = c->in_fd[0];
	memmove(c->in_fd, c->in_fd + 1, --c->n_in_fds * sizeof(*c->in_fd));
	return fd;
}

int channel_receive(struct channel *c, struct message *m, struct err *err)
{
	for (;;) {
		struct slice all = pack_contents(&c->in);
		struct packed p =
			packed_of((struct slice){ all.ptr + c->in_done, all.len - c->in_done });
		uint32_t len = packed_u32(&p);
		int rc;

		m->type = packed_u16(&p);
		if (!p.bad && len > MESSAGE_MOST)
			return err_set(err, EPROTO, "a message of %u bytes: expected at most %d",
				       len, MESSAGE_MOST);
		if (!p.bad && (size_t)(p.end - p.ptr) >= len) {
			m->body = (struct slice){ p.ptr, len };
			m->fd = m->type & WITH_FD ? take_fd(c) : -1;
			m->type &= (uint16_t)~WITH_FD;
			c->in_done += HEAD + len;
			return 1;
		}
		if (c->in_done > 0) {
			memmove(c->in.data, c->in.data + c->in_done, c->in.len - c->in_done);
			c->in.len -= c->in_done;
			c->in_done = 0;
		}
		rc = read_some(c, err);
		if (rc <= 0)
			return rc;
	}
}
