/*
 * jail_action - the part of a jail that says what is done
 *
 * An action's section has the options of its plugin, which only the plugin knows. The schema
 * begins with what every action has; each further key is asked of the catalogue when it is met,
 * added to the schema, and the files are read again: so a mistake has its line, and no plugin is
 * looked at that no jail names. Since all action sections share the schema, every value is checked
 * against its own section's plugin.
 *
 * A group is a list of such sections that several jails can name. What a jail says itself goes
 * before what its groups say, and an earlier group before a later one.
 *
 * BUGS: libconfuse's checks take no argument of ours: the catalogue in use is a thread-local, and
 * the schema is one for all, so jails are loaded by one thread at a time.
 */
#include "core/rule/jail_action.h"

#include "core/base/mem.h"

#include <errno.h>
#include <string.h>

enum { OPTIONS_MOST = 200, NAME_MOST = 64 };

/* What is shipped in actions/, and the built-in log. */
static const char *const shipped[] = { "log",          "mail",    "nftables", "kick", "postfix-map",
				       "postfix-hold", "dovecot", "exim",     "exec", "webhook" };

static _Thread_local const struct action_catalogue *current;

static int is_level(cfg_t *cfg, cfg_opt_t *opt);

/* `at`, then the options met so far, whose names are kept below; CONF_END() behind the last. */
cfg_opt_t jail_action_schema[OPTIONS_MOST + 2] = {
	CONF_CHECKED("at", "threshold", is_level),
	CONF_END(),
};

static char option_name[OPTIONS_MOST][NAME_MOST];
static size_t n_options;

cfg_opt_t jail_action_group_schema[] = {
	CONF_SECTION("action", jail_action_schema),
	CONF_END(),
};

bool action_is_shipped(const char *plugin)
{
	for (size_t i = 0; i < COUNT(shipped); i++)
		if (strcmp(shipped[i], plugin) == 0)
			return true;
	return false;
}

static int is_level(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *level = conf_value(opt);

	if (strcmp(level, "suspect") != 0 && strcmp(level, "threshold") != 0)
		return conf_refuse(cfg, "at: expected one of suspect, threshold, not \"%s\"",
				   level);
	return 0;
}

/* "exec" of "exec:slack"; cut where it is longer than any plugin's name. */
static const char *plugin_of(cfg_t *section, char buf[NAME_MOST])
{
	const char *title = cfg_title(section);
	size_t len = strcspn(title, ":");

	if (len >= NAME_MOST)
		len = NAME_MOST - 1;
	memcpy(buf, title, len);
	buf[len] = '\0';
	return buf;
}

/* A value while it is read: opt has those of the list so far. */
static int is_setting(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *name = cfg_opt_name(opt), *value[1] = { conf_value(opt) };
	char plugin[NAME_MOST];
	struct err err;

	if (!current || current->find(current, plugin_of(cfg, plugin), &err) < 0)
		return 0; /* the section's name is wrong: that is told when all is read */
	if (current->declares(current, plugin, name, &err) < 0 ||
	    current->check(current, plugin, name, value, 1, &err) < 0)
		return conf_refuse(cfg, "%s", err.text);
	return 0;
}

/* For conf_ask_unknown(). */
static int on_unknown_key(cfg_t *section, const char *key, struct err *err)
{
	static const cfg_opt_t end = CONF_END();
	char plugin[NAME_MOST];
	struct err no_plugin;

	if (strcmp(cfg_name(section), "action") != 0 || n_options == OPTIONS_MOST ||
	    strlen(key) >= NAME_MOST)
		return 0;
	if (current && current->find(current, plugin_of(section, plugin), &no_plugin) == 0 &&
	    current->declares(current, plugin, key, err) < 0)
		return -1;
	memcpy(option_name[n_options], key, strlen(key) + 1);
	jail_action_schema[n_options + 1] =
		(cfg_opt_t)CONF_CHECKED_LIST(option_name[n_options], is_setting);
	jail_action_schema[++n_options + 1] = end;
	return 1;
}

int jail_actions_read(cfg_t **out, const struct action_catalogue *catalogue,
		      int (*load)(cfg_t **out, void *ctx, struct err *err), void *ctx,
		      struct err *err)
{
	static const cfg_opt_t end = CONF_END();
	int ret;

	n_options = 0;
	jail_action_schema[1] = end;
	current = catalogue;
	conf_ask_unknown(on_unknown_key);
	do
		ret = load(out, ctx, err);
	while (ret < 0 && err->code == EAGAIN);
	conf_ask_unknown(NULL);
	current = NULL;
	return ret;
}

/* "no action is called that", with all and the nearest; what else is wrong as the plugin host says. */
static int refuse_plugin(cfg_t *section, const char *plugin, const struct err *why, struct err *err)
{
	const char *near = conf_nearest(plugin, shipped, COUNT(shipped));

	if (why->code != ENOENT || action_is_shipped(plugin))
		return conf_err(err, section, "%s", why->text);
	return conf_err(err, section,
			"no action is called that; expected log, mail, nftables, kick, "
			"postfix-map, postfix-hold, dovecot, exim, exec or webhook%s%s%s",
			near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int check_plugin(cfg_t *section, const char *plugin, const struct action_catalogue *c,
			struct err *err)
{
	struct err why = { .code = ENOENT };
	const char *which = strchr(cfg_title(section), ':');

	if (c ? c->find(c, plugin, &why) < 0 : !action_is_shipped(plugin))
		return refuse_plugin(section, plugin, &why, err);
	if (strlen(cfg_title(section)) >= NAME_MOST || (which && !which[1]))
		return conf_err(err, section,
				"expected a name of at most %d characters, like \"exec:chat\"",
				NAME_MOST - 1);
	return 0;
}

static struct action_setting setting_of(struct arena *a, cfg_opt_t *opt)
{
	const char **value = arena_alloc(a, (cfg_opt_size(opt) + 1) * sizeof(*value));

	for (unsigned int i = 0; i < cfg_opt_size(opt); i++)
		value[i] = arena_strdup(a, cfg_opt_getnstr(opt, i));
	return (struct action_setting){ arena_strdup(a, cfg_opt_name(opt)), value,
					cfg_opt_size(opt) };
}

/* What was set in the section; an empty list met no check while it was read. */
static int action_settings(struct jail_action *action, cfg_t *section, struct arena *a,
			   const struct action_catalogue *c, struct err *err)
{
	struct action_setting *setting = arena_alloc(a, n_options * sizeof(*setting));
	struct err why;

	action->setting = setting;
	for (size_t i = 0; i < n_options; i++) {
		cfg_opt_t *opt = cfg_getopt(section, option_name[i]);
		struct action_setting *s = &setting[action->n_settings];

		if (!(opt->flags & CFGF_MODIFIED))
			continue;
		*s = setting_of(a, opt);
		if (c && (c->declares(c, action->plugin, s->name, &why) < 0 ||
			  c->check(c, action->plugin, s->name, s->value, s->n, &why) < 0))
			return conf_err(err, section, "%s", why.text);
		action->n_settings++;
	}
	return 0;
}

static int action_load(struct jail_action *action, cfg_t *section, struct arena *a,
		       const struct action_catalogue *c, struct err *err)
{
	char plugin[NAME_MOST];

	if (check_plugin(section, plugin_of(section, plugin), c, err) < 0)
		return -1;
	action->name = arena_strdup(a, cfg_title(section));
	action->plugin = arena_strdup(a, plugin);
	action->at = strcmp(cfg_getstr(section, "at"), "suspect") == 0 ? AT_SUSPECT : AT_THRESHOLD;
	return action_settings(action, section, a, c, err);
}

static bool has_action(const struct jail *jail, const char *name)
{
	for (size_t i = 0; i < jail->n_actions; i++)
		if (strcmp(jail->action[i].name, name) == 0)
			return true;
	return false;
}

/* Adds the actions of a section, a jail's or a group's, that the jail does not have yet. */
static int add_actions(struct jail *jail, cfg_t *section, struct arena *a,
		       const struct action_catalogue *c, struct err *err)
{
	unsigned int n = cfg_size(section, "action");
	struct jail_action *grown = arena_alloc(a, (jail->n_actions + n) * sizeof(*grown));

	if (jail->n_actions > 0)
		memcpy(grown, jail->action, jail->n_actions * sizeof(*grown));
	jail->action = grown;
	for (unsigned int i = 0; i < n; i++) {
		cfg_t *one = cfg_getnsec(section, "action", i);

		if (has_action(jail, cfg_title(one)))
			continue;
		if (action_load(&jail->action[jail->n_actions], one, a, c, err) < 0)
			return -1;
		jail->n_actions++;
	}
	return 0;
}

static int refuse_group(cfg_t *jail, const char *name, cfg_t *file, struct err *err)
{
	const char *names[16], *near;
	unsigned int n = 0;

	for (; n < COUNT(names) && n < cfg_size(file, "actions"); n++)
		names[n] = cfg_title(cfg_getnsec(file, "actions", n));
	near = conf_nearest(name, names, n);
	return conf_err(err, jail,
			"actions: expected the name of a group, as in actions \"protect\" { ... }, "
			"not \"%s\"%s%s%s",
			name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

int jail_actions_load(struct jail_set *set, struct jail *jail, cfg_t *section, cfg_t *file,
		      const struct action_catalogue *catalogue, struct err *err)
{
	if (add_actions(jail, section, set->arena, catalogue, err) < 0)
		return -1;
	for (unsigned int i = 0; i < cfg_size(section, "actions"); i++) {
		const char *name = cfg_getnstr(section, "actions", i);
		cfg_t *group = cfg_gettsec(file, "actions", name);

		if (!group)
			return refuse_group(section, name, file, err);
		if (add_actions(jail, group, set->arena, catalogue, err) < 0)
			return -1;
	}
	return 0;
}

static bool same_setting(const struct action_setting *x, const struct action_setting *y)
{
	bool same = strcmp(x->name, y->name) == 0 && x->n == y->n;

	for (size_t i = 0; same && i < x->n; i++)
		same = strcmp(x->value[i], y->value[i]) == 0;
	return same;
}

/* The order of settings is that of the schema, the same for all. */
static bool same_action(const struct jail_action *x, const struct jail_action *y)
{
	bool same = strcmp(x->name, y->name) == 0 && x->n_settings == y->n_settings;

	for (size_t i = 0; same && i < x->n_settings; i++)
		same = same_setting(&x->setting[i], &y->setting[i]);
	return same;
}

void jail_actions_number(struct jail_set *set)
{
	size_t all = 0;

	for (size_t i = 0; i < set->n_jails; i++)
		all += set->jail[i]->n_actions;
	set->instance = arena_alloc(set->arena, all * sizeof(*set->instance));
	for (size_t i = 0; i < set->n_jails; i++) {
		for (size_t k = 0; k < set->jail[i]->n_actions; k++) {
			struct jail_action *action = &set->jail[i]->action[k];
			uint32_t id = 0;

			while (id < set->n_instances && !same_action(set->instance[id], action))
				id++;
			action->id = id;
			if (id == set->n_instances)
				set->instance[set->n_instances++] = action;
		}
	}
}
