/*
 * postern-action.h - the one header that an action plugin includes
 *
 * A plugin is a shared object, NAME.so in postern's folder of actions, that exports one symbol:
 *
 *	POSTERN_EXPORT const struct postern_action postern_action = { POSTERN_ACTION_ABI, ... };
 *
 * It applies decisions to the world and can lift them again. Each plugin runs in a process of its
 * own, with the capabilities it names and no more; it may block, for as long as its `timeout`
 * says: then the process and all that it started are killed, and another one goes on.
 *
 * Both ways have to be idempotent: postern calls apply() for what is already applied, at its start
 * and when it looks after the world, and lift() for what is already gone. "Done" means that the
 * world says so, not that a program said nothing.
 *
 * All pointers in here are borrowed for the call, and all texts are UTF-8 or ASCII without control
 * characters, but chosen by strangers: a user name may hold quotes, blanks, "../" and "$(...)".
 * See doc/plugins.md for a walk through actions/skeleton.c.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POSTERN_EXPORT __attribute__((visibility("default")))

/* A plugin whose number differs is refused: the layout of what is below has changed. */
#define POSTERN_ACTION_ABI 1

/* An IPv6 address or prefix, or an IPv4 one in its mapped form (::ffff:a.b.c.d, RFC 4291 2.5.5.2). */
struct postern_address {
	uint8_t byte[16];
	uint8_t bits; /* how many count, of 128: an IPv4 address has 128, an IPv4 /24 120 */
};

enum postern_result {
	POSTERN_DONE,   /* the world is as it should be */
	POSTERN_RETRY,  /* not now: postern asks again, later each time */
	POSTERN_FAILED, /* never, as things are: an administrator has to look */
};

/* What becomes of held mail when a decision is lifted. */
enum postern_release {
	POSTERN_KEEP,    /* it stays on hold */
	POSTERN_RELEASE, /* it is sent on */
	POSTERN_PURGE,   /* it is deleted */
};

/* One decision, as far as this call is about it. */
struct postern_item {
	uint64_t id;       /* the decision's number; it never changes and is never used again */
	const char *jail;  /* which jail decided */
	const char *level; /* "suspect" or "act" */
	const char *user;  /* the account, in lower case; NULL where it is about an address */
	int64_t until_s;   /* seconds since 1970; 0: until somebody lifts it */
	const char
		*reason;  /* one line for a log: which rules hold, or what the administrator said */
	const char *json; /* the decision and its evidence, one JSON object: see postern(1) */
	/* Those that this call is about: all of them, or what came since the last call. */
	const struct postern_address *address;
	size_t n_addresses;
	const char *const *queue_id;
	size_t n_queue_ids;
	enum postern_release release; /* for lift() */

	/* The plugin's answer; POSTERN_DONE and "" when it is called. */
	enum postern_result result;
	char text[256]; /* one line for the administrator; also when done, where it is worth one */
};

/* What a plugin wants to hear of, beside the decision itself: it is applied again for those. */
enum postern_wants {
	POSTERN_WANTS_USERS = 1, /* it acts on accounts; without this only addresses are given */
	POSTERN_WANTS_ADDRESSES = 2, /* it acts on addresses: each further one */
	POSTERN_WANTS_QUEUE_IDS = 4, /* it acts on queued messages: each further one */
	POSTERN_WANTS_ONCE = 8, /* it tells somebody: what was done is not done again to mend it */
};

/* How an option's value is read, and what it becomes in the context. */
enum postern_option_type {
	POSTERN_OPTIONS_END,
	POSTERN_TEXT,   /* const char *, NULL where neither set nor defaulted */
	POSTERN_PATH,   /* const char *: an absolute path */
	POSTERN_BOOL,   /* int: 0 or 1 */
	POSTERN_NUMBER, /* int64_t: a whole number from `least` to `most` */
	POSTERN_SPAN,   /* int64_t: seconds, written "10m", "2h" ...; bounds in seconds */
	POSTERN_CHOICE, /* int: the index of the word in `choices` */
	POSTERN_LIST,   /* const char *const *: texts, NULL behind the last */
};

struct postern_option {
	enum postern_option_type type;
	const char *name;
	size_t offset;              /* of its place in the context: offsetof() */
	const char *standard;       /* its value where none is set, as in a file; NULL: none (a list
				       is written "{ a, b }"; its words hold no blanks then) */
	const char *help;           /* one line, with the unit */
	int64_t least, most;        /* both 0: no bounds */
	const char *const *choices; /* NULL behind the last */
};

/* What the host does for a plugin. */
struct postern_run {
	const char *const
		*argv; /* argv[0] is an absolute path; NULL behind the last; never a shell */
	const char *const *env; /* "NAME=value", beside PATH, LANG and TZ; NULL: those alone */
	const char *input;      /* for standard input; NULL: none */
	size_t input_len;
	unsigned int timeout_s; /* then its process group is killed; 0: the plugin's own timeout */
	/* Filled in by run(). */
	int status;   /* exit status; 128 + the signal that ended it; -1: it never ran */
	char *output; /* standard output, NUL-terminated, cut at output_most; free() it */
	size_t output_len;
	size_t output_most; /* 0: 64 KB */
	char error[256];    /* why it never ran, or the last line of standard error */
	/* Is given standard output as it comes, however long it is; there is no `output` then. */
	void (*on_output)(void *to, const char *bytes, size_t len);
	void *to;
};

struct postern_host {
	/* Runs a program in a process group of its own; 0 where it ran to its end, whatever its status. */
	int (*run)(struct postern_run *run);
	/* A line to syslog or standard error; `priority` as for syslog(3). */
	void (*log)(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));
	/* The address as text, "192.0.2.1" or "2001:db8::/64"; `text` has room for 50 bytes. */
	const char *(*address_text)(const struct postern_address *a, char *text);
	int (*address_parse)(struct postern_address *a, const char *text); /* 0, or -1 */
	/* A folder that is this plugin's alone and outlives it: what it has to remember goes there. */
	const char *state_dir;
};

/* Tells one thing that is in force in the world and was made by postern: a user or an address. */
struct postern_found {
	const char *user;                      /* or NULL */
	const struct postern_address *address; /* or NULL */
};
typedef void postern_list(void *to, const struct postern_found *found);
/* Tells one thing that will not work as it is set up: what it is and how to mend it. */
typedef void postern_complain(void *to, const char *text);

/* What a plugin lacks stays NULL. */
struct postern_action {
	uint32_t abi;
	const char *name;        /* as in a jail: action "NAME" {} */
	const char *summary;     /* one line */
	unsigned int wants;      /* enum postern_wants */
	uint64_t capabilities;   /* 1 << CAP_... of capabilities(7); what it runs needs them too */
	unsigned int timeout_s;  /* how long one call may take; 0: 30 seconds */
	unsigned int batch_most; /* items in one call; 0: 1000 */
	const struct postern_option *options;
	size_t ctx_size; /* zeroed, then the options are filled in, then open() is called */

	/* 0, or -1 and why in `why`: it is tried again later. */
	int (*open)(void *ctx, const struct postern_host *host, char *why, size_t size);
	void (*close)(void *ctx);
	void (*apply)(void *ctx, struct postern_item *items, size_t n);
	void (*lift)(void *ctx, struct postern_item *items, size_t n);
	/*
	 * All that is in force; -1 and `why` where that can't be told. What of it no decision asks for
	 * is lifted, as an item with id 0; what is missing is applied. Without it apply() mends all.
	 */
	int (*list)(void *ctx, postern_list *list, void *to, char *why, size_t size);
	/* For `postern check`: may be called without open(), and changes nothing. */
	void (*check)(void *ctx, const struct postern_host *host, postern_complain *complain,
		      void *to);
};
