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

enum { BUCKETS = 1 << 17, SLOTS = 4, PAGE = 128, PAGES = BUCKETS / PAGE };

/* Of a page. */
enum { USED = 1, CHANGED = 2 };

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
	c->page = xcalloc(PAGES, sizeof(*c->page));
}

void customers_fini(struct customers *c)
{
	free(c->bucket);
	free(c->page);
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
	if (taken->mark == mark_of(hash) && taken->day >= day)
		return;
	*taken = (struct slot){ mark_of(hash), day };
	c->page[hash % BUCKETS / PAGE] = USED | CHANGED;
}

bool customers_seen(const struct customers *c, uint64_t hash, uint16_t day, unsigned int days)
{
	const struct slot *slot = c->bucket[hash % BUCKETS].slot;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].mark == mark_of(hash))
			return slot[i].day + days >= day;
	return false;
}

/* Of a page only the slots that are in use, each with its number. */
static void pack_page(struct pack *p, const struct customers_bucket *page)
{
	for (unsigned int i = 0; i < PAGE * SLOTS; i++) {
		const struct slot *slot = &page[i / SLOTS].slot[i % SLOTS];

		if (!slot->mark)
			continue;
		pack_u16(p, (uint16_t)i);
		pack_u32(p, slot->mark);
		pack_u16(p, slot->day);
	}
}

void customers_save(struct customers *c, struct saving *s, uint64_t table)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		if (!(c->page[i] & (s->all ? USED : CHANGED)))
			continue;
		pack_page(&s->pack, &c->bucket[i * PAGE]);
		saving_put(s, table, i);
		c->page[i] = USED;
	}
}

void customers_restore(struct customers *c, uint64_t page, struct packed *p)
{
	p->bad |= page >= PAGES;
	if (!p->bad)
		c->page[page] |= USED;
	while (!p->bad && !packed_end(p)) {
		unsigned int i = packed_u16(p);
		struct slot slot = { .mark = packed_u32(p) };

		slot.day = packed_u16(p);
		if (i < PAGE * SLOTS && slot.mark)
			c->bucket[page * PAGE + i / SLOTS].slot[i % SLOTS] = slot;
		else
			p->bad = true;
	}
}
