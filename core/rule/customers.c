/*
 * customers - the addresses that customers are known to log in from
 *
 * They are asked for when an address is about to be banned for failures: an office stays
 * unharmed, whatever one of its phones does. Carriers and IPv6 make them many, so memory is
 * fixed: a hash leads to a bucket of a few slots, of which the one noted longest ago makes room.
 *
 * BUGS: with more addresses in a month than there are slots some are forgotten early. Two of which
 * 48 bits of hash agree are taken for one, which spares a stranger now and then.
 */
#include "core/rule/customers.h"

#include "core/base/mem.h"

#include <stdlib.h>

enum { BUCKETS = 1 << 17, SLOTS = 4 };

struct customers_bucket {
	struct slot {
		uint32_t mark; /* 0: empty */
		uint16_t day;
	} slot[SLOTS];
};

static uint32_t mark_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

void customers_init(struct customers *c)
{
	c->bucket = xcalloc(BUCKETS, sizeof(*c->bucket));
}

void customers_fini(struct customers *c)
{
	free(c->bucket);
}

void customers_note(struct customers *c, uint64_t hash, uint16_t day)
{
	struct slot *slot = c->bucket[hash % BUCKETS].slot, *taken = slot;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (slot[i].mark == mark_of(hash)) {
			taken = &slot[i];
			break;
		}
		if (slot[i].day < taken->day)
			taken = &slot[i];
	}
	/* A line that comes late makes it no older. */
	if (taken->mark != mark_of(hash) || taken->day < day)
		*taken = (struct slot){ mark_of(hash), day };
}

bool customers_seen(const struct customers *c, uint64_t hash, uint16_t day, unsigned int days)
{
	const struct slot *slot = c->bucket[hash % BUCKETS].slot;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].mark == mark_of(hash))
			return slot[i].day + days >= day;
	return false;
}
