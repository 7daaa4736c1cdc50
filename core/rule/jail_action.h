/* jail_action.h - the part of a jail that says what is done; jail.c's alone */
#pragma once

#include "core/config/conf.h"
#include "core/rule/jail.h"

/* What an `action` section of a jail has, and an `actions` section of a file. */
extern cfg_opt_t jail_action_schema[], jail_action_group_schema[];

/*
 * Loads a tree with those schemas: `load` is called until all keys of all action sections are
 * known, or refused. `ctx` is its own.
 */
int jail_actions_read(cfg_t **out, const struct action_catalogue *catalogue,
		      int (*load)(cfg_t **out, void *ctx, struct err *err), void *ctx,
		      struct err *err);

/* The actions of one jail: its own sections, and those of the groups of `file` that it names. */
int jail_actions_load(struct jail_set *set, struct jail *jail, cfg_t *section, cfg_t *file,
		      const struct action_catalogue *catalogue, struct err *err);
/* Gives the same actions of all jails the same id. */
void jail_actions_number(struct jail_set *set);
