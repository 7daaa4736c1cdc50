/* shared - what nftables and kick have in common: mail ports, and what counts as one address */
#include "shared.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tell(char *why, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, size, format, args);
	va_end(args);
	return -1;
}

int ports_read(struct ports *p, const char *const *texts, char *why, size_t size)
{
	p->n = 0;
	if (texts && texts[0] && strcmp(texts[0], "all") == 0 && !texts[1])
		return 0;
	for (size_t i = 0; texts && texts[i]; i++) {
		bool digits = texts[i][0] && strspn(texts[i], "0123456789") == strlen(texts[i]);
		unsigned long port = digits ? strtoul(texts[i], NULL, 10) : 0;

		if (port < 1 || port > 65535)
			return tell(why, size,
				    "ports: expected a port, or \"all\" alone, not \"%.40s\"",
				    texts[i]);
		if (p->n == PORTS_MOST)
			return tell(why, size, "ports: expected %d at most", PORTS_MOST);
		p->port[p->n++] = (uint16_t)port;
	}
	return p->n ? 0 : tell(why, size, "ports: expected at least one, or \"all\"");
}

bool is_v4(const struct postern_address *a)
{
	static const uint8_t mapped[12] = { [10] = 255, [11] = 255 };

	return a->bits >= V4_BITS && memcmp(a->byte, mapped, sizeof(mapped)) == 0;
}

bool is_senseless(const struct postern_address *a)
{
	return a->bits > 128 || a->bits == 0 || (is_v4(a) && a->bits == V4_BITS);
}

unsigned int bits_of(const struct postern_address *a)
{
	return !is_v4(a) && a->bits == 128 ? HOST6_BITS : a->bits;
}

bool step_forth(uint8_t *address, size_t bytes)
{
	while (bytes > 0) {
		if (++address[--bytes] != 0)
			return true;
	}
	return false;
}

bool step_back(uint8_t *address, size_t bytes)
{
	while (bytes > 0) {
		if (address[--bytes]-- != 0)
			return true;
	}
	return false;
}
