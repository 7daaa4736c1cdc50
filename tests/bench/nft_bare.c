/*
 * nft_bare - what a bare libnftnl program needs to put addresses into a set of the kernel
 *
 * nft_bare TABLE SET COUNT: adds COUNT addresses, 10.0.0.0 and those behind it, to a set of the
 * family inet, in transactions of 1000 with a timeout of an hour. Prints the seconds that all took
 * and the milliseconds of the longest transaction. The yardstick of tests/bench/nftables.
 */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PER_TRANSACTION = 1000, ROOM = 1 << 18 };

static double now_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct nftnl_set *make_elements(const char *table, const char *name, uint32_t from,
				       uint32_t to)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		abort();
	(void)nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	(void)nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	for (uint32_t i = from; i < to; i++) {
		struct nftnl_set_elem *element = nftnl_set_elem_alloc();
		uint32_t key = htonl(0x0a000000 + i);

		if (!element)
			abort();
		(void)nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, &key, sizeof(key));
		nftnl_set_elem_set_u64(element, NFTNL_SET_ELEM_TIMEOUT, 3600000);
		nftnl_set_elem_add(set, element);
	}
	return set;
}

/* One transaction; -1 where the kernel refuses it. */
static int add(struct mnl_socket *nl, char *buf, struct nftnl_set *set, uint32_t seq)
{
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(buf, ROOM);
	struct nlmsghdr *message;
	char answer[8192];
	ssize_t got;
	int status;

	(void)nftnl_batch_begin(mnl_nlmsg_batch_current(batch), seq);
	(void)mnl_nlmsg_batch_next(batch);
	message = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), NFT_MSG_NEWSETELEM,
					NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, seq);
	nftnl_set_elems_nlmsg_build_payload(message, set);
	(void)mnl_nlmsg_batch_next(batch);
	(void)nftnl_batch_end(mnl_nlmsg_batch_current(batch), seq);
	(void)mnl_nlmsg_batch_next(batch);
	status =
		mnl_socket_sendto(nl, mnl_nlmsg_batch_head(batch), mnl_nlmsg_batch_size(batch)) < 0;
	mnl_nlmsg_batch_stop(batch);
	got = status ? -1 : mnl_socket_recvfrom(nl, answer, sizeof(answer));
	return got > 0 ? mnl_cb_run(answer, (size_t)got, seq, 0, NULL, NULL) : -1;
}

int main(int argc, char **argv)
{
	static char buf[2 * ROOM];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	double began = now_s(), longest = 0;
	uint32_t count;

	if (argc != 4 || !nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		(void)fputs("usage, as root: nft_bare TABLE SET COUNT\n", stderr);
		return 2;
	}
	count = (uint32_t)strtoul(argv[3], NULL, 10);
	for (uint32_t i = 0; i < count; i += PER_TRANSACTION) {
		uint32_t end = count - i < PER_TRANSACTION ? count : i + PER_TRANSACTION;
		struct nftnl_set *set = make_elements(argv[1], argv[2], i, end);
		double from = now_s(), took;

		if (add(nl, buf, set, i + 1) < 0) {
			perror("nft_bare");
			return 1;
		}
		took = now_s() - from;
		longest = took > longest ? took : longest;
		nftnl_set_free(set);
	}
	(void)printf("%.6f %.3f\n", now_s() - began, longest * 1e3);
	(void)mnl_socket_close(nl);
	return 0;
}
