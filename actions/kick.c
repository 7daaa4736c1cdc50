/*
 * kick - cuts the connections that are open
 *
 * What the packet filter drops leaves a session open until a time-out; this ends it at once. The
 * kernel is asked for all TCP connections, one question for each family and call, and told to
 * destroy those whose peer is one of the addresses and whose own port is a mail port: both ends
 * hear of it, ours with an error, the peer's with a reset (sock_diag(7), SOCK_DESTROY).
 *
 * A server that listens on IPv6 for IPv4 as well has IPv4 peers in their mapped form. So has
 * postern all of them: there is nothing to convert but the peers of IPv4 sockets.
 *
 * BUGS: A connection that is made while the kernel is asked may be missed, unless the packet
 * filter comes first: name that action before this one.
 */
#include "kernel/netlink.h"
#include "kernel/shared.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SOCKET = 1 << 20, /* bytes of the socket's buffers */
	VICTIMS_MOST = 1 << 20,
};

/* Of a connection in these there is something to cut: the others listen, or are over. */
static const uint32_t open_states = 1U << TCP_ESTABLISHED | 1U << TCP_SYN_RECV |
				    1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |
				    1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING;

/* An address or prefix of an item. */
struct target {
	struct postern_address address;
	size_t item;
};

/* A connection that is to go. */
struct victim {
	uint8_t family;
	struct inet_diag_sockid id;
	size_t target; /* the first of those that want it */
};

struct kick {
	const char *const *port_texts; /* the option */

	struct ports ports;
	struct netlink link;
	/* Of the call that is on. */
	struct postern_item *item;
	unsigned int *cut;     /* by item: how many */
	struct target *target; /* sorted */
	size_t n_targets;
	uint8_t length[129]; /* of prefixes: is there a target of that length? */
	struct victim *victim;
	size_t n_victims, cap_victims;
	int error;
};

static const struct postern_option options[] = {
	{ POSTERN_LIST, "ports", offsetof(struct kick, port_texts), MAIL_PORTS,
	  "own TCP ports to which connections are cut, or all", 0, 0, NULL },
	{ 0 },
};

static const char *error_text(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "no right to cut connections: it takes CAP_NET_ADMIN";
	case EOPNOTSUPP:
		return "this kernel can't cut connections: it lacks CONFIG_INET_DIAG_DESTROY";
	case ENOENT:
		return "this kernel can't list connections: it lacks CONFIG_INET_TCP_DIAG";
	default:
		return strerror(error);
	}
}

/* -- who is to go ------------------------------------------------------------------------------ */

/* Only the bits that count, so that equal prefixes are equal bytes. */
static struct postern_address masked(const uint8_t byte[16], unsigned int bits)
{
	struct postern_address a = { .bits = (uint8_t)bits };

	for (unsigned int i = 0; i < 16 && i * 8 < bits; i++) {
		unsigned int kept = bits - i * 8;

		a.byte[i] = kept >= 8 ? byte[i] : byte[i] & (uint8_t)(0xff00 >> kept);
	}
	return a;
}

static int compare(const void *a, const void *b)
{
	const struct target *x = a, *y = b;
	int order = (int)x->address.bits - (int)y->address.bits;

	return order ? order : memcmp(x->address.byte, y->address.byte, sizeof(x->address.byte));
}

static void add_target(struct kick *k, const struct postern_address *a, size_t item)
{
	unsigned int bits = bits_of(a);

	if (is_senseless(a)) {
		k->item[item].result = POSTERN_FAILED;
		(void)tell(k->item[item].text, sizeof(k->item[item].text),
			   "that is no address, or all of them");
		return;
	}
	k->length[bits] = 1;
	k->target[k->n_targets++] = (struct target){ masked(a->byte, bits), item };
}

/* All addresses of the items, sorted. 0, or an errno value. */
static int collect_targets(struct kick *k, size_t n)
{
	size_t all = 1;

	for (size_t i = 0; i < n; i++)
		all += k->item[i].n_addresses;
	k->n_targets = 0;
	memset(k->length, 0, sizeof(k->length));
	k->target = calloc(all, sizeof(*k->target));
	k->cut = calloc(n + 1, sizeof(*k->cut));
	if (!k->target || !k->cut)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		for (size_t m = 0; m < k->item[i].n_addresses; m++)
			add_target(k, &k->item[i].address[m], i);
	}
	qsort(k->target, k->n_targets, sizeof(*k->target), compare);
	return 0;
}

/* The first target of that prefix, or n_targets. */
static size_t find_prefix(const struct kick *k, const struct target *wanted)
{
	size_t from = 0, to = k->n_targets;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare(&k->target[middle], wanted) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from < k->n_targets && compare(&k->target[from], wanted) == 0 ? from : k->n_targets;
}

/* The first target, of the longest prefix, that has this address in it; or n_targets. */
static size_t find_target(const struct kick *k, const uint8_t byte[16])
{
	for (int bits = 128; bits >= 0; bits--) {
		struct target wanted;
		size_t found;

		if (!k->length[bits])
			continue;
		wanted.address = masked(byte, (unsigned int)bits);
		found = find_prefix(k, &wanted);
		if (found < k->n_targets)
			return found;
	}
	return k->n_targets;
}

/* -- what the kernel tells --------------------------------------------------------------------- */

static bool is_mail_port(const struct kick *k, uint16_t port)
{
	for (size_t i = 0; i < k->ports.n; i++) {
		if (k->ports.port[i] == port)
			return true;
	}
	return k->ports.n == 0;
}

static void add_victim(struct kick *k, const struct inet_diag_msg *d, size_t target)
{
	if (k->n_victims == k->cap_victims) {
		size_t cap = k->cap_victims ? 2 * k->cap_victims : 64;
		struct victim *victim =
			cap <= VICTIMS_MOST ? reallocarray(k->victim, cap, sizeof(*victim)) : NULL;

		if (!victim) {
			k->error = ENOMEM;
			return;
		}
		k->victim = victim;
		k->cap_victims = cap;
	}
	k->victim[k->n_victims++] = (struct victim){ d->idiag_family, d->id, target };
}

static void on_connection(const struct nlmsghdr *message, void *to)
{
	const struct inet_diag_msg *d = mnl_nlmsg_get_payload(message);
	uint8_t peer[16] = { [10] = 255, [11] = 255 };
	struct kick *k = to;
	size_t target;

	if (netlink_error(message))
		k->error = netlink_error(message);
	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*d) ||
	    !is_mail_port(k, ntohs(d->id.idiag_sport)))
		return;
	if (d->idiag_family == AF_INET)
		memcpy(peer + 12, d->id.idiag_dst, 4);
	else
		memcpy(peer, d->id.idiag_dst, 16);
	target = find_target(k, peer);
	if (target < k->n_targets)
		add_victim(k, d, target);
}

static struct nlmsghdr *request(struct kick *k, char *at, uint16_t type, uint16_t flags,
				const struct inet_diag_req_v2 *r)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(at);

	m->nlmsg_type = type;
	m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->nlmsg_seq = ++k->link.seq;
	memcpy(mnl_nlmsg_put_extra_header(m, sizeof(*r)), r, sizeof(*r));
	return m;
}

/* All connections of a family whose peer is a target become victims. 0, or an errno value. */
static int find_victims(struct kick *k, uint8_t family)
{
	struct inet_diag_req_v2 r = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = open_states,
	};
	char buf[NLMSG_SPACE(sizeof(r))] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = request(k, buf, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &r);
	int error = netlink_talk(&k->link, m, m->nlmsg_len, m->nlmsg_seq, on_connection, k);

	return error ? error : k->error;
}

/* -- the cut ----------------------------------------------------------------------------------- */

static void on_cut(const struct nlmsghdr *message, void *to)
{
	if (message->nlmsg_type == NLMSG_ERROR)
		*(int *)to = netlink_error(message);
}

/* 0, or an errno value: ENOENT where it had ended by itself. */
static int cut(struct kick *k, const struct victim *v)
{
	struct inet_diag_req_v2 r = {
		.sdiag_family = v->family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = UINT32_MAX,
		.id = v->id,
	};
	char buf[NLMSG_SPACE(sizeof(r))] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *m = request(k, buf, SOCK_DESTROY, NLM_F_ACK, &r);
	int answer = EIO;
	int error = netlink_talk(&k->link, m, m->nlmsg_len, m->nlmsg_seq, on_cut, &answer);

	return error ? error : answer;
}

static void answer_error(struct postern_item *item, int error)
{
	bool never = error == EPERM || error == EACCES || error == EOPNOTSUPP || error == ENOENT;

	item->result = never ? POSTERN_FAILED : POSTERN_RETRY;
	(void)tell(item->text, sizeof(item->text), "%s", error_text(error));
}

/* Cuts one; all who wanted it gone hear of it. */
static void cut_for_all(struct kick *k, const struct victim *v)
{
	const struct target *wanted = &k->target[v->target];
	int error = cut(k, v);

	for (size_t i = v->target; error != ENOENT && i < k->n_targets; i++) {
		if (compare(&k->target[i], wanted) != 0)
			return;
		if (error)
			answer_error(&k->item[k->target[i].item], error);
		else
			k->cut[k->target[i].item]++;
	}
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	struct kick *k = ctx;
	int error;

	k->item = items;
	k->n_victims = 0;
	k->error = 0;
	error = collect_targets(k, n);
	if (!error && k->n_targets)
		error = find_victims(k, AF_INET);
	if (!error && k->n_targets)
		error = find_victims(k, AF_INET6);
	for (size_t i = 0; i < k->n_victims && !error; i++)
		cut_for_all(k, &k->victim[i]);
	for (size_t i = 0; i < n; i++) {
		if (error)
			answer_error(&items[i], error);
		else if (items[i].result == POSTERN_DONE && k->cut[i])
			(void)tell(items[i].text, sizeof(items[i].text), "cut %u connection%s",
				   k->cut[i], k->cut[i] == 1 ? "" : "s");
	}
	free(k->target);
	free(k->cut);
	k->target = NULL;
	k->cut = NULL;
}

/* -- open, close, check ------------------------------------------------------------------------ */

static void close_all(void *ctx)
{
	struct kick *k = ctx;

	netlink_close(&k->link);
	free(k->victim);
	k->victim = NULL;
	k->cap_victims = 0;
}

static int open_all(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct kick *k = ctx;
	int error;

	(void)host;
	if (ports_read(&k->ports, k->port_texts, why, size) < 0)
		return -1;
	error = netlink_open(&k->link, NETLINK_SOCK_DIAG, SOCKET);
	return error ? tell(why, size, "the list of connections can't be read: %s",
			    error_text(error))
		     : 0;
}

static bool has_right(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 && data[0].effective & 1U << CAP_NET_ADMIN;
}

/*
 * Destroys a connection that can't be, from port 0 to port 0: ENOENT is the good answer. Whether
 * one may is not what the kernel looks at first, so that is asked beside it.
 */
static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct victim nobody = { .family = AF_INET,
				       .id = { .idiag_cookie = { INET_DIAG_NOCOOKIE,
								 INET_DIAG_NOCOOKIE } } };
	const struct kick *configured = ctx;
	struct kick k = { .port_texts = configured->port_texts };
	char why[256];
	int error;

	if (open_all(&k, host, why, sizeof(why)) < 0) {
		complain(to, why);
		return;
	}
	error = cut(&k, &nobody);
	if (error == ENOENT)
		error = has_right() ? 0 : EPERM;
	if (error)
		complain(to, error_text(error));
	close_all(&k);
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "kick",
	.summary = "cuts the connections that the addresses have open to the mail ports",
	.wants = POSTERN_WANTS_ADDRESSES,
	.capabilities = UINT64_C(1) << CAP_NET_ADMIN,
	.options = options,
	.ctx_size = sizeof(struct kick),
	.open = open_all,
	.close = close_all,
	.apply = apply,
	.check = check,
};
