/* table.h - a table of postern's own: sets, and a chain that closes ports to what is in them */
#pragma once

#include "ruleset.h"

enum table_hook { HOOK_INPUT, HOOK_PREROUTING };
enum table_verdict { VERDICT_DROP, VERDICT_REJECT };

/* How it is to be; all is borrowed. */
struct table_plan {
	enum table_hook hook;
	enum table_verdict verdict;
	int32_t priority;           /* of the chain: lower ones see a packet first */
	const uint16_t *port;       /* TCP, in host order */
	size_t n_ports;             /* 0: all ports of all protocols */
	uint32_t size, prefix_size; /* most elements in a set of addresses, of prefixes */
	bool counters;              /* of each element, beside those of the rules */
};

enum table_state {
	TABLE_FITS, /* it is as it should be, as far as that is cheap to see */
	TABLE_ODD,  /* it was made by postern, but has been changed or is older */
	TABLE_MISSING,
	TABLE_FOREIGN, /* somebody else made one of that name */
};

/* Reads the sets as well. 0, or an errno value. */
int table_look(struct ruleset *r, const struct table_plan *plan, enum table_state *state);
/*
 * Makes the table in one transaction, whatever is there, and reads its sets. Those that are as
 * they should be keep their elements; only a foreign table must not come here. 0, or errno.
 */
int table_make(struct ruleset *r, const struct table_plan *plan);
