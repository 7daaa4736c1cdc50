/* guards.h - addresses that are never banned, whatever the configuration says */
#pragma once

#include "core/base/prefixset.h"
#include "core/cli/setup.h"

/*
 * Fills `set` ({0}; sealed afterwards): this machine's addresses, its gateways and resolvers, Postfix's
 * mynetworks and relay hosts where Postfix is installed, and `never_ban` of postern.conf. What can't be
 * found out is told through `warn`, one line each.
 */
void guards_find(struct prefixset *set, const struct setup *setup,
		 void (*warn)(void *ctx, const char *text), void *ctx);
