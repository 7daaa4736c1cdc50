/*
 * customers - the addresses that customers are known to log in from
 *
 * They are asked for when an address is about to be banned for failures: an office stays
 * unharmed, whatever one of its phones does. Carriers and IPv6 make them many, most of them seen
 * once, so memory is fixed: a hash leads to a bucket of a few slots, of which the one noted on the
 * fewest days makes room, and of these the one noted longest ago. Offices and homes so outlast any
 * number of a carrier's addresses. What falls on one place is the same in each process, or a replay
 * would forget others than the first run did.
 *
 * BUGS: where some hundred thousand are noted on several days each, some are forgotten early. Two
 * of which 48 bits of hash agree are taken for one, which spares a stranger now and then.
 */
#include "core/rule/customers.h"

#include "core/base/hash.h"
#include "core/base/mem.h"

#include <stdlib.h>

enum { BUCKETS = 1 << 17, SLOTS = 4, PAGE = 128, PAGES = BUCKETS / PAGE };

/* Of a page. */
enum { USED = 1, CHANGED = 2 };

struct customers_bucket {
	struct slot {
		uint32_t mark; /* 0: empty */
		uint16_t day;  /* the last one */
		uint16_t days; /* how many */
	} slot[SLOTS];
};

static uint64_t hash_of(const struct address *host)
{
	return hash_fixed(host->byte, sizeof(host->byte));
}

static uint32_t mark_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* Is it still a customer's on that day? It is on earlier ones too: lines come late. */
static bool lasts(const struct slot *slot, uint16_t day)
{
	return slot->mark && slot->day + CUSTOMERS_DAYS >= day;
}

/* Does `a` make room before `b` does? */
static bool goes_before(const struct slot *a, const struct slot *b, uint16_t day)
{
	if (lasts(a, day) != lasts(b, day))
		return !lasts(a, day);
	return a->days != b->days ? a->days < b->days : a->day < b->day;
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

void customers_note(struct customers *c, const struct address *host, uint16_t day)
{
	uint64_t hash = hash_of(host);
	struct slot *slot = c->bucket[hash % BUCKETS].slot, *taken = slot;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (slot[i].mark == mark_of(hash)) {
			taken = &slot[i];
			break;
		}
		if (goes_before(&slot[i], taken, day))
			taken = &slot[i];
	}
	if (taken->mark != mark_of(hash) || !lasts(taken, day))
		*taken = (struct slot){ mark_of(hash), day, 1 };
	else if (taken->day < day) /* a line that comes late makes it no older */
		*taken = (struct slot){ taken->mark, day,
					(uint16_t)(taken->days + (taken->days < UINT16_MAX)) };
	else
		return;
	c->page[hash % BUCKETS / PAGE] = USED | CHANGED;
}

bool customers_seen(const struct customers *c, const struct address *host, uint16_t day)
{
	uint64_t hash = hash_of(host);
	const struct slot *slot = c->bucket[hash % BUCKETS].slot;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].mark == mark_of(hash))
			return lasts(&slot[i], day);
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
		pack_u16(p, slot->days);
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
		slot.days = packed_u16(p);
		if (i < PAGE * SLOTS && slot.mark)
			c->bucket[page * PAGE + i / SLOTS].slot[i % SLOTS] = slot;
		else
			p->bad = true;
	}
}
