/* random.h - repeatable chance: the same seed gives the same log on every machine */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* xoshiro256** (Blackman and Vigna, 2018); seeded through splitmix64, as its authors advise. */
struct random {
	uint64_t s[4];
};

/* Two seeds, so that every account has a stream of its own: (seed of the run, its number). */
void random_init(struct random *r, uint64_t seed, uint64_t stream);
uint64_t random_next(struct random *r);
/* 0 <= result < n; n is not 0. */
uint64_t random_below(struct random *r, uint64_t n);
/* lo <= result <= hi. */
int64_t random_between(struct random *r, int64_t lo, int64_t hi);
/* 0 <= result < 1. */
double random_unit(struct random *r);
bool random_chance(struct random *r, double p);
/* Exponentially distributed waiting time. */
double random_wait(struct random *r, double mean);
unsigned int random_poisson(struct random *r, double mean);

/* Both ends included; what a row of a table says about a count or a span. */
struct range {
	int lo, hi;
};

static inline int random_in(struct random *r, struct range range)
{
	return (int)random_between(r, range.lo, range.hi);
}

/*
 * The row of a weighted table that a point 0 <= u < 1 falls on; weight_at gives the address
 * of the first row's weight, stride the size of a row.
 */
size_t weighted_row(const unsigned int *weight_at, size_t stride, size_t n, double u);
