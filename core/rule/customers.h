/* customers.h - the addresses that customers are known to log in from */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Init with customers_init(); 4 MB, however many addresses come. */
struct customers {
	struct customers_bucket *bucket;
};

void customers_init(struct customers *c);
void customers_fini(struct customers *c);

/* Notes that the address of this hash was a customer's on `day` (days since 1970). */
void customers_note(struct customers *c, uint64_t hash, uint16_t day);
/* True where it was noted in the last `days` days before `day`. */
bool customers_seen(const struct customers *c, uint64_t hash, uint16_t day, unsigned int days);
