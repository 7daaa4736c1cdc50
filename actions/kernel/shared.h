/* shared.h - what nftables and kick have in common: mail ports, and what counts as one address */
#pragma once

#include "postern-action.h"

#include <stdbool.h>

enum {
	PORTS_MOST = 64,
	V4_BITS = 96,    /* of the prefix of mapped addresses, ::ffff:0:0/96 */
	HOST6_BITS = 64, /* what counts as one IPv6 address (RFC 4291 2.5.1) */
};

/* The option `ports`: submission, relay, POP3, IMAP, ManageSieve, with and without TLS. */
#define MAIL_PORTS "{ 25, 465, 587, 110, 995, 143, 993, 4190 }"

struct ports {
	uint16_t port[PORTS_MOST];
	size_t n; /* 0: all */
};

/* From the option's texts: ports, or "all" alone. 0, or -1 and what was expected. */
int ports_read(struct ports *p, const char *const *texts, char *why, size_t size);

/* Is it an IPv4 address or prefix? */
bool is_v4(const struct postern_address *a);
/* Is it no address, or all there are? Neither is ever acted on. */
bool is_senseless(const struct postern_address *a);
/* How many bits count: of an IPv6 address those of its /64. */
unsigned int bits_of(const struct postern_address *a);
/* The address behind, and the one before, in `bytes` of network order; false behind the last. */
bool step_forth(uint8_t *address, size_t bytes);
bool step_back(uint8_t *address, size_t bytes);
/* snprintf, returning -1 always. */
int tell(char *why, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
