/*
 * hash - one keyed hash for every table
 *
 * The seed keeps an attacker who chooses names from choosing where they fall. It changes
 * layout alone, so a replay decides as the first run did; but whom a table at its bound drops, which
 * only a flood of invented names can bring about, does depend on it (see table.c).
 */
#include "core/base/hash.h"

#include <string.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t seed;

__attribute__((constructor)) static void seed_init(void)
{
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		seed = 0x9e3779b97f4a7c15ULL;
}

uint64_t hash_seed(void)
{
	return seed;
}

void hash_seed_set(uint64_t new_seed)
{
	seed = new_seed;
}

uint64_t hash_fixed(const void *data, size_t len)
{
	return XXH3_64bits(data, len);
}

uint64_t hash_name(const char *text)
{
	return hash_fixed(text, strlen(text));
}

uint64_t hash_bytes(const void *data, size_t len)
{
	return XXH3_64bits_withSeed(data, len, seed);
}

uint64_t hash_pair(uint64_t a, uint64_t b)
{
	uint64_t pair[2] = { a, b };

	return hash_bytes(pair, sizeof(pair));
}
