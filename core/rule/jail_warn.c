/*
 * jail_warn - what is valid in a jail, and would do nothing
 *
 * Rules that this machine has no database for, and scores that can't be reached; `postern check`
 * and whoever loads jails say so.
 */
#include "core/base/mem.h"
#include "core/rule/engine_parts.h"

#include <stdlib.h>
#include <string.h>

/* Why a rule can't fire as things are, or NULL. */
static const char *why_off(const struct rule *r, const struct geoip *geoip)
{
	if (r->aggregate == AGGREGATE_FOREIGN && r->n_home == 0)
		return "no home countries are set";
	if (r->aggregate == AGGREGATE_TRAVEL && !geoip_has_places(geoip))
		return "there is no city database";
	if ((r->aggregate == AGGREGATE_FOREIGN ||
	     (r->aggregate == AGGREGATE_DISTINCT && r->value == VALUE_COUNTRY)) &&
	    !geoip_has_countries(geoip))
		return "there is no country database";
	if (r->aggregate == AGGREGATE_DISTINCT && r->value == VALUE_ASN && !geoip_has_asn(geoip))
		return "there is no ASN database";
	return NULL;
}

/* What is off for the same reason as rule k, in one warning; nothing if an earlier rule is. */
static void warn_of_reason(const struct jail *jail, size_t k, const struct geoip *geoip,
			   void (*warn)(void *ctx, const char *text), void *ctx)
{
	const char *why = why_off(jail->rule[k], geoip), *other;
	char *names = NULL, *text;
	bool many = false;

	for (size_t i = 0; why && i < jail->n_rules; i++) {
		other = why_off(jail->rule[i], geoip);
		if (!other || strcmp(other, why) != 0)
			continue;
		if (i < k)
			return;
		many = names;
		text = xasprintf("%s%s\"%s\"", many ? names : "", many ? ", " : "",
				 jail->rule[i]->name);
		free(names);
		names = text;
	}
	if (!names)
		return;
	text = xasprintf("jail \"%s\": rule%s %s %s off: %s", jail->name, many ? "s" : "", names,
			 many ? "are" : "is", why);
	warn(ctx, text);
	free(text);
	free(names);
}

/* The highest score that the rule has for anybody. */
static unsigned int score_most(const struct jail *jail, const struct rule *r)
{
	unsigned int most = r->score;

	for (size_t i = 0; i < jail->n_limits; i++)
		for (size_t k = 0; k < jail->limits[i].n; k++)
			if (jail->limits[i].limit[k].rule == r &&
			    jail->limits[i].limit[k].score > most)
				most = jail->limits[i].limit[k].score;
	return most;
}

static void warn_of_reach(const struct jail *jail, void (*warn)(void *ctx, const char *text),
			  void *ctx)
{
	struct tally all = { 0 }, sure = { 0 };
	char *text = NULL;

	for (size_t i = 0; i < jail->n_rules; i++) {
		const struct rule *r = jail->rule[i];
		unsigned int score = r->dry_run ? 0 : score_most(jail, r);

		tally_add(&all, r, score);
		if (rule_is_sure(jail, r))
			tally_add(&sure, r, score);
	}
	if (all.sum < jail->suspect)
		text = xasprintf("jail \"%s\" never finds anybody: suspect is %u, and its rules "
				 "together score %u",
				 jail->name, jail->suspect, all.sum);
	else if (sure.sum < jail->threshold)
		text = xasprintf("jail \"%s\" never acts: threshold is %u, and its rules together "
				 "score %u",
				 jail->name, jail->threshold, sure.sum);
	if (text)
		warn(ctx, text);
	free(text);
}

void jail_set_warn(const struct jail_set *set, const struct geoip *geoip,
		   void (*warn)(void *ctx, const char *text), void *ctx)
{
	if (set->n_jails == 0)
		warn(ctx, "no jail is enabled: nothing can be found");
	for (size_t i = 0; i < set->n_jails; i++) {
		warn_of_reach(set->jail[i], warn, ctx);
		for (size_t k = 0; k < set->jail[i]->n_rules; k++)
			warn_of_reason(set->jail[i], k, geoip, warn, ctx);
	}
}
