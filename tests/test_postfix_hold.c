/* test_postfix_hold.c - which messages are held and released, in a queue that is none */
#include "actions/postfix-hold.c" // NOLINT(bugprone-suspicious-include): what it has is static

#include "tests/rows.h"

enum { MESSAGES = 8, ID = 24, TEXT = 4096 };

/* A queue, as "ID:QUEUE ID:QUEUE"; that of a row, and what the fake programs make of it. */
static struct fake {
	char folder[64];
	char id[MESSAGES][ID], queue[MESSAGES][ID];
	size_t n;
	const char *fails;   /* a program's name */
	const char *stays;   /* an id that postsuper can't get hold of */
	const char *listing; /* what postqueue prints instead of the queue */
	unsigned int supers; /* how often postsuper ran */
} fake;

static void set_queue(const char *text)
{
	int taken;

	fake.n = 0;
	while (sscanf(text, " %23[^: ]:%23s%n", fake.id[fake.n], fake.queue[fake.n], &taken) == 2) {
		text += taken;
		fake.n++;
	}
}

static const char *get_queue(char text[TEXT])
{
	text[0] = '\0';
	for (size_t i = 0; i < fake.n; i++)
		(void)snprintf(text + strlen(text), TEXT - strlen(text), "%s%s:%s",
			       *text ? " " : "", fake.id[i], fake.queue[i]);
	return text;
}

/* In pieces as small as they come, with what a stranger could have called himself. */
static void fake_postqueue(const struct postern_run *run)
{
	char text[TEXT] = "";

	for (size_t i = 0; i < fake.n; i++)
		(void)snprintf(
			text + strlen(text), TEXT - strlen(text),
			"{\"queue_name\": \"%s\", \"queue_id\": \"%s\", \"arrival_time\": 1, "
			"\"sender\": \"{\\\"queue_name\\\": \\\"hold\\\", \\\"queue_id\\\": "
			"\\\"DDDDDD\\\"\", \"recipients\": [%0300d]}\n",
			fake.queue[i], fake.id[i], 0);
	for (const char *p = fake.listing ? fake.listing : text; *p; p++)
		run->on_output(run->to, p, 1);
}

static void fake_postsuper(const struct postern_run *run)
{
	char ids[TEXT] = "", *rest = ids, *id;
	const char *to = strcmp(run->argv[1], "-h") == 0 ? "hold" : "deferred";

	fake.supers++;
	assert_true(run->input_len < sizeof(ids));
	memcpy(ids, run->input, run->input_len);
	while ((id = strsep(&rest, "\n"))) {
		for (size_t i = 0; i < fake.n; i++) {
			if (strcmp(fake.id[i], id) != 0 ||
			    (fake.stays && strcmp(fake.stays, id) == 0))
				continue;
			(void)snprintf(fake.queue[i], ID, "%s",
				       strcmp(run->argv[1], "-d") == 0 ? "deleted" : to);
		}
	}
}

static int fake_run(struct postern_run *run)
{
	run->output = NULL;
	run->status = fake.fails && strcmp(fake.fails, run->argv[0]) == 0;
	(void)snprintf(run->error, sizeof(run->error), "%s", run->status ? "no reason" : "");
	if (run->status)
		return 0;
	if (strcmp(run->argv[0], "postqueue") == 0)
		fake_postqueue(run);
	else if (strcmp(run->argv[0], "postsuper") == 0)
		fake_postsuper(run);
	else
		run->output = strdup("/\n");
	return 0;
}

static void fake_log(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
}

static struct postern_host fake_host = { .run = fake_run, .log = fake_log };

static struct hold hold_of_row(const char *free_least)
{
	return (struct hold){ .postsuper = "postsuper",
			      .postqueue = "postqueue",
			      .postconf = "postconf",
			      .free_least = free_least ? free_least : "1K",
			      .most = 3 };
}

static const struct row {
	const char *name;
	const char *before, *known; /* the queue; the decision's file */
	bool lift;
	enum postern_release release;
	const char *ids[6];
	const char *fails, *stays, *listing, *free_least;
	enum postern_result result;
	const char *text;          /* a part of the answer; "": there is none */
	const char *after, *later; /* the queue; the file */
	unsigned int supers;
} rows[] = {
	{ .name = "held, from every queue",
	  .before = "AAAAAA:active BBBBBB:incoming CCCCCC:deferred DDDDDD:deferred",
	  .ids = { "AAAAAA", "BBBBBB", "CCCCCC" },
	  .text = "3 on hold, 0 no longer",
	  .after = "AAAAAA:hold BBBBBB:hold CCCCCC:hold DDDDDD:deferred",
	  .later = "AAAAAA BBBBBB CCCCCC",
	  .supers = 1 },
	{ .name = "gone meanwhile",
	  .before = "BBBBBB:active",
	  .ids = { "AAAAAA", "BBBBBB" },
	  .text = "1 on hold, 1 no longer",
	  .after = "BBBBBB:hold",
	  .later = "BBBBBB",
	  .supers = 1 },
	{ .name = "again",
	  .before = "AAAAAA:hold",
	  .known = "AAAAAA",
	  .ids = { "AAAAAA" },
	  .text = "1 on hold",
	  .after = "AAAAAA:hold",
	  .later = "AAAAAA" },
	{ .name = "on hold already, by somebody else",
	  .before = "AAAAAA:hold",
	  .ids = { "AAAAAA" },
	  .text = "1 on hold",
	  .after = "AAAAAA:hold" },
	{ .name = "a further one",
	  .before = "AAAAAA:hold BBBBBB:active",
	  .known = "AAAAAA",
	  .ids = { "BBBBBB" },
	  .text = "1 on hold",
	  .after = "AAAAAA:hold BBBBBB:hold",
	  .later = "AAAAAA BBBBBB",
	  .supers = 1 },
	{ .name = "one that was let go by hand",
	  .before = "AAAAAA:deferred",
	  .known = "AAAAAA",
	  .ids = { "AAAAAA" },
	  .text = "1 on hold",
	  .after = "AAAAAA:hold",
	  .later = "AAAAAA",
	  .supers = 1 },
	{ .name = "words that are no ids",
	  .before = "AAAAAA:active",
	  .ids = { "ALL", "-d", "../x", "" },
	  .text = "0 on hold, 4 no longer",
	  .after = "AAAAAA:active" },
	{ .name = "no ids", .before = "AAAAAA:active", .text = "", .after = "AAAAAA:active" },
	{ .name = "told twice",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA", "AAAAAA" },
	  .text = "1 on hold",
	  .after = "AAAAAA:hold",
	  .later = "AAAAAA",
	  .supers = 1 },
	{ .name = "more than one decision holds",
	  .before = "AAAAAA:active BBBBBB:active CCCCCC:active DDDDDD:active",
	  .ids = { "AAAAAA", "BBBBBB", "CCCCCC", "DDDDDD" },
	  .result = POSTERN_FAILED,
	  .text = "3 messages are held, no more are (most): 1 are not",
	  .after = "AAAAAA:hold BBBBBB:hold CCCCCC:hold DDDDDD:active",
	  .later = "AAAAAA BBBBBB CCCCCC",
	  .supers = 1 },
	{ .name = "one that can't be got hold of",
	  .before = "AAAAAA:active BBBBBB:active",
	  .ids = { "AAAAAA", "BBBBBB" },
	  .stays = "BBBBBB",
	  .result = POSTERN_RETRY,
	  .text = "1 messages are not on hold yet",
	  .after = "AAAAAA:hold BBBBBB:active",
	  .later = "AAAAAA BBBBBB",
	  .supers = 3 },
	{ .name = "postsuper fails",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .fails = "postsuper",
	  .result = POSTERN_RETRY,
	  .text = "postsuper: status 1: no reason",
	  .after = "AAAAAA:active",
	  .later = "AAAAAA" },
	{ .name = "postqueue fails",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .fails = "postqueue",
	  .result = POSTERN_RETRY,
	  .text = "postqueue: status 1",
	  .after = "AAAAAA:active" },
	{ .name = "a listing that can't be read",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .listing = "-Queue ID- --Size--\n",
	  .result = POSTERN_RETRY,
	  .text = "expected a queue_name",
	  .after = "AAAAAA:active" },
	{ .name = "a listing that is cut",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .listing = "{\"queue_name\": \"active\", \"queue_id\": \"AAAAAA\"",
	  .result = POSTERN_RETRY,
	  .text = "expected a queue_name",
	  .after = "AAAAAA:active" },
	{ .name = "a listing in other words of the same kind",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .listing = "{\"queue_name\":\"hold\",\"queue_id\":\"AAAAAA\"}\n",
	  .text = "1 on hold",
	  .after = "AAAAAA:active" },
	{ .name = "too little space",
	  .before = "AAAAAA:active",
	  .ids = { "AAAAAA" },
	  .free_least = "1000000T",
	  .result = POSTERN_RETRY,
	  .text = "no mail is put on hold",
	  .after = "AAAAAA:active" },
	{ .name = "released: what is ours",
	  .before = "AAAAAA:hold BBBBBB:hold CCCCCC:deferred",
	  .known = "AAAAAA CCCCCC EEEEEE",
	  .lift = true,
	  .release = POSTERN_RELEASE,
	  .text = "1 messages were queued again",
	  .after = "AAAAAA:deferred BBBBBB:hold CCCCCC:deferred",
	  .supers = 1 },
	{ .name = "purged: what is ours, and on hold",
	  .before = "AAAAAA:hold BBBBBB:hold CCCCCC:deferred",
	  .known = "AAAAAA CCCCCC EEEEEE",
	  .lift = true,
	  .release = POSTERN_PURGE,
	  .text = "1 messages were deleted",
	  .after = "AAAAAA:deleted BBBBBB:hold CCCCCC:deferred",
	  .supers = 1 },
	{ .name = "kept",
	  .before = "AAAAAA:hold BBBBBB:hold",
	  .known = "AAAAAA",
	  .lift = true,
	  .text = "1 messages stay on hold",
	  .after = "AAAAAA:hold BBBBBB:hold",
	  .later = "AAAAAA" },
	{ .name = "kept, and there is nothing left",
	  .before = "AAAAAA:deferred",
	  .known = "AAAAAA",
	  .lift = true,
	  .text = "",
	  .after = "AAAAAA:deferred" },
	{ .name = "lifted, and held nothing",
	  .before = "AAAAAA:hold",
	  .lift = true,
	  .release = POSTERN_RELEASE,
	  .text = "",
	  .after = "AAAAAA:hold" },
	{ .name = "release fails: still remembered",
	  .before = "AAAAAA:hold",
	  .known = "AAAAAA",
	  .lift = true,
	  .release = POSTERN_RELEASE,
	  .fails = "postsuper",
	  .result = POSTERN_RETRY,
	  .text = "no reason",
	  .after = "AAAAAA:hold",
	  .later = "AAAAAA" },
	{ .name = "release of one that can't be got hold of",
	  .before = "AAAAAA:hold BBBBBB:hold",
	  .known = "AAAAAA BBBBBB",
	  .lift = true,
	  .release = POSTERN_RELEASE,
	  .stays = "AAAAAA",
	  .result = POSTERN_RETRY,
	  .text = "1 messages are on hold still",
	  .after = "AAAAAA:hold BBBBBB:deferred",
	  .later = "AAAAAA BBBBBB",
	  .supers = 1 },
};

/* Decision 7's file, as the words of one line; NULL for none. */
static void write_known(const struct hold *h, const char *known)
{
	char path[LINES_PATH], why[256];
	struct lines file = { 0 };

	path_of(h, 7, path);
	while (known && *known) {
		size_t len = strcspn(known, " ");

		lines_add(&file, known, len);
		known += len + !!known[len];
	}
	if (file.n)
		assert_int_equal(lines_write(&file, path, 0600, why, sizeof(why)), 0);
	lines_free(&file);
}

static void known_is(const struct hold *h, const char *wanted)
{
	char path[LINES_PATH], why[256], text[TEXT] = "";
	struct lines file = { 0 };

	path_of(h, 7, path);
	assert_int_equal(lines_read(&file, path, why, sizeof(why)), 0);
	for (size_t i = 0; i < file.n; i++)
		(void)snprintf(text + strlen(text), TEXT - strlen(text), "%s%s", i ? " " : "",
			       file.line[i]);
	lines_free(&file);
	assert_string_equal(text, wanted ? wanted : "");
	assert_int_equal(access(path, F_OK), wanted ? 0 : -1);
	(void)unlink(path);
}

static void check_row(void **state)
{
	const struct row *row = *state;
	struct hold h = hold_of_row(row->free_least);
	struct postern_item item = { .id = 7, .queue_id = row->ids, .release = row->release };
	char why[256] = "", text[TEXT];

	fake = (struct fake){ .fails = row->fails, .stays = row->stays, .listing = row->listing };
	(void)snprintf(fake.folder, sizeof(fake.folder), "/tmp/postern-test.XXXXXX");
	fake_host.state_dir = mkdtemp(fake.folder);
	assert_non_null(fake_host.state_dir);
	set_queue(row->before);
	assert_int_equal(open_hold(&h, &fake_host, why, sizeof(why)), 0);
	write_known(&h, row->known);
	while (item.n_queue_ids < COUNT(row->ids) && row->ids[item.n_queue_ids])
		item.n_queue_ids++;
	(row->lift ? lift : apply)(&h, &item, 1);
	assert_int_equal(item.result, row->result);
	if (!strstr(item.text, row->text) || (!row->text[0] && item.text[0]))
		fail_msg("\"%s\" is not \"%s\"", item.text, row->text);
	assert_string_equal(get_queue(text), row->after);
	assert_int_equal(fake.supers, row->supers);
	known_is(&h, row->later);
	close_hold(&h);
	assert_int_equal(rmdir(fake.folder), 0);
}

static const struct least {
	const char *name;
	uint64_t bytes; /* 0 and no percents: it is refused */
	unsigned int percent;
} leasts[] = {
	{ "512M", 512ULL << 20, 0 },
	{ "1K", 1024, 0 },
	{ "2G", 2ULL << 30, 0 },
	{ "5%", 0, 5 },
	{ "99%", 0, 99 },
	{ "", 0, 0 },
	{ "M", 0, 0 },
	{ "-1M", 0, 0 },
	{ "1", 0, 0 },
	{ "100%", 0, 0 },
	{ "1Mb", 0, 0 },
	{ "1 M", 0, 0 },
	{ "99999999999T", 0, 0 },
};

static void least_is(void **state)
{
	const struct least *row = *state;
	struct hold h = hold_of_row(row->name);
	char why[256];
	bool good = row->bytes || row->percent;

	assert_int_equal(take_free_least(&h, why, sizeof(why)), good ? 0 : -1);
	assert_true(h.free_bytes == row->bytes || !good);
	assert_true(h.free_percent == row->percent || !good);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(leasts)];
	size_t n = 0;

	ADD_ROWS(tests, n, rows, check_row);
	ADD_ROWS(tests, n, leasts, least_is);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
