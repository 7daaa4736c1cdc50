/* catalogue.h - the plugins that the jails name, for whoever loads jails */
#pragma once

#include "core/action/postern-action.h"
#include "core/rule/jail.h"

#include <stdbool.h>

struct catalogue;

/*
 * Plugins of `dir` (copied), each loaded when it is first asked for. Where `names_only`, none is
 * loaded at all: a name is known where its file is there or it is one of the shipped, and all
 * options are let through; so a scan runs no plugin's code, and needs none.
 */
struct catalogue *catalogue_new(const char *dir, bool names_only);
/* Not before all contexts and the jails' instances are done with; NULL is fine. */
void catalogue_free(struct catalogue *c);

/* For struct jail_defaults; valid as long as the catalogue is. */
const struct action_catalogue *catalogue_for_jails(const struct catalogue *c);
/* The plugin of that name; NULL, and why in *err. Not of a catalogue of names only. */
const struct postern_action *catalogue_plugin(struct catalogue *c, const char *plugin,
					      struct err *err);
