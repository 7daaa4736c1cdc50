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

/*
 * The seed: whoever stores hashes stores it with them, and sets it again before anything is
 * hashed in the next process.
 */
uint64_t hash_seed(void);
void hash_seed_set(uint64_t seed);
/* With a seed of its own, the same everywhere and for ever: for names that are no secret. */
uint64_t hash_name(const char *text);
/* The same of bytes, where a table drops what falls on one place: a replay has to drop the same. */
uint64_t hash_fixed(const void *data, size_t len);
