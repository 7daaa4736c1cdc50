/*
 * ruleset.h - the part of the kernel's packet filter that a plugin has to do with
 *
 * The protocol is that of linux/netfilter/nf_tables.h and nfnetlink.h: messages between a begin
 * and an end are one transaction, which is done as a whole or not at all.
 */
#pragma once

#include "netlink.h"

#include <stdbool.h>

/* The sets that addresses go to. */
enum which { ADDRESSES4, ADDRESSES6, PREFIXES4, PREFIXES6, SETS };

/* What nft(8) calls the types of keys; the kernel only keeps the number for it. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PORT = 13 };

struct kind {
	const char *name;   /* in a table of our own */
	const char *option; /* that names another one */
	const char *type;   /* as nft(8) writes it */
	uint32_t type_id;
	uint8_t width; /* of a key, in bytes */
	bool interval;
};

extern const struct kind kinds[SETS];

/*
 * What postern made carries a comment, as nft(8) writes one (a type, a length, a text with a NUL):
 * "postern", and behind it, where several actions share a table, which of them it was.
 */
enum { MARK_MOST = 80 };
enum whose { SOMEBODYS, ANOTHERS, OURS }; /* ANOTHERS: of another action of postern */

struct mark {
	uint8_t bytes[MARK_MOST];
	uint16_t len;
};

/* `name` is cut where it is too long; NULL: all that postern made counts as OURS. */
void mark_init(struct mark *m, const char *name);
enum whose mark_whose(const struct mark *m, const struct nlattr *userdata);

/* A set as it was when it was read. */
struct set {
	const char *name; /* borrowed; NULL: there is to be none */
	bool there, interval, timeout, counter;
	uint32_t size, type_id; /* size 0: any */
};

struct ruleset {
	struct netlink link;
	const char *table;   /* borrowed */
	uint8_t family;      /* NFPROTO_... */
	uint32_t generation; /* of the ruleset, as far as we moved it; 0: unknown */
	struct mark mark;    /* of elements; the table itself is marked without a name */
	struct set set[SETS];
	char *buf; /* messages, and what is written there is sent before the next is begun */
};

/* 0, or an errno value. */
int ruleset_open(struct ruleset *r);
void ruleset_close(struct ruleset *r); /* one that is not open is fine */
const char *ruleset_error(int error);

/* Each change of the ruleset, whoever makes it, moves the number. 0, or an errno value. */
int ruleset_generation(struct ruleset *r, uint32_t *generation);
/* Fills in all but the name of each set that has one; that it is not there is no error. */
int ruleset_read_sets(struct ruleset *r);

/* -- messages: these and those of libnftnl are written where the last one ends ---------------- */

struct nlmsghdr *ruleset_message(struct ruleset *r, char *at, uint16_t type, uint16_t flags);
char *end_of(struct nlmsghdr *message);

/* Asks one question and hands the attributes of the answers to `attribute`. */
int ruleset_ask(struct ruleset *r, struct nlmsghdr *message, mnl_attr_cb_t attribute, void *to);

struct transaction {
	uint32_t first; /* number of the message that begins it */
	/* Told of each message that was refused, the first after the begin is 0; may be NULL. */
	void (*refused)(void *to, uint32_t message, int error);
	void *to;
	bool acknowledged;
	int error;
};

/* Where the first message goes. One of them has to have NLM_F_ACK. */
char *transaction_begin(struct ruleset *r, struct transaction *t);
/* 0 when all is done, else an errno value and nothing is. */
int transaction_commit(struct ruleset *r, struct transaction *t, char *at);
