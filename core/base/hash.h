/* hash.h - one keyed hash for every table */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * 64 bits of XXH3, seeded once a process with random bytes, because the keys are names that
 * attackers invent. Equal hashes of different names are met once in 2^32 names.
 */
uint64_t hash_bytes(const void *data, size_t len);
/* The hash of a pair, in this order. */
uint64_t hash_pair(uint64_t a, uint64_t b);
