/* test_kick.c - which connections are cut, against a list of them in place of the kernel's */
#include "tests/rows.h"

#include "actions/kick.c"

#include "core/base/address.h"
#include "tests/addresses.h"

enum { CONNECTIONS = 12 };

/* What the kernel has, and what it is told. */
static struct {
	struct {
		uint8_t family, peer[16];
		uint16_t port;
		bool open, gone; /* gone: it ended between our question and our order */
	} connection[CONNECTIONS];
	unsigned int n, dumps;
	int refuse_list, refuse_cut;
	char reply[CONNECTIONS + 1][512] __attribute__((aligned(8)));
	unsigned int n_replies, read;
} kernel;

/* -- in place of libmnl's ---------------------------------------------------------------------- */

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	assert_int_equal(bus, NETLINK_SOCK_DIAG);
	(void)flags;
	return (struct mnl_socket *)(void *)&kernel;
}

int mnl_socket_bind(struct mnl_socket *nl, unsigned int groups, pid_t pid)
{
	(void)nl;
	(void)groups;
	(void)pid;
	return 0;
}

int mnl_socket_close(struct mnl_socket *nl)
{
	(void)nl;
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *nl)
{
	(void)nl;
	return -1;
}

static struct nlmsghdr *reply(const struct nlmsghdr *to, uint16_t type)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(kernel.reply[kernel.n_replies++]);

	m->nlmsg_type = type;
	m->nlmsg_seq = to->nlmsg_seq;
	return m;
}

static void reply_error(const struct nlmsghdr *to, uint16_t type, int error)
{
	struct nlmsgerr *e = mnl_nlmsg_put_extra_header(reply(to, type), sizeof(*e));

	e->error = -error;
}

static void list_connections(const struct nlmsghdr *m, const struct inet_diag_req_v2 *r)
{
	kernel.dumps++;
	assert_int_equal(r->sdiag_protocol, IPPROTO_TCP);
	assert_true(r->idiag_states & 1U << TCP_ESTABLISHED);
	assert_false(r->idiag_states & (1U << TCP_LISTEN | 1U << TCP_TIME_WAIT));
	for (unsigned int i = 0; i < kernel.n; i++) {
		struct inet_diag_msg *d;

		if (kernel.connection[i].family != r->sdiag_family || !kernel.connection[i].open)
			continue;
		d = mnl_nlmsg_put_extra_header(reply(m, SOCK_DIAG_BY_FAMILY), sizeof(*d));
		d->idiag_family = r->sdiag_family;
		d->id.idiag_sport = htons(kernel.connection[i].port);
		d->id.idiag_cookie[0] = i + 1;
		memcpy(d->id.idiag_dst,
		       kernel.connection[i].peer + (r->sdiag_family == AF_INET ? 12 : 0),
		       r->sdiag_family == AF_INET ? 4 : 16);
	}
	reply_error(m, NLMSG_DONE, kernel.refuse_list);
}

static void cut_connection(const struct nlmsghdr *m, const struct inet_diag_req_v2 *r)
{
	uint32_t i = r->id.idiag_cookie[0];

	if (kernel.refuse_cut) {
		reply_error(m, NLMSG_ERROR, kernel.refuse_cut);
		return;
	}
	if (i == 0 || i > kernel.n || kernel.connection[i - 1].gone) {
		reply_error(m, NLMSG_ERROR, ENOENT);
		return;
	}
	assert_int_equal(ntohs(r->id.idiag_sport), kernel.connection[i - 1].port);
	kernel.connection[i - 1].open = false;
	reply_error(m, NLMSG_ERROR, 0);
}

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t siz)
{
	const struct nlmsghdr *m = req;

	(void)nl;
	assert_true(mnl_nlmsg_get_payload_len(m) >= sizeof(struct inet_diag_req_v2));
	kernel.n_replies = kernel.read = 0;
	if (m->nlmsg_type == SOCK_DESTROY)
		cut_connection(m, mnl_nlmsg_get_payload(m));
	else
		list_connections(m, mnl_nlmsg_get_payload(m));
	return (ssize_t)siz;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t siz)
{
	const struct nlmsghdr *m = (const void *)kernel.reply[kernel.read];

	(void)nl;
	if (kernel.read == kernel.n_replies) {
		errno = EAGAIN;
		return -1;
	}
	assert_true(m->nlmsg_len <= siz);
	memcpy(buf, m, m->nlmsg_len);
	kernel.read++;
	return m->nlmsg_len;
}

/* ---------------------------------------------------------------------------------------------- */

/* Connections as text: "4 PEER PORT", or 6, the family of the server's socket. */
static const struct row {
	const char *name;
	const char *connection[8];
	const char *address[2][3]; /* of two items */
	const char *left;          /* numbers of those that stay open */
	enum postern_result result[2];
	const char *text[2];
	int refuse_list, refuse_cut;
} rows[] = {
	{ "one of two",
	  { "4 192.0.2.1 25", "4 192.0.2.2 25" },
	  { { "192.0.2.1" } },
	  "1",
	  { 0 },
	  { "cut 1 connection", "" },
	  0,
	  0 },
	{ "a mapped peer",
	  { "6 192.0.2.1 587", "6 2001:db8::1 587" },
	  { { "192.0.2.1" } },
	  "1",
	  { 0 },
	  { "cut 1 connection", "" },
	  0,
	  0 },
	{ "other ports",
	  { "4 192.0.2.1 80", "4 192.0.2.1 993", "6 192.0.2.1 22" },
	  { { "192.0.2.1" } },
	  "02",
	  { 0 },
	  { "cut 1 connection", "" },
	  0,
	  0 },
	{ "the whole /64",
	  { "6 2001:db8::1 25", "6 2001:db8::ffff:2 25", "6 2001:db8:0:1::1 25" },
	  { { "2001:db8::5" } },
	  "2",
	  { 0 },
	  { "cut 2 connections", "" },
	  0,
	  0 },
	{ "a prefix",
	  { "4 192.0.2.1 25", "4 192.0.3.1 25", "6 192.0.2.200 25" },
	  { { "192.0.2.0/24" } },
	  "1",
	  { 0 },
	  { "cut 2 connections", "" },
	  0,
	  0 },
	{ "an odd prefix",
	  { "4 10.1.15.255 25", "4 10.1.16.0 25", "4 10.1.31.255 25", "4 10.1.32.0 25" },
	  { { "10.1.16.0/20" } },
	  "03",
	  { 0 },
	  { "cut 2 connections", "" },
	  0,
	  0 },
	{ "a short IPv6 prefix",
	  { "6 2001:db8:ffff::1 25", "6 2001:db9::1 25" },
	  { { "2001:db8::/32" } },
	  "1",
	  { 0 },
	  { "cut 1 connection", "" },
	  0,
	  0 },
	{ "two items",
	  { "4 192.0.2.1 25", "4 192.0.2.2 25", "4 192.0.2.2 143" },
	  { { "192.0.2.1", "192.0.2.9" }, { "192.0.2.2" } },
	  "",
	  { 0 },
	  { "cut 1 connection", "cut 2 connections" },
	  0,
	  0 },
	{ "two items, one address",
	  { "4 192.0.2.1 25" },
	  { { "192.0.2.1" }, { "192.0.2.1" } },
	  "",
	  { 0 },
	  { "cut 1 connection", "cut 1 connection" },
	  0,
	  0 },
	{ "nobody there", { "4 192.0.2.1 25" }, { { "192.0.2.2" } }, "0", { 0 }, { "", "" }, 0, 0 },
	{ "gone by itself",
	  { "4 192.0.2.1 25 gone" },
	  { { "192.0.2.1" } },
	  "0",
	  { 0 },
	  { "", "" },
	  0,
	  0 },
	{ "no addresses", { "4 192.0.2.1 25" }, { { NULL } }, "0", { 0 }, { "", "" }, 0, 0 },
	{ "everybody",
	  { "4 192.0.2.1 25" },
	  { { "0.0.0.0/0" }, { "::/0" } },
	  "0",
	  { POSTERN_FAILED, POSTERN_FAILED },
	  { "all of them", "all of them" },
	  0,
	  0 },
	{ "no right",
	  { "4 192.0.2.1 25" },
	  { { "192.0.2.1" }, { "192.0.2.2" } },
	  "0",
	  { POSTERN_FAILED, POSTERN_DONE },
	  { "CAP_NET_ADMIN", "" },
	  0,
	  EPERM },
	{ "no such kernel",
	  { "4 192.0.2.1 25" },
	  { { "192.0.2.1" } },
	  "0",
	  { POSTERN_FAILED },
	  { "CONFIG_INET_DIAG_DESTROY", "" },
	  0,
	  EOPNOTSUPP },
	{ "no list",
	  { "4 192.0.2.1 25" },
	  { { "192.0.2.1" }, { "192.0.2.2" } },
	  "0",
	  { POSTERN_FAILED, POSTERN_FAILED },
	  { "CONFIG_INET_TCP_DIAG", "CONFIG_INET_TCP_DIAG" },
	  ENOENT,
	  0 },
	{ "no memory",
	  { "4 192.0.2.1 25" },
	  { { "192.0.2.1" } },
	  "0",
	  { POSTERN_RETRY, POSTERN_RETRY },
	  { "memory", "memory" },
	  ENOMEM,
	  0 },
};

static void set_kernel(const struct row *row)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.refuse_list = row->refuse_list;
	kernel.refuse_cut = row->refuse_cut;
	for (; kernel.n < COUNT(row->connection) && row->connection[kernel.n]; kernel.n++) {
		unsigned int family, port;
		char peer[50], gone[10] = "";

		assert_true(sscanf(row->connection[kernel.n], "%u %49s %u %9s", &family, peer,
				   &port, gone) >= 3);
		kernel.connection[kernel.n].family = family == 4 ? AF_INET : AF_INET6;
		kernel.connection[kernel.n].port = (uint16_t)port;
		kernel.connection[kernel.n].open = true;
		kernel.connection[kernel.n].gone = gone[0];
		memcpy(kernel.connection[kernel.n].peer, parse(peer).byte, 16);
	}
}

static const char *const ports[] = { "25", "143", "587", "993", NULL };

static void cuts(void **state)
{
	const struct row *row = *state;
	struct kick k = { .port_texts = ports };
	struct postern_address address[2][3];
	struct postern_item items[2];
	char left[CONNECTIONS + 1] = "", why[256];
	size_t n_left = 0;

	set_kernel(row);
	for (size_t i = 0; i < 2; i++) {
		size_t n = 0;

		for (; n < 3 && row->address[i][n]; n++)
			address[i][n] = parse(row->address[i][n]);
		items[i] = (struct postern_item){ .id = i + 1,
						  .address = address[i],
						  .n_addresses = n };
	}
	assert_int_equal(open_all(&k, NULL, why, sizeof(why)), 0);
	apply(&k, items, 2);
	close_all(&k);
	for (unsigned int i = 0; i < kernel.n; i++) {
		if (kernel.connection[i].open)
			left[n_left++] = (char)('0' + i);
	}
	assert_string_equal(left, row->left);
	assert_true(kernel.dumps <= 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(items[i].result, row->result[i]);
		if (row->text[i][0])
			assert_non_null(strstr(items[i].text, row->text[i]));
		else
			assert_string_equal(items[i].text, "");
	}
}

static void on_complaint(void *to, const char *text)
{
	(void)snprintf(to, 256, "%s", text);
}

static void checks(void **state)
{
	static const char *const wrong[] = { "25", "smtp", NULL };
	struct kick k = { .port_texts = wrong };
	char text[256] = "";

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	check(&k, NULL, on_complaint, text);
	assert_non_null(strstr(text, "ports: expected a port"));
	k.port_texts = ports;
	kernel.refuse_cut = EOPNOTSUPP;
	check(&k, NULL, on_complaint, text);
	assert_non_null(strstr(text, "CONFIG_INET_DIAG_DESTROY"));
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1] = { cmocka_unit_test(checks) };
	size_t n = 1;

	ADD_ROWS(tests, n, rows, cuts);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
