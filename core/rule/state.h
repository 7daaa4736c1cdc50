/* state.h - what an engine knows, as rows that a store keeps */
#pragma once

#include "core/base/slice.h"

#include <stdint.h>

/*
 * One row of a checkpoint. `table` and `key` name it; a later row of the same name replaces it,
 * and one whose value has ptr NULL removes it. Both are hashes (core/base/hash.h): a store has to
 * keep hash_seed() beside the rows, and set it before anything is hashed. The value is a packed
 * blob (core/base/pack.h) that engine_restore() alone reads; it is borrowed for the call.
 */
struct state_row {
	uint64_t table;
	uint64_t key;
	struct slice value;
};
