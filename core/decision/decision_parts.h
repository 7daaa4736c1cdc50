/* decision_parts.h - what the sources of cases share; theirs alone */
#pragma once

#include "core/base/table.h"
#include "core/decision/decision.h"

struct case_slot {
	struct table_head head; /* key: jail and subject */
	struct decision *open;  /* NULL: none at present */
	struct decision *gravest;
	unsigned int cases;
	bool dirty; /* it has changed since it was saved */
	bool saved; /* a checkpoint may have it */
};

struct decisions {
	struct engine *engine;
	struct table slots;
	struct decision **sorted;
	bool open_only;
	void (*on_close)(void *ctx, const struct decision *d);
	void *ctx;
	uint64_t *gone; /* keys of rows to be dropped */
	size_t n_gone, cap_gone;
};

uint64_t case_key(const struct jail *jail, uint64_t subject_hash);
/* A case about nothing yet; the subject is pinned. */
struct decision *decision_new(struct decisions *all, const struct jail *jail,
			      struct subject *subject);
void decision_free(struct decision *d);
