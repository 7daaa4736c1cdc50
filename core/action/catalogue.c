/*
 * catalogue - the plugins that the jails name, for whoever loads jails
 *
 * Stands between the loading of jails, which must not know what an action is, and the plugins. A
 * plugin that can't be loaded is remembered with the reason, for it is asked for once a key.
 */
#include "core/action/catalogue.h"

#include "core/action/options.h"
#include "core/action/plugin.h"
#include "core/base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	char name[PLUGIN_NAME_MOST + 1];
	struct plugin *plugin; /* NULL: it can't be loaded */
	struct err why;
};

struct catalogue {
	struct action_catalogue jails; /* first: what the jails get is the catalogue */
	char *dir;
	struct entry *entry;
	size_t n, cap;
};

static struct entry *entry_of(struct catalogue *c, const char *name)
{
	struct entry *e;

	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->entry[i].name, name) == 0)
			return &c->entry[i];
	c->entry = array_grow(c->entry, c->n, &c->cap, sizeof(*c->entry));
	e = &c->entry[c->n++];
	*e = (struct entry){ 0 };
	memcpy(e->name, name, strlen(name) + 1);
	(void)plugin_load(&e->plugin, c->dir, name, &e->why);
	return e;
}

const struct postern_action *catalogue_plugin(struct catalogue *c, const char *plugin,
					      struct err *err)
{
	const struct entry *e;

	if (!plugin_name_is_valid(plugin)) {
		(void)err_set(err, ENOENT, "no action is called \"%.40s\"", plugin);
		return NULL;
	}
	e = entry_of(c, plugin);
	if (!e->plugin)
		*err = e->why;
	return e->plugin ? plugin_action(e->plugin) : NULL;
}

/* Loading is a matter of the catalogue's own, which its users need not know of. */
static struct catalogue *catalogue_of(const struct action_catalogue *jails)
{
	return (struct catalogue *)(uintptr_t)jails;
}

static int find(const struct action_catalogue *jails, const char *plugin, struct err *err)
{
	return catalogue_plugin(catalogue_of(jails), plugin, err) ? 0 : -1;
}

static int declares(const struct action_catalogue *jails, const char *plugin, const char *option,
		    struct err *err)
{
	const struct postern_action *action = catalogue_plugin(catalogue_of(jails), plugin, err);

	return action && option_find(action, option, err) ? 0 : -1;
}

static int check(const struct action_catalogue *jails, const char *plugin, const char *option,
		 const char *const *value, size_t n, struct err *err)
{
	const struct postern_action *action = catalogue_plugin(catalogue_of(jails), plugin, err);
	const struct postern_option *o = action ? option_find(action, option, err) : NULL;

	return o ? option_check(o, value, n, err) : -1;
}

static int find_name(const struct action_catalogue *jails, const char *plugin, struct err *err)
{
	if (action_is_shipped(plugin) || plugin_is_there(catalogue_of(jails)->dir, plugin))
		return 0;
	return err_set(err, ENOENT, "no action is called \"%.40s\"", plugin);
}

static int declares_any(const struct action_catalogue *jails, const char *plugin,
			const char *option, struct err *err)
{
	(void)jails;
	(void)plugin;
	(void)option;
	(void)err;
	return 0;
}

static int check_none(const struct action_catalogue *jails, const char *plugin, const char *option,
		      const char *const *value, size_t n, struct err *err)
{
	(void)value;
	(void)n;
	return declares_any(jails, plugin, option, err);
}

struct catalogue *catalogue_new(const char *dir, bool names_only)
{
	static const struct action_catalogue plugins = { find, declares, check };
	static const struct action_catalogue names = { find_name, declares_any, check_none };
	struct catalogue *c = xcalloc(1, sizeof(*c));

	c->jails = names_only ? names : plugins;
	c->dir = xstrdup(dir);
	return c;
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++)
		plugin_free(c->entry[i].plugin);
	free(c->entry);
	free(c->dir);
	free(c);
}

const struct action_catalogue *catalogue_for_jails(const struct catalogue *c)
{
	return &c->jails;
}
