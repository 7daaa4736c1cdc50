/* netlink.h - questions to the kernel and its answers, for the plugins that speak netlink */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
	struct mnl_socket *socket; /* NULL: closed */
	uint32_t seq;              /* number of the last message; each one has its own */
};

/* `bus` is one of NETLINK_*, `room` the bytes of the socket's buffers. 0, or an errno value. */
int netlink_open(struct netlink *n, int bus, int room);
void netlink_close(struct netlink *n); /* a closed one is fine */

typedef void netlink_answer(const struct nlmsghdr *message, void *to);

/*
 * Sends `len` bytes of messages, numbered from `first` to n->seq, and hands out all answers to
 * them. It never waits: the kernel has answered when the messages are sent, but for the rest of a
 * dump, and of that it makes the next part as soon as one is taken. 0, or an errno value; what the
 * kernel refuses is no error of this, but an answer: see netlink_error().
 */
int netlink_talk(struct netlink *n, const void *messages, size_t len, uint32_t first,
		 netlink_answer *answer, void *to);
/*
 * The errno value in an answer: of one that is no refusal, but an acknowledgement, the end of a
 * dump or what was asked for, it is 0.
 */
int netlink_error(const struct nlmsghdr *message);
