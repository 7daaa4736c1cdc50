/* pack.h - typed values as bytes: for messages between our processes and for the store */
#pragma once

#include "core/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. Init with {0}, give back with pack_fini(). */
struct pack {
	char *data;
	size_t len, cap;
};

void pack_fini(struct pack *p);
/* Numbers are written in little-endian order, texts as their length (32 bits) and their bytes. */
void pack_u8(struct pack *p, uint8_t n);
void pack_u16(struct pack *p, uint16_t n);
void pack_u32(struct pack *p, uint32_t n);
void pack_u64(struct pack *p, uint64_t n);
/* A number that is small as a rule: 7 bits a byte, the lowest first. */
void pack_number(struct pack *p, uint64_t n);
void pack_slice(struct pack *p, struct slice s);  /* ptr NULL comes back as such */
void pack_text(struct pack *p, const char *text); /* NULL comes back as NULL */
/* Bytes as they are, without a length: the reader knows how many. */
void pack_bytes(struct pack *p, const void *data, size_t len);
struct slice pack_contents(const struct pack *p);

/*
 * Reading back, from bytes that may be anything. Whatever is missing or wrong reads as zero and
 * sets `bad`, which stays: a reader takes all fields first and asks once.
 */
struct packed {
	const char *ptr, *end;
	bool bad;
};

struct packed packed_of(struct slice s);
uint8_t packed_u8(struct packed *p);
uint16_t packed_u16(struct packed *p);
uint32_t packed_u32(struct packed *p);
uint64_t packed_u64(struct packed *p);
uint64_t packed_number(struct packed *p);
struct slice packed_slice(struct packed *p); /* points into the bytes read */
/* Copies `len` bytes to `out`; zeroes where there are fewer. */
void packed_bytes(struct packed *p, void *out, size_t len);
/* How many elements of at least `least` bytes follow: a count no greater than the bytes left allow. */
uint32_t packed_count(struct packed *p, size_t least);
/* The same, written by pack_number(). */
uint32_t packed_number_count(struct packed *p, size_t least);
/* True where all was read, and well. */
bool packed_end(const struct packed *p);
