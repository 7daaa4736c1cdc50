/* channel.h - typed messages between two of our processes */
#pragma once

#include "core/base/err.h"
#include "core/base/pack.h"

#include <stdbool.h>
#include <stdint.h>

enum { MESSAGE_MOST = 4 * 1024 * 1024 }; /* bytes of a message; a longer one ends the channel */

/* One message. `body` is valid until the next call that takes the channel; the fd is the caller's. */
struct message {
	uint16_t type;
	struct slice body;
	int fd; /* a descriptor that came with it, or -1 */
};

struct channel;

/* Takes over `fd`, one end of a socketpair(AF_UNIX, SOCK_STREAM), and makes it non-blocking. */
struct channel *channel_new(int fd);
void channel_free(struct channel *c); /* closes it; NULL is fine */
int channel_fd(const struct channel *c);

/*
 * Sends what can be sent at once and keeps the rest for channel_flush(). A descriptor (or -1)
 * goes along and stays the caller's. -1: the other side is gone.
 */
int channel_send(struct channel *c, uint16_t type, struct slice body, int fd, struct err *err);
/* 0: all is sent; 1: some waits until the descriptor is writable; -1: the other side is gone. */
int channel_flush(struct channel *c, struct err *err);
/* Bytes that wait to be sent: who sends much looks at it first. */
size_t channel_waiting(const struct channel *c);

/*
 * 1: *m is the next message; 0: none yet; -1: the other side is gone (err->code ENOTCONN) or
 * has sent something that is no message.
 */
int channel_receive(struct channel *c, struct message *m, struct err *err);
