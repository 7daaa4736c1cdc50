/*
 * report - a decision as a block of text
 *
 * Written for the administrator at three in the morning: first the verdict and why, then what
 * would be done, then the evidence. Everything that came from a log goes through
 * text_printable() on its way out.
 */
#include "core/cli/report.h"

#include "core/base/mem.h"
#include "core/cli/grid.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MOST = 25, IDS_SHOWN = 5, NAME_WIDTH = 32 };

/* Of the evidence: LOGINS and the three behind it are numbers. */
enum { LOGINS = 4, COLUMNS = 10, NUMBERS = 0xf << LOGINS };

static const char *const level_words[] = { "none", "suspect", "ACT" };

static int by_first(const void *a, const void *b)
{
	const struct sighting *x = *(const struct sighting *const *)a;
	const struct sighting *y = *(const struct sighting *const *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return memcmp(&x->host, &y->host, sizeof(x->host));
}

/* The evidence's sightings that the case covers. */
static bool covers(const struct decision *d, const struct sighting *s)
{
	return s->last >= d->begin_s;
}

const struct sighting **report_rows(const struct decision *d, size_t *n)
{
	size_t all, bots = 0;
	const struct sighting *s = decision_evidence(d, &all);
	const struct sighting **row = xcalloc(all, sizeof(*row));

	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (covers(d, &s[i]) && decision_is_bot(d, &s[i]))
			row[(*n)++] = &s[i];
	bots = *n;
	for (size_t i = 0; i < all; i++)
		if (covers(d, &s[i]) && !decision_is_bot(d, &s[i]))
			row[(*n)++] = &s[i];
	qsort(row, bots, sizeof(*row), by_first);
	qsort(row + bots, *n - bots, sizeof(*row), by_first);
	return row;
}

const char **report_queue_ids(const struct decision *d, const struct queue *queue, size_t *n)
{
	const struct subject *account = d->kind == SUBJECT_ACCOUNT ? d->subject : NULL;
	const struct queued **message = queue_of(queue, account, n);
	const char **id = xcalloc(*n + 1, sizeof(*id));

	for (size_t i = 0; i < *n; i++)
		id[i] = queued_id(message[i]);
	free(message);
	return id;
}

static int by_country(const void *a, const void *b)
{
	return (int)*(const country_t *)a - (int)*(const country_t *)b;
}

struct report_totals report_sum(const struct decision *d)
{
	struct report_totals t = { 0 };
	size_t n;
	const struct sighting **row = report_rows(d, &n);
	country_t *country = xcalloc(n, sizeof(*country));

	for (size_t i = 0; i < n; i++) {
		t.logins += row[i]->logins;
		t.messages += row[i]->messages;
		t.recipients += row[i]->recipients;
		t.bounces += row[i]->bounces;
		t.bots += decision_is_bot(d, row[i]);
		country[i] = row[i]->country;
	}
	t.addresses = n;
	qsort(country, n, sizeof(*country), by_country);
	for (size_t i = 0; i < n; i++)
		t.countries += country[i] && (i == 0 || country[i] != country[i - 1]);
	free(country);
	free(row);
	return t;
}

static const char *ansi(const struct report_options *o, const char *code)
{
	return o->colour ? code : "";
}

static char *printable(const char *text)
{
	return text_printable(slice_of(text));
}

static void print_head(const struct decision *d, const struct report_options *o)
{
	char at[INSTANT_TEXT], *name = printable(d->name);
	bool act = d->level == LEVEL_ACT;

	(void)fprintf(o->out, "%s%-8s%s %s%s%s%s   score %u   jail %s\n",
		      ansi(o, act ? "\033[1;31m" : "\033[1;33m"), level_words[d->level],
		      ansi(o, "\033[0m"), ansi(o, "\033[1m"), name, ansi(o, "\033[0m"),
		      d->kind == SUBJECT_NAME ? " (attacked)" : "", d->score, d->jail->name);
	if (!instant_is_none(d->suspect_at))
		(void)fprintf(o->out, "  suspect since %s", instant_local(d->suspect_at, at));
	if (act)
		(void)fprintf(o->out, ", act since %s", instant_local(d->act_at, at));
	if (d->cases > 1)
		(void)fprintf(o->out, " (the gravest of %u cases)", d->cases);
	(void)fputc('\n', o->out);
	free(name);
}

static const char *unit_of(const struct rule *r)
{
	switch (r->aggregate) {
	case AGGREGATE_DISTINCT:
		return rule_value_name(r->value);
	case AGGREGATE_COUNT:
	case AGGREGATE_SURGE:
		/* A share also looks at what it is a share of. */
		return r->percent ? event_kind_name(EVENT_BOUNCE)
				  : event_kind_name((enum event_kind)__builtin_ctz(r->on));
	case AGGREGATE_SUM:
		return event_field_name(r->summed);
	case AGGREGATE_FOREIGN:
		return "foreign address";
	case AGGREGATE_TRAVEL:
		return "km/h";
	case AGGREGATES:
		break;
	}
	return "";
}

/* Of the longest name of a rule that held. */
static int name_width(const struct decision *d)
{
	int wide = 20;

	for (size_t i = 0; i < d->jail->n_rules; i++)
		if (d->peak[i].rule && (int)strlen(d->peak[i].rule->name) > wide)
			wide = (int)strlen(d->peak[i].rule->name);
	return wide;
}

static void print_rules(const struct decision *d, const struct report_options *o)
{
	const char *title = "rules";
	char span[INSTANT_TEXT];
	int wide = name_width(d);

	for (size_t i = 0; i < d->jail->n_rules; i++) {
		const struct finding *f = &d->peak[i];

		if (!f->rule)
			continue;
		(void)fprintf(o->out, "  %-8s %-*s %6llu > %-6llu %s in %s, score %u%s%s%s\n",
			      title, wide, f->rule->name, (unsigned long long)f->value,
			      (unsigned long long)f->max, unit_of(f->rule),
			      span_text(f->rule->findtime_s, span), f->score,
			      f->rule->group ? " of " : "",
			      f->rule->group ? f->rule->group_name : "",
			      f->rule->dry_run ? " (dry run)" : "");
		title = "";
	}
}

static void print_steps(const struct decision *d, const struct report_options *o)
{
	const char *title = "explain";
	char at[INSTANT_TEXT];
	int wide = name_width(d);

	for (size_t i = 0; i < d->n_steps; i++) {
		const struct decision_step *s = &d->step[i];

		(void)fprintf(o->out, "  %-8s %s  %-*s %llu > %llu   score %u: %s\n", title,
			      instant_local(s->at, at), wide, s->rule->name,
			      (unsigned long long)s->value, (unsigned long long)s->max, s->score,
			      s->level == LEVEL_NONE ? "nothing yet" : level_words[s->level]);
		title = "";
	}
}

/* "a, b, c and 4 more" */
static void print_some(FILE *out, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n && i < IDS_SHOWN; i++)
		(void)fprintf(out, "%s%s", i ? ", " : "", text[i]);
	if (n > IDS_SHOWN)
		(void)fprintf(out, " and %zu more", n - IDS_SHOWN);
}

static bool jail_has(const struct jail *jail, const char *action)
{
	for (size_t i = 0; i < jail->n_actions; i++)
		if (strcmp(jail->action[i].plugin, action) == 0)
			return true;
	return false;
}

static void print_would(const struct decision *d, const struct report_options *o,
			const char *action, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void print_would(const struct decision *d, const struct report_options *o,
			const char *action, const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(o->out, "  %-8s %s: ", "would", action);
	va_start(ap, fmt);
	(void)vfprintf(o->out, fmt, ap);
	va_end(ap);
	(void)fprintf(o->out, "%s\n",
		      jail_has(d->jail, action) ? "" : "   (not among the jail's actions)");
}

/* What the actions would have done, each with what it would have been given. */
static void print_actions(const struct decision *d, const struct report_options *o)
{
	struct report_totals t = report_sum(d);
	char *name = printable(d->name);
	const char **id;
	size_t n;

	for (size_t i = 0; i < d->jail->n_actions; i++) {
		const struct jail_action *a = &d->jail->action[i];

		if (strcmp(a->plugin, "log") == 0 || strcmp(a->plugin, "mail") == 0)
			(void)fprintf(o->out, "  %-8s %s: tell the postmaster%s\n", "would",
				      a->name,
				      a->at == AT_SUSPECT || d->level == LEVEL_ACT
					      ? ""
					      : ", from the threshold on");
	}
	if (d->level == LEVEL_ACT && (t.bots > 0 || d->kind == SUBJECT_ADDRESS))
		print_would(d, o, "nftables", "%zu %s into the set", t.bots ? t.bots : 1,
			    t.bots > 1 ? "addresses" : "address");
	if (d->level == LEVEL_ACT && d->kind == SUBJECT_ACCOUNT) {
		print_would(d, o, "postfix-map", "%s REJECT", name);
		id = report_queue_ids(d, o->queue, &n);
		if (n > 0) {
			print_would(d, o, "postfix-hold", "%zu %s still in the queue", n,
				    n > 1 ? "messages" : "message");
			(void)fprintf(o->out, "  %-8s ", "");
			print_some(o->out, id, n);
			(void)fputc('\n', o->out);
		}
		free(id);
	}
	free(name);
}

static void print_before(const struct decision *d, const struct report_options *o)
{
	char address[ADDRESS_TEXT], at[INSTANT_TEXT], country[3];

	if (!d->has_before)
		return;
	(void)fprintf(o->out, "  %-8s last login before it: %s from %s %s\n", "before",
		      instant_local(instant_of_s(d->before.last), at),
		      prefix_text(&d->before.host, address),
		      country_text(d->before.country, country));
}

static char *network_text(const struct sighting *s, const struct geoip *geoip)
{
	uint32_t asn = geoip_asn(geoip, &s->host.base);
	char *holder, *text;

	if (s->flags & SIGHTING_OWN)
		return xstrdup("this server");
	if (!asn)
		return xstrdup("");
	holder = text_printable(geoip_holder(geoip, &s->host.base));
	text = xasprintf("AS%u %.24s", asn, holder);
	free(holder);
	return text;
}

static char *count_text(uint32_t n)
{
	return n ? xasprintf("%u", n) : xstrdup("");
}

static void fill_row(char *cell[COLUMNS], const struct sighting *s, const struct report_options *o)
{
	char address[ADDRESS_TEXT], at[INSTANT_TEXT], country[3];

	cell[0] = xstrdup(prefix_text(&s->host, address));
	cell[1] = s->rdns ? printable(s->rdns) : xstrdup("");
	if (strlen(cell[1]) > NAME_WIDTH)
		memcpy(cell[1] + NAME_WIDTH - 3, "...", 4);
	cell[2] = xstrdup(country_text(s->country, country));
	cell[3] = network_text(s, o->geoip);
	cell[LOGINS] = count_text(s->logins);
	cell[5] = count_text(s->messages);
	cell[6] = count_text(s->recipients);
	cell[7] = count_text(s->bounces);
	cell[8] = xstrdup(instant_local(instant_of_s(s->first), at));
	cell[9] = xstrdup(instant_local(instant_of_s(s->last), at));
}

static void print_rows(const struct decision *d, const struct report_options *o,
		       const struct sighting *const *row, size_t n)
{
	static const char *const head[COLUMNS] = { "address", "name", "cc",    "network",
						   "logins",  "msgs", "rcpts", "bounced",
						   "first",   "last" };
	char *cell[ROWS_MOST + 1][COLUMNS];

	for (size_t c = 0; c < COLUMNS; c++)
		cell[0][c] =
			xstrdup(c == LOGINS && d->kind != SUBJECT_ACCOUNT ? "failed" : head[c]);
	for (size_t r = 0; r < n; r++)
		fill_row(cell[r + 1], row[r], o);
	grid_print(o->out, "    ", cell[0], n + 1, COLUMNS, NUMBERS);
	for (size_t i = 0; i < (n + 1) * COLUMNS; i++)
		free(cell[i / COLUMNS][i % COLUMNS]);
}

static void print_table(const struct decision *d, const struct report_options *o,
			const struct sighting *const *row, size_t n, const char *title)
{
	size_t shown = n > ROWS_MOST && !o->explain ? ROWS_MOST : n;

	if (n == 0)
		return;
	(void)fprintf(o->out, "  %s (%s%zu)\n", title, d->more_evidence ? "at least " : "", n);
	for (size_t from = 0; from < shown; from += ROWS_MOST)
		print_rows(d, o, row + from, shown - from < ROWS_MOST ? shown - from : ROWS_MOST);
	if (shown < n)
		(void)fprintf(o->out, "    ... and %zu more (--explain and --json list them all)\n",
			      n - shown);
}

void report_text(const struct decision *d, const struct report_options *o)
{
	struct report_totals t = report_sum(d);
	size_t n, bots = 0;
	const struct sighting **row = report_rows(d, &n);

	while (bots < n && decision_is_bot(d, row[bots]))
		bots++;
	print_head(d, o);
	print_rules(d, o);
	if (o->explain)
		print_steps(d, o);
	print_actions(d, o);
	print_before(d, o);
	print_table(d, o, row, bots, d->kind == SUBJECT_ACCOUNT ? "bots" : "addresses");
	print_table(d, o, row + bots, n - bots,
		    d->kind == SUBJECT_ADDRESS ? "address" : "the owner's, as far as is known");
	if (d->kind == SUBJECT_ACCOUNT)
		(void)fprintf(
			o->out,
			"  total    %llu logins, %llu messages, %llu recipients, %llu bounced, "
			"%zu addresses, %zu countries\n",
			(unsigned long long)t.logins, (unsigned long long)t.messages,
			(unsigned long long)t.recipients, (unsigned long long)t.bounces,
			t.addresses, t.countries);
	(void)fputc('\n', o->out);
	free(row);
}
