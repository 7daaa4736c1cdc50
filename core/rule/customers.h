/* customers.h - the addresses that customers are known to log in from */
#pragma once

#include "core/base/address.h"
#include "core/rule/saving.h"

#include <stdbool.h>
#include <stdint.h>

/* How long an address is a customer's after the last day that it was noted: schools have long holidays. */
enum { CUSTOMERS_DAYS = 90 };

/* Init with customers_init(); 4 MB, however many addresses come. */
struct customers {
	struct customers_bucket *bucket;
	unsigned char
		*page; /* of each, whether anything is in it, and changed since it was saved */
};

void customers_init(struct customers *c);
void customers_fini(struct customers *c);

/* Notes that the address was a customer's on `day` (days since 1970). */
void customers_note(struct customers *c, const struct address *host, uint16_t day);
/* True where it was noted in the CUSTOMERS_DAYS before `day`. */
bool customers_seen(const struct customers *c, const struct address *host, uint16_t day);

/* Puts the pages that changed; `table` is their name. And takes one back; damage sets p->bad. */
void customers_save(struct customers *c, struct saving *s, uint64_t table);
void customers_restore(struct customers *c, uint64_t page, struct packed *p);
