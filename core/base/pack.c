/*
 * pack - typed values as bytes
 *
 * The one format of everything that leaves a process and is read by another one of ours: the
 * messages on a channel and the rows of the store. No alignment, no padding, no pointers; the
 * reader checks every length against what there is, for the writer may have been taken over.
 */
#include "core/base/pack.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256 };

void pack_fini(struct pack *p)
{
	free(p->data);
	*p = (struct pack){ 0 };
}

void pack_bytes(struct pack *p, const void *data, size_t len)
{
	size_t cap = p->cap ? p->cap : FIRST;

	while (cap - p->len < len)
		cap *= 2;
	if (cap != p->cap) {
		p->data = xrealloc(p->data, cap, 1);
		p->cap = cap;
	}
	if (len > 0)
		memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void put(struct pack *p, uint64_t n, size_t bytes)
{
	unsigned char text[8];

	for (size_t i = 0; i < bytes; i++)
		text[i] = (unsigned char)(n >> (8 * i));
	pack_bytes(p, text, bytes);
}

void pack_u8(struct pack *p, uint8_t n)
{
	put(p, n, 1);
}

void pack_u16(struct pack *p, uint16_t n)
{
	put(p, n, 2);
}

void pack_u32(struct pack *p, uint32_t n)
{
	put(p, n, 4);
}

void pack_u64(struct pack *p, uint64_t n)
{
	put(p, n, 8);
}

void pack_number(struct pack *p, uint64_t n)
{
	unsigned char text[10];
	size_t len = 0;

	for (; n > 0x7f; n >>= 7)
		text[len++] = (unsigned char)(n | 0x80);
	text[len++] = (unsigned char)n;
	pack_bytes(p, text, len);
}

/* A length that no text has stands for "none". */
void pack_slice(struct pack *p, struct slice s)
{
	assert(s.len < UINT32_MAX);
	pack_u32(p, s.ptr ? (uint32_t)s.len : UINT32_MAX);
	if (s.ptr)
		pack_bytes(p, s.ptr, s.len);
}

void pack_text(struct pack *p, const char *text)
{
	pack_slice(p, text ? slice_of(text) : (struct slice){ NULL, 0 });
}

struct slice pack_contents(const struct pack *p)
{
	return (struct slice){ p->data ? p->data : "", p->len };
}

struct packed packed_of(struct slice s)
{
	return (struct packed){ s.ptr, s.ptr ? s.ptr + s.len : NULL, false };
}

/* The next `len` bytes, or NULL where there are fewer. */
static const char *take(struct packed *p, size_t len)
{
	const char *at = p->ptr;

	if (p->bad || (size_t)(p->end - p->ptr) < len) {
		p->bad = true;
		return NULL;
	}
	p->ptr += len;
	return at;
}

static uint64_t get(struct packed *p, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)take(p, bytes);
	uint64_t n = 0;

	for (size_t i = 0; at && i < bytes; i++)
		n |= (uint64_t)at[i] << (8 * i);
	return n;
}

uint64_t packed_number(struct packed *p)
{
	uint64_t n = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const unsigned char *at = (const unsigned char *)take(p, 1);

		if (!at)
			return 0;
		/* The tenth byte has room for one bit. */
		if (shift == 63 && *at > 1)
			break;
		n |= (uint64_t)(*at & 0x7f) << shift;
		if (*at < 0x80)
			return n;
	}
	p->bad = true;
	return 0;
}

uint8_t packed_u8(struct packed *p)
{
	return (uint8_t)get(p, 1);
}

uint16_t packed_u16(struct packed *p)
{
	return (uint16_t)get(p, 2);
}

uint32_t packed_u32(struct packed *p)
{
	return (uint32_t)get(p, 4);
}

uint64_t packed_u64(struct packed *p)
{
	return get(p, 8);
}

struct slice packed_slice(struct packed *p)
{
	uint32_t len = packed_u32(p);
	const char *at;

	if (p->bad || len == UINT32_MAX)
		return (struct slice){ NULL, 0 };
	at = take(p, len);
	return at ? (struct slice){ at, len } : (struct slice){ NULL, 0 };
}

void packed_bytes(struct packed *p, void *out, size_t len)
{
	const char *at = take(p, len);

	if (at)
		memcpy(out, at, len);
	else
		memset(out, 0, len);
}

static uint32_t check_count(struct packed *p, uint64_t n, size_t least)
{
	assert(least > 0);
	if (!p->bad && n <= UINT32_MAX && n <= (size_t)(p->end - p->ptr) / least)
		return (uint32_t)n;
	p->bad = true;
	return 0;
}

uint32_t packed_count(struct packed *p, size_t least)
{
	return check_count(p, packed_u32(p), least);
}

uint32_t packed_number_count(struct packed *p, size_t least)
{
	return check_count(p, packed_number(p), least);
}

bool packed_end(const struct packed *p)
{
	return !p->bad && p->ptr == p->end;
}
