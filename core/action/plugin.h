/* plugin.h - action plugins: from a file to a descriptor that can be trusted */
#pragma once

#include "core/action/postern-action.h"
#include "core/base/err.h"

#include <stdbool.h>

enum { PLUGIN_NAME_MOST = 32 };

struct plugin;

/* Letters, digits and "-", no more than PLUGIN_NAME_MOST, not beginning with "-". */
bool plugin_name_is_valid(const char *name);
/* True where `name` is built in, or there is a file DIR/NAME.so, whatever is in it. */
bool plugin_is_there(const char *dir, const char *name);

/*
 * Loads DIR/NAME.so, or what is built in. The file and all folders above it have to be root's or
 * this user's, and nobody else may be able to change them, for what is in the file runs with our
 * rights. err->code is ENOENT where there is no such plugin. On success *out is the caller's.
 */
int plugin_load(struct plugin **out, const char *dir, const char *name, struct err *err);
void plugin_free(struct plugin *p); /* NULL is fine; contexts of it must be gone */

/* Valid as long as the plugin is. */
const struct postern_action *plugin_action(const struct plugin *p);
