/*
 * netlink - questions to the kernel and its answers
 *
 * One thread, one question at a time: so the numbers of messages are enough to tell which answer
 * belongs to which question, and an answer that nobody waited for is passed over.
 */
#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

int netlink_open(struct netlink *n, int bus, int room)
{
	int error;

	n->socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = errno;
		netlink_close(n);
		return error;
	}
	/* Without the right the buffers stay small, and what would need them is refused anyway. */
	(void)setsockopt(mnl_socket_get_fd(n->socket), SOL_SOCKET, SO_SNDBUFFORCE, &room,
			 sizeof(room));
	(void)setsockopt(mnl_socket_get_fd(n->socket), SOL_SOCKET, SO_RCVBUFFORCE, &room,
			 sizeof(room));
	return 0;
}

void netlink_close(struct netlink *n)
{
	if (n->socket)
		(void)mnl_socket_close(n->socket);
	n->socket = NULL;
}

int netlink_talk(struct netlink *n, const void *messages, size_t len, uint32_t first,
		 netlink_answer *answer, void *to)
{
	static char in[1 << 16] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t got;

	if (mnl_socket_sendto(n->socket, messages, len) < 0)
		return errno;
	while ((got = mnl_socket_recvfrom(n->socket, in, sizeof(in))) > 0) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)in;
		int left = (int)got;

		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			/* An older one answers what was asked when the last talk broke off. */
			if (message->nlmsg_seq - first <= n->seq - first)
				answer(message, to);
		}
	}
	return got < 0 && errno != EAGAIN ? errno : 0;
}

int netlink_error(const struct nlmsghdr *message)
{
	int error; /* negative; the first that such a message has */

	if (message->nlmsg_type != NLMSG_ERROR && message->nlmsg_type != NLMSG_DONE)
		return 0;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(error))
		return message->nlmsg_type == NLMSG_ERROR ? EPROTO : 0;
	memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error < 0 ? -error : 0;
}
