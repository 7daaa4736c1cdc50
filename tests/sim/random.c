/*
 * random - xoshiro256** and the few distributions that mail follows
 *
 * rand() differs from libc to libc; a bench that is quoted has to be repeatable. The state is
 * small enough to give each account its own, so that a change to one class of accounts leaves
 * the days of all others as they were.
 */
#include "tests/sim/random.h"

#include <assert.h>
#include <math.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void random_init(struct random *r, uint64_t seed, uint64_t stream)
{
	uint64_t x = seed;

	x = splitmix(&x) ^ (stream * 0xd1342543de82ef95);
	for (size_t i = 0; i < 4; i++)
		r->s[i] = splitmix(&x);
}

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

uint64_t random_next(struct random *r)
{
	uint64_t result = rotl(r->s[1] * 5, 7) * 9;
	uint64_t t = r->s[1] << 17;

	r->s[2] ^= r->s[0];
	r->s[3] ^= r->s[1];
	r->s[1] ^= r->s[2];
	r->s[0] ^= r->s[3];
	r->s[2] ^= t;
	r->s[3] = rotl(r->s[3], 45);
	return result;
}

/* The bias of a modulus is below n / 2^64: nothing that a log shows. */
uint64_t random_below(struct random *r, uint64_t n)
{
	assert(n > 0);
	return random_next(r) % n;
}

int64_t random_between(struct random *r, int64_t lo, int64_t hi)
{
	assert(lo <= hi);
	return lo + (int64_t)random_below(r, (uint64_t)(hi - lo) + 1);
}

double random_unit(struct random *r)
{
	return (double)(random_next(r) >> 11) * 0x1p-53;
}

bool random_chance(struct random *r, double p)
{
	return random_unit(r) < p;
}

double random_wait(struct random *r, double mean)
{
	return -mean * log(1.0 - random_unit(r));
}

/* Waiting times are counted until they fill the unit: fast enough for the means used here. */
unsigned int random_poisson(struct random *r, double mean)
{
	double passed = mean > 0 ? random_wait(r, 1) : 0;
	unsigned int n = 0;

	while (passed < mean) {
		passed += random_wait(r, 1);
		n++;
	}
	return n;
}

size_t weighted_row(const unsigned int *weight_at, size_t stride, size_t n, double u)
{
	const char *at = (const char *)weight_at;
	double total = 0;
	size_t row;

	assert(n > 0);
	for (size_t i = 0; i < n; i++)
		total += *(const unsigned int *)(const void *)(at + i * stride);
	u *= total;
	for (row = 0; row + 1 < n; row++) {
		u -= *(const unsigned int *)(const void *)(at + row * stride);
		if (u < 0)
			break;
	}
	return row;
}
