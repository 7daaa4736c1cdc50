/* addresses.h - addresses as plugins get them; for tests of plugins, after tests/rows.h */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/address.h"

#include <string.h>

static inline struct postern_address parse(const char *text)
{
	struct postern_address a = { 0 };
	struct prefix p = { 0 };

	assert_true(prefix_parse(&p, slice_of(text)));
	memcpy(a.byte, p.base.byte, sizeof(a.byte));
	a.bits = p.bits;
	return a;
}
