/*
 * mail - the postmaster is told, with the evidence, and what to do about it
 *
 * A decision becomes one mail when it is a suspicion and one when it is acted on, through
 * sendmail(1). What comes later, a further address or a restart, is no new mail: which decisions
 * were told of stands in the file `told` of the plugin's folder. More than `at_most` mails an hour
 * nobody reads: of the last one that is allowed all that wait are told together, the digest. Those
 * for which there is no mail left wait for the next, by being asked for again later.
 *
 * The mail has no envelope sender, so nothing answers it and it can't bounce, and it is submitted
 * on this machine, without SASL: no filter takes it for a customer's.
 *
 * Exim becomes root again for a delivery by executing itself, set-user-ID. An actuator may not gain
 * rights that way, nor see all folders, and Exim freezes a mail without sender whose delivery fails.
 * So there it is only to queue the mail, which its daemon then delivers.
 *
 * All that is in it was chosen by strangers, names of accounts and of hosts above all. It goes
 * through letter.h.
 *
 * BUGS: a process that is killed between sending and writing that down sends the mail twice.
 */
#include "letter.h"
#include "lines.h"
#include "postern-action.h"

#include <ctype.h>
#include <jansson.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <time.h>

struct waiting {
	uint64_t id;
	char line[512]; /* of the digest */
	char level[8];
};

struct mail {
	const char *sendmail, *from;
	const char *const *to, *const *contacts;
	int64_t at_most, timeout;
	int note;
	const struct postern_host *host;
	struct lines told;       /* "ID LEVEL" */
	struct lines sent;       /* when the mails of the last hour were sent */
	struct waiting *waiting; /* WAITING_MOST of them */
	size_t n_waiting;
	char name[65]; /* of this machine */
};

#define OPTION(kind, field, value, text)                                                        \
	{                                                                                       \
		.type = POSTERN_##kind, .name = #field, .offset = offsetof(struct mail, field), \
		.standard = (value), .help = (text)                                             \
	}

static const struct postern_option options[] = {
	OPTION(PATH, sendmail, "/usr/sbin/sendmail", "the program that takes mail"),
	OPTION(LIST, to, "postmaster", "who is told"),
	OPTION(LIST, contacts, NULL,
	       "who is told too, by domain: \"example.org=admin@example.org\""),
	OPTION(TEXT, from, "postern <postmaster>", "the sender in the header"),
	{ .type = POSTERN_NUMBER,
	  .name = "at_most",
	  .offset = offsetof(struct mail, at_most),
	  .standard = "10",
	  .help = "mails an hour; what is more comes in a digest",
	  .least = 1,
	  .most = 1000 },
	{ .type = POSTERN_SPAN,
	  .name = "timeout",
	  .offset = offsetof(struct mail, timeout),
	  .standard = "20s",
	  .help = "for sendmail, before it is killed",
	  .least = 1,
	  .most = 60 },
	OPTION(BOOL, note, "yes", "a short note when a decision has ended"),
	{ 0 },
};

enum {
	TOLD_MOST = 20000, /* lines; of the oldest decisions it is forgotten that they were told */
	WAITING_MOST = 1000, /* in one digest */
	ROWS_MOST = 100,     /* addresses in a mail */
	HOUR_S = 3600,
	PATIENCE_S = 60, /* for a batch; the rest of it is asked for again */
	USAGE = 64,      /* sysexits.h: these won't go away by themselves */
	NO_USER = 67,
};

/* -- who ------------------------------------------------------------------------------------- */

/* What sendmail(1) can be given: no option, no command, nothing that needs quotes. */
static bool is_recipient(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 254 || !isalnum((unsigned char)*text))
		return false;
	for (; *text; text++)
		if (!isascii(*text) || (!isalnum((unsigned char)*text) && !strchr("@.-_+=", *text)))
			return false;
	return true;
}

/* "DOMAIN=ADDRESS": the address, where it is for the user's domain; NULL: it is not. */
static const char *contact_for(const char *contact, const char *user)
{
	const char *at = user ? strrchr(user, '@') : NULL, *equals = strchr(contact, '=');
	size_t len = equals ? (size_t)(equals - contact) : 0;

	if (!at || !equals || strlen(at + 1) != len || strncasecmp(at + 1, contact, len) != 0)
		return NULL;
	return equals + 1;
}

/* 0, or -1 and which of the options is wrong. */
static int check_addresses(const struct mail *m, char *why, size_t size)
{
	if (!letter_is_plain(m->from) || strlen(m->from) > LETTER_FIELD)
		return lines_say(why, size, "from: expected printable ASCII, at most %d characters",
				 LETTER_FIELD);
	if (!*m->to)
		return lines_say(why, size, "to: expected at least one mail address");
	for (const char *const *to = m->to; *to; to++)
		if (!is_recipient(*to))
			return lines_say(why, size, "to: expected a mail address, not \"%s\"", *to);
	for (const char *const *c = m->contacts; c && *c; c++) {
		const char *equals = strchr(*c, '=');

		if (!equals || equals == *c || !is_recipient(equals + 1))
			return lines_say(why, size,
					 "contacts: expected \"DOMAIN=ADDRESS\", not \"%s\"", *c);
	}
	return 0;
}

/* -- a mail ---------------------------------------------------------------------------------- */

struct letter {
	char *text;
	size_t len;
	FILE *out; /* into text */
};

static const char *subject_of(const struct postern_item *item, const json_t *decision)
{
	const char *ip =
		json_string_value(json_object_get(json_object_get(decision, "subject"), "ip"));

	if (item->user)
		return item->user;
	return ip ? ip : "an address";
}

/* The header, for a mail that is about decision `id` (0: several). */
static void begin(struct letter *l, const struct mail *m, uint64_t id, const char *kind,
		  const char *subject, time_t now)
{
	char date[64], text[600];
	struct tm tm;

	l->out = open_memstream(&l->text, &l->len);
	if (!l->out)
		abort();
	(void)localtime_r(&now, &tm);
	if (!strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S %z", &tm))
		*date = '\0';
	letter_header(l->out, "From", m->from);
	(void)fputs("To: ", l->out);
	for (const char *const *to = m->to; *to; to++)
		(void)fprintf(l->out, "%s%s", *to, to[1] ? ",\n " : "\n");
	letter_header(l->out, "Subject", subject);
	letter_header(l->out, "Date", date);
	(void)snprintf(text, sizeof(text), "<postern.%" PRIu64 ".%s.%lld@%s>", id, kind,
		       (long long)now, m->name);
	letter_header(l->out, "Message-ID", text);
	(void)snprintf(text, sizeof(text), "%s %" PRIu64, kind, id);
	letter_header(l->out, "X-Postern", text);
	(void)fputs("Auto-Submitted: auto-generated\n"
		    "MIME-Version: 1.0\n"
		    "Content-Type: text/plain; charset=UTF-8\n"
		    "Content-Transfer-Encoding: 8bit\n\n",
		    l->out);
}

/* The recipients into argv: all of `to`, and the user's domain's. Returns how many. */
static size_t recipients(const struct mail *m, const char *user, const char **argv, size_t most)
{
	size_t n = 0;

	for (const char *const *to = m->to; *to && n < most; to++)
		argv[n++] = *to;
	for (const char *const *c = m->contacts; c && *c && n < most; c++) {
		const char *address = contact_for(*c, user);

		if (address)
			argv[n++] = address;
	}
	return n;
}

/* Is sendmail Exim, under whatever name, and can't get back the rights that it needs? */
static bool has_to_queue(const struct mail *m)
{
	char *path = realpath(m->sendmail, NULL);
	const char *name = path ? strrchr(path, '/') : NULL;
	bool is_exim = name && strstr(name, "exim");

	free(path);
	return is_exim && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

/*
 * `-f <>` is no envelope sender to Postfix and to Exim alike, and `-i` a dot on a line of its own
 * no end.
 */
static enum postern_result hand_over(const struct mail *m, const struct letter *l, const char *user,
				     char *why, size_t size)
{
	enum { FIXED = 4, RECIPIENTS_MOST = 100 };
	const char *argv[FIXED + 2 + RECIPIENTS_MOST + 1] = { m->sendmail, "-f", "<>", "-i" };
	struct postern_run run = { .argv = argv,
				   .timeout_s = (unsigned int)m->timeout,
				   .input = l->text,
				   .input_len = l->len };
	enum postern_result result = POSTERN_DONE;
	size_t argc = FIXED;

	if (has_to_queue(m))
		argv[argc++] = "-odq";
	argv[argc++] = "--";
	argv[argc + recipients(m, user, argv + argc, RECIPIENTS_MOST)] = NULL;
	if (m->host->run(&run) < 0 || run.status != 0) {
		result = run.status == USAGE || run.status == NO_USER ? POSTERN_FAILED
								      : POSTERN_RETRY;
		(void)lines_say(why, size, "%s ended with status %d: %s", m->sendmail, run.status,
				run.error);
	}
	free(run.output);
	return result;
}

/* Ends the mail, sends it and lets it go. */
static enum postern_result send(const struct mail *m, struct letter *l, const char *user, char *why,
				size_t size)
{
	enum postern_result result;

	if (fclose(l->out) != 0)
		abort(); /* a stream into memory fails where there is none */
	result = hand_over(m, l, user, why, size);
	free(l->text);
	return result;
}

/* -- what the mails say ---------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* 2026-11-20T18:42:52Z as 2026-11-20 18:42:52, without fractions. */
static const char *time_of(const json_t *object, const char *key, char buf[20])
{
	(void)snprintf(buf, 20, "%s", text_of(object, key));
	if (strlen(buf) == 19)
		buf[10] = ' ';
	return buf;
}

static void say_times(FILE *out, const struct postern_item *item, const json_t *decision)
{
	time_t until = item->until_s;
	char text[64];
	struct tm tm;

	if (*text_of(decision, "suspect_at"))
		letter_say(out, "Suspect since  %s", time_of(decision, "suspect_at", text));
	if (*text_of(decision, "act_at"))
		letter_say(out, "Act since      %s", time_of(decision, "act_at", text));
	if (!until)
		letter_say(out, "Until          it is lifted");
	else if (gmtime_r(&until, &tm) && strftime(text, sizeof(text), "%F %T", &tm))
		letter_say(out, "Until          %s", text);
	letter_say(out, "Decision       %" PRIu64 " of jail %s; all times are UTC", item->id,
		   item->jail);
}

static void say_rules(FILE *out, const json_t *decision)
{
	const json_t *rules = json_object_get(decision, "rules");

	letter_say(out, "%s", "");
	letter_say(out, "WHY");
	for (size_t i = 0; i < json_array_size(rules) && i < ROWS_MOST; i++) {
		const json_t *rule = json_array_get(rules, i);

		letter_say(out, "  %-28s %10lld, allowed are %lld", text_of(rule, "name"),
			   (long long)number_of(rule, "value"), (long long)number_of(rule, "max"));
	}
}

static void say_address(FILE *out, const json_t *a, bool failures)
{
	char first[20], last[20];

	time_of(a, "first", first);
	time_of(a, "last", last);
	if (failures)
		letter_say(out, "  %-26s %-2s %8lld  %-19s  %-19s  %s", text_of(a, "ip"),
			   text_of(a, "country"), (long long)number_of(a, "failures"), first, last,
			   text_of(a, "network"));
	else
		letter_say(out, "  %-26s %-2s %7lld %8lld %6lld  %-19s  %-19s  %s",
			   text_of(a, "ip"), text_of(a, "country"),
			   (long long)number_of(a, "logins"), (long long)number_of(a, "messages"),
			   (long long)number_of(a, "bounces"), first, last, text_of(a, "network"));
}

/* The addresses that are the intruder's, or those that are not. */
static void say_addresses(FILE *out, const struct postern_item *item, const json_t *list, bool bots)
{
	size_t shown = 0, all = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i);

		if (json_is_true(json_object_get(a, "bot")) != bots)
			continue;
		if (all++ == 0) {
			letter_say(out, "%s", "");
			letter_say(out, bots ? "EVIDENCE: ADDRESSES OF THE INTRUDER"
					     : "OTHER ADDRESSES, AS FAR AS IS KNOWN THE OWNER'S");
			letter_say(out, "  %-26s %-2s %s  %-19s  %-19s  %s", "address", "cc",
				   json_object_get(a, "failures") ? "failures"
								  : " logins messages bounced",
				   "first", "last", "network");
		}
		if (shown < ROWS_MOST) {
			say_address(out, a, json_object_get(a, "failures") != NULL);
			shown++;
		}
	}
	if (all > shown)
		letter_say(out, "  and %zu more: postern explain %s", all - shown,
			   subject_of(item, NULL));
}

static void say_evidence(FILE *out, const struct postern_item *item, const json_t *decision)
{
	const json_t *list = json_object_get(decision, "addresses");

	say_rules(out, decision);
	say_addresses(out, item, list, true);
	say_addresses(out, item, list, false);
	if (!json_object_get(decision, "messages"))
		return;
	letter_say(out, "%s", "");
	letter_say(out,
		   "  In all %lld messages to %lld recipients, %lld refused, from %zu addresses; "
		   "%zu messages are in the queue.",
		   (long long)number_of(decision, "messages"),
		   (long long)number_of(decision, "recipients"),
		   (long long)number_of(decision, "bounces"), json_array_size(list),
		   json_array_size(json_object_get(decision, "queue_ids")));
}

/* A paragraph under a heading; the first %s of `text` is the account or address. */
static void say_advice(FILE *out, const struct postern_item *item, const char *name)
{
	bool acts = strcmp(item->level, "act") == 0;

	(void)fputs("\nWHAT WAS DONE\n", out);
	if (acts)
		(void)fputs("  The actions of the jail are being applied while you read this.\n",
			    out);
	else
		(void)fputs("  Nothing yet but this mail: the evidence is not enough to act on.\n",
			    out);
	letter_say(out, "  What each action did:  postern status %s", name);
	(void)fputs("\nWHAT TO DO NOW\n", out);
	if (item->user)
		(void)fputs("  1. Ask the owner, by telephone, whether this was he.\n"
			    "  2. If not: set a new password, and withdraw app passwords, OAuth "
			    "tokens and\n"
			    "     sessions of the webmail. Without that it begins again when the "
			    "decision ends.\n"
			    "  3. Look for what an intruder leaves: filters, forwards, an "
			    "auto-reply, another\n"
			    "     reply address, a signature with links.\n"
			    "  4. Look at the sent mail and at the queue; tell those who were "
			    "written to.\n"
			    "  5. Have the owner's computers and phones looked at before the new "
			    "password is used.\n",
			    out);
	else
		(void)fputs("  Nothing, unless you know the address.\n", out);
	(void)fputs("\nHOW TO UNDO IT\n", out);
	letter_say(out, "  postern unban %s%s", name, item->user ? " --release" : "");
	if (item->user)
		(void)fputs("  With --release mail on hold is sent, with --purge deleted; without, "
			    "it stays.\n",
			    out);
}

static const char *headline(const struct postern_item *item)
{
	if (!item->user)
		return "attacks this server";
	return strcmp(item->level, "act") == 0 ? "is used by somebody else"
					       : "may be used by somebody else";
}

static enum postern_result send_decision(struct mail *m, const struct postern_item *item,
					 time_t now, char *why, size_t size)
{
	json_t *decision = json_loads(item->json ? item->json : "{}", 0, NULL);
	const char *name = subject_of(item, decision);
	struct letter l = { 0 };
	enum postern_result result;
	char subject[1024];

	(void)snprintf(subject, sizeof(subject), "%s %s (%s)", name, headline(item), m->name);
	begin(&l, m, item->id, item->level, subject, now);
	letter_say(l.out, "%s %s.", name, headline(item));
	letter_say(l.out, "%s", item->reason);
	letter_say(l.out, "%s", "");
	say_times(l.out, item, decision);
	say_evidence(l.out, item, decision);
	say_advice(l.out, item, name);
	result = send(m, &l, item->user, why, size);
	json_decref(decision);
	return result;
}

static enum postern_result send_digest(struct mail *m, time_t now, char *why, size_t size)
{
	struct letter l = { 0 };
	char subject[256];

	(void)snprintf(subject, sizeof(subject), "%zu decisions at once (%.200s)", m->n_waiting,
		       m->name);
	begin(&l, m, 0, "digest", subject, now);
	letter_say(l.out,
		   "More was decided than there should be mails in an hour (at_most = %lld).",
		   (long long)m->at_most);
	letter_say(l.out, "So these come together, without their evidence:");
	letter_say(l.out, "%s", "");
	for (size_t i = 0; i < m->n_waiting; i++)
		letter_say(l.out, "  %s", m->waiting[i].line);
	letter_say(l.out, "%s", "");
	letter_say(l.out, "For each of them:  postern explain NAME");
	return send(m, &l, NULL, why, size);
}

static enum postern_result send_note(struct mail *m, const struct postern_item *item, time_t now,
				     char *why, size_t size)
{
	json_t *decision = json_loads(item->json ? item->json : "{}", 0, NULL);
	const char *name = subject_of(item, decision);
	struct letter l = { 0 };
	char subject[1024];
	enum postern_result result;

	(void)snprintf(subject, sizeof(subject), "%s is free again (%s)", name, m->name);
	begin(&l, m, item->id, "lift", subject, now);
	letter_say(l.out, "Decision %" PRIu64 " of jail %s about %s has ended.", item->id,
		   item->jail, name);
	letter_say(l.out, "%s", item->reason);
	if (item->user)
		letter_say(l.out, "If the password is still the same, it can begin again at once.");
	result = send(m, &l, item->user, why, size);
	json_decref(decision);
	return result;
}

/* -- what was told, and how much more may be ------------------------------------------------- */

static const char *state_path(const struct mail *m, const char *name, char path[LINES_PATH])
{
	(void)snprintf(path, LINES_PATH, "%s/%s", m->host->state_dir, name);
	return path;
}

/* Has this been told? What was acted on is not told of as a suspicion any more. */
static bool is_told(const struct mail *m, uint64_t id, const char *level)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%" PRIu64 " act", id);
	if (lines_find(&m->told, 0, line) < m->told.n)
		return true;
	(void)snprintf(line, sizeof(line), "%" PRIu64 " %.8s", id, level);
	return lines_find(&m->told, 0, line) < m->told.n;
}

static void note_told(struct mail *m, uint64_t id, const char *level)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%" PRIu64 " %.8s", id, level);

	if (m->told.n >= TOLD_MOST)
		lines_drop(&m->told, 0, TOLD_MOST / 10);
	lines_add(&m->told, line, (size_t)len);
}

static void note_sent(struct mail *m, time_t now)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%lld", (long long)now);

	lines_add(&m->sent, line, (size_t)len);
}

/* How many mails may be sent. Those of before the last hour count no more, nor any of the future. */
static int64_t mails_left(struct mail *m, time_t now)
{
	for (size_t i = m->sent.n; i-- > 0;) {
		long long at = strtoll(m->sent.line[i], NULL, 10);

		if (at <= now - HOUR_S || at > now)
			lines_drop(&m->sent, i, 1);
	}
	return m->at_most - (int64_t)m->sent.n;
}

/* Failing here is no reason to send again: the memory of this process still knows. */
static void save(struct mail *m)
{
	char path[LINES_PATH], why[256];

	if (lines_write(&m->told, state_path(m, "told", path), 0600, why, sizeof(why)) < 0 ||
	    lines_write(&m->sent, state_path(m, "sent", path), 0600, why, sizeof(why)) < 0)
		m->host->log(4, "mail: what was told is not written down: %s", why);
}

static size_t find_waiting(const struct mail *m, uint64_t id)
{
	size_t i = 0;

	while (i < m->n_waiting && m->waiting[i].id != id)
		i++;
	return i;
}

static void stop_waiting(struct mail *m, uint64_t id)
{
	size_t i = find_waiting(m, id);

	if (i < m->n_waiting)
		m->waiting[i] = m->waiting[--m->n_waiting];
}

/* A later call is about the same item again, perhaps of a higher level. */
static bool let_wait(struct mail *m, const struct postern_item *item)
{
	size_t i = find_waiting(m, item->id);
	struct waiting *w = &m->waiting[i];

	if (i == WAITING_MOST)
		return false;
	if (i == m->n_waiting)
		m->n_waiting++;
	w->id = item->id;
	(void)snprintf(w->level, sizeof(w->level), "%s", item->level);
	(void)snprintf(w->line, sizeof(w->line), "%-7s  %s  (jail %s, decision %" PRIu64 ")",
		       item->level, item->user ? item->user : item->reason, item->jail, item->id);
	w->line[letter_fitting(w->line, sizeof(w->line) - 8)] = '\0';
	return true;
}

/* -- the plugin ------------------------------------------------------------------------------ */

static void __attribute__((format(printf, 3, 4)))
answer(struct postern_item *item, enum postern_result result, const char *format, ...)
{
	va_list args;

	item->result = result;
	va_start(args, format);
	(void)vsnprintf(item->text, sizeof(item->text), format, args);
	va_end(args);
}

static bool is_due(const struct mail *m, const struct postern_item *item)
{
	return item->result == POSTERN_DONE && !is_told(m, item->id, item->level);
}

/* All that wait are told of in one mail; those of the batch that are among them are done. */
static void tell_together(struct mail *m, struct postern_item *items, size_t n, time_t now)
{
	enum postern_result result;
	char why[256] = "";

	for (size_t i = 0; i < n; i++)
		if (is_due(m, &items[i]) && !let_wait(m, &items[i]))
			answer(&items[i], POSTERN_RETRY, "waits for the next digest");
	result = send_digest(m, now, why, sizeof(why));
	for (size_t i = 0; i < n; i++)
		if (is_due(m, &items[i]))
			answer(&items[i], result, "%s",
			       result == POSTERN_DONE ? "told of in a digest" : why);
	if (result != POSTERN_DONE)
		return;
	for (size_t i = 0; i < m->n_waiting; i++)
		note_told(m, m->waiting[i].id, m->waiting[i].level);
	m->n_waiting = 0;
	note_sent(m, now);
}

static void let_all_wait(struct mail *m, struct postern_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_due(m, &items[i])) {
			(void)let_wait(m, &items[i]);
			answer(&items[i], POSTERN_RETRY, "waits for the digest");
		}
}

static void tell(struct mail *m, struct postern_item *item, time_t now)
{
	char why[256] = "";
	enum postern_result result = send_decision(m, item, now, why, sizeof(why));

	answer(item, result, "%s", why);
	if (result != POSTERN_DONE)
		return;
	stop_waiting(m, item->id);
	note_told(m, item->id, item->level);
	note_sent(m, now);
}

/* How many are to be told of: those of the batch, and others that wait. */
static size_t count_due(const struct mail *m, const struct postern_item *items, size_t n)
{
	size_t due = m->n_waiting;

	for (size_t i = 0; i < n; i++)
		due += is_due(m, &items[i]) && find_waiting(m, items[i].id) == m->n_waiting;
	return due;
}

static void tell_batch(struct mail *m, struct postern_item *items, size_t n, time_t begun)
{
	for (size_t i = 0; i < n; i++) {
		time_t now = time(NULL);
		int64_t left = mails_left(m, now);

		if (!is_due(m, &items[i]))
			continue;
		if (left <= 0) {
			let_all_wait(m, items + i, n - i);
			return;
		}
		if (left == 1 && count_due(m, items + i, n - i) > 1) {
			tell_together(m, items + i, n - i, now);
			return;
		}
		if (now - begun > PATIENCE_S)
			answer(&items[i], POSTERN_RETRY, "sendmail takes its time");
		else
			tell(m, &items[i], now);
	}
}

static void apply(void *ctx, struct postern_item *items, size_t n)
{
	struct mail *m = ctx;

	if (count_due(m, items, n) == 0)
		return;
	tell_batch(m, items, n, time(NULL));
	save(m);
}

/* Forgets what was told of it; false: nothing was. */
static bool forget(struct mail *m, uint64_t id)
{
	char prefix[32];
	size_t n = m->told.n, at = 0;

	(void)snprintf(prefix, sizeof(prefix), "%" PRIu64 " ", id);
	while ((at = lines_find(&m->told, at, prefix)) < m->told.n)
		lines_drop(&m->told, at, 1);
	stop_waiting(m, id);
	return m->told.n != n;
}

/* The end of what nobody was told of needs no note, nor is one worth a mail that a theft needs. */
static void lift(void *ctx, struct postern_item *items, size_t n)
{
	struct mail *m = ctx;
	bool changed = false;

	for (size_t i = 0; i < n; i++) {
		time_t now = time(NULL);
		char why[256];

		if (!forget(m, items[i].id))
			continue;
		changed = true;
		if (!m->note || mails_left(m, now) <= 1)
			continue;
		if (send_note(m, &items[i], now, why, sizeof(why)) == POSTERN_DONE)
			note_sent(m, now);
		else
			answer(&items[i], POSTERN_DONE, "no note was sent: %s", why);
	}
	if (changed)
		save(m);
}

static void on_close(void *ctx)
{
	struct mail *m = ctx;

	lines_free(&m->told);
	lines_free(&m->sent);
	free(m->waiting);
	m->waiting = NULL;
	m->n_waiting = 0;
}

static int on_open(void *ctx, const struct postern_host *host, char *why, size_t size)
{
	struct mail *m = ctx;
	char path[LINES_PATH];

	m->host = host;
	if (gethostname(m->name, sizeof(m->name) - 1) < 0 || !is_recipient(m->name))
		(void)snprintf(m->name, sizeof(m->name), "localhost");
	if (check_addresses(m, why, size) < 0 ||
	    lines_read(&m->told, state_path(m, "told", path), why, size) < 0 ||
	    lines_read(&m->sent, state_path(m, "sent", path), why, size) < 0) {
		on_close(m); /* it is opened again later */
		return -1;
	}
	m->waiting = lines_alloc(NULL, WAITING_MOST, sizeof(*m->waiting));
	return 0;
}

static void check(void *ctx, const struct postern_host *host, postern_complain *complain, void *to)
{
	const struct mail *m = ctx;
	char text[512];

	(void)host;
	if (check_addresses(m, text, sizeof(text)) < 0)
		complain(to, text);
	if (access(m->sendmail, X_OK) < 0) {
		lines_why(text, sizeof(text), "sendmail:", m->sendmail);
		complain(to, text);
	}
}

POSTERN_EXPORT const struct postern_action postern_action = {
	.abi = POSTERN_ACTION_ABI,
	.name = "mail",
	.summary = "tells the postmaster, with the evidence",
	.wants = POSTERN_WANTS_USERS,
	/* For Exim, set-user-ID root, which becomes its own user and delivers; Postfix needs none. */
	.capabilities = 1ULL << CAP_SETUID | 1ULL << CAP_SETGID | 1ULL << CAP_DAC_OVERRIDE |
			1ULL << CAP_CHOWN | 1ULL << CAP_FOWNER,
	.timeout_s = 150, /* PATIENCE_S, the mail that is under way then, and some more */
	.options = options,
	.ctx_size = sizeof(struct mail),
	.open = on_open,
	.close = on_close,
	.apply = apply,
	.lift = lift,
	.check = check,
};
