/* judge.h - the truth of a simulated log, and what a scan made of it */
#pragma once

#include "core/base/address.h"
#include "core/base/instant.h"

#include <stddef.h>

/* A moment at which a host (an IPv4 address or an IPv6 /64) was seen, or from which it is known. */
struct sighting {
	struct address host;
	struct instant at;
};

/* Grows by array_grow(). */
struct sightings {
	struct sighting *item;
	size_t n, cap;
};

/* One jail's word on an account or an address. */
struct finding {
	struct instant suspect_at, act_at; /* INSTANT_NONE where it did not come so far */
	char *jail;
	char *rules; /* names of those that hold, ", " between */
	double score;
	size_t cases; /* as many times the postmaster was told */
};

struct subject {
	char *user;
	size_t class;
	size_t life; /* the class of its owner's habits; equal to class where it is not stolen */
	bool stolen;
	struct instant stolen_from;
	struct sightings logins; /* the thief's, in order of time */
	struct sightings owner;  /* all hosts of the owner's, by host */
	struct sightings known;  /* those used on three days, and since when; by host */
	int active_days;
	struct finding found;    /* the account jail's; jail is NULL where it said nothing */
	struct sightings banned; /* what it lists for banning */
};

struct class_name {
	char *name;
	bool stolen;
};

/* A ban that hits an address which some owner has used. */
struct stray {
	char *jail;
	struct sighting host;
	bool known;
};

struct judgement {
	struct subject *subject; /* by user */
	size_t subjects, subject_cap;
	struct class_name *class;
	size_t classes, class_cap;
	struct sightings owners, known; /* of all accounts, by host */
	struct stray *stray;
	size_t strays, stray_cap;
	size_t address_bans; /* addresses that address jails would ban */
	size_t strangers;    /* users of the account jail that are no account */
};

/* Reads the simulator's truth: one JSON object an account. */
int judge_read_truth(struct judgement *j, const char *path, struct err *err);
/*
 * Reads `postern scan --json`. `jail` is the one whose verdict on a user counts as a verdict
 * on the account; what the others act on are addresses.
 */
int judge_read_scan(struct judgement *j, const char *path, const char *jail, struct err *err);
void judge_fini(struct judgement *j);

/* The earliest sighting of a host in a list by host; NULL where there is none. */
const struct sighting *sightings_find(const struct sightings *list, const struct address *host);
