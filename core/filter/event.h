/* event.h - a normalised fact: what one log line means */
#pragma once

#include "core/base/address.h"
#include "core/base/instant.h"
#include "core/base/slice.h"

#include <stdint.h>

/* The order is that of event_names in event.c. */
enum event_kind {
	EVENT_LOGIN,   /* a user proved who he is */
	EVENT_FAILURE, /* somebody failed to */
	EVENT_MESSAGE, /* a message accepted from an authenticated user; a login too */
	EVENT_QUEUED,  /* a message's recipients or size became known, or its second queue id */
	EVENT_BOUNCE,  /* one recipient was refused for good */
	EVENT_REMOVED, /* a message left the queue */
	EVENT_LOGOUT,
	EVENT_OFFENCE, /* an address misbehaved: what a fail2ban failregex means */
	EVENT_CONNECT, /* a session began: where it comes from, for its later lines (sessions.h) */
	EVENT_DISCONNECT, /* it ended */
	EVENT_KINDS
};

/* Named groups that a regex may have; the order is that of field_names in event.c. */
enum event_field {
	FIELD_USER,
	FIELD_IP,
	FIELD_RDNS,
	FIELD_HELO,
	FIELD_SERVICE,
	FIELD_METHOD,
	FIELD_QUEUE_ID,
	FIELD_ORIG_QUEUE_ID,
	FIELD_RECIPIENTS,
	FIELD_BYTES,
	FIELD_STATUS,
	FIELD_PORT,
	FIELD_SESSION,
	EVENT_FIELDS
};

/*
 * What a filter made of a line. Slices point into the line (or into the filter, where the
 * field is constant) and live as long as it does; ptr is NULL where there is none.
 */
struct event {
	struct instant time;
	enum event_kind kind;
	struct slice field[EVENT_FIELDS];
	struct address ip; /* valid where has_ip */
	bool has_ip;
	uint32_t recipients; /* 0 where not said */
	uint64_t bytes;
	uint32_t pid;     /* of the program that wrote the line; 0 where not said */
	uint16_t repeats; /* how many more of the same the line stands for; mostly 0 */
	const struct filter_match *match;
	/* The hash that FIELD_USER is looked up by, where somebody worked it out before; else 0. */
	uint64_t user_hash;
};

const char *event_kind_name(enum event_kind kind);
const char *event_field_name(enum event_field field);
/* The kind or field of that name, or -1. */
int event_kind_named(const char *name);
int event_field_named(const char *name);
