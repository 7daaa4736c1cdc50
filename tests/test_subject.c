/*
 * test_subject - sightings, the owner's networks, messages a day
 */
#include "core/rule/subject.h"

#include "core/base/hash.h"
#include "tests/rows.h"

#include <math.h>
#include <string.h>

static struct prefix host(unsigned int n)
{
	struct prefix p = { { { [10] = 0xff, [11] = 0xff } }, 128 };

	memcpy(p.base.byte + 12, &n, 4);
	return p;
}

/* Days on which an account is seen in networks, a letter each; "!" is a suspicion. */
static const struct visits {
	const char *name;
	const char *days;  /* "a ab a": day by day */
	const char *known; /* for each visit, whether its network is the owner's then: y or n */
} visits[] = {
	{ "visits: three earlier days", "a a a a a", "nnnyy" },
	{ "visits: days between", "a . . a . a . . a", "nnny" },
	{ "visits: often in a day", "aaaaaa aaa", "nnnnnnnnn" },
	{ "visits: again on the third day", "a a aa a", "nnnny" },
	{ "visits: two networks", "a b a b a b a b", "nnnnnnyy" },
	{ "visits: known for the whole day", "a a a aaa", "nnnyyy" },
	{ "visits: suspected before they are enough", "a a a! a a a a", "nnnnnny" },
	{ "visits: suspected on the first day", "a! a a a a", "nnnny" },
	{ "visits: known before it was suspected", "a a a a! a", "nnnyy" },
	{ "visits: suspected on the day after three", "a a a !a a", "nnnyy" },
	{ "visits: suspected on the day after two", "a a !a a a a", "nnnnny" },
	{ "visits: suspected every day", "a! a! a! a! a!", "nnnnn" },
};

static void learns(void **state)
{
	const struct visits *row = *state;
	const char *known = row->known;
	struct subject s = { 0 };
	uint16_t day = 20000;

	for (const char *p = row->days; *p; p++) {
		if (*p == ' ')
			day++;
		else if (*p == '!')
			subject_unlearn(&s, day, 3);
		else if (*p != '.')
			assert_int_equal(subject_visit(&s, (uint32_t)*p, day, 3, true),
					 *known++ == 'y');
	}
	assert_int_equal(*known, '\0');
	free(s.known);
}

static void learns_nothing_under_suspicion(void **state)
{
	struct subject s = { 0 };

	(void)state;
	for (uint16_t day = 1; day < 10; day++)
		assert_false(subject_visit(&s, 7, day, 3, false));
	assert_int_equal(s.n_known, 0);
	for (uint16_t day = 10; day < 14; day++)
		(void)subject_visit(&s, 7, day, 3, true);
	/* What is the owner's stays his, and is kept up to date. */
	for (uint16_t day = 14; day < 20; day++)
		assert_true(subject_visit(&s, 7, day, 3, false));
	assert_int_equal(s.known[0].last_day, 19);
	free(s.known);
}

static void keeps_the_usual_networks(void **state)
{
	struct subject s = { 0 };

	(void)state;
	for (uint16_t day = 1; day < 10; day++)
		(void)subject_visit(&s, 7, day, 3, true);
	for (uint32_t network = 100; network < 1000; network++)
		(void)subject_visit(&s, network, 20, 3, true);
	assert_int_equal(s.n_known, KNOWN_MOST);
	assert_true(subject_visit(&s, 7, 21, 3, true));
	assert_true(subject_visit(&s, 12345, 21, 0, true)); /* none needed: everybody is at home */
	free(s.known);
}

/* Messages by day, and the mean of them on a later one. */
static const struct mean {
	const char *name;
	struct {
		uint16_t day;
		unsigned int count;
	} sent[8];
	uint16_t day;
	unsigned int over, days;
	double want;
} means[] = {
	{ "mean: nothing sent", { { 0, 0 } }, 100, 30, 0, 0 },
	{ "mean: one day", { { 99, 10 } }, 100, 30, 1, 10 },
	{ "mean: today does not count", { { 99, 10 }, { 100, 90 } }, 100, 30, 1, 10 },
	{ "mean: days without are no days", { { 80, 10 }, { 99, 20 } }, 100, 30, 2, 15 },
	{ "mean: older than asked for", { { 94, 90 }, { 95, 10 }, { 99, 20 } }, 100, 5, 2, 15 },
	{ "mean: older than is kept", { { 60, 90 }, { 99, 20 } }, 100, 30, 1, 20 },
	{ "mean: the oldest that is kept", { { 70, 90 }, { 100, 1 } }, 100, 30, 1, 90 },
	{ "mean: a month later", { { 60, 90 }, { 99, 20 } }, 140, 30, 0, 0 },
	{ "mean: late messages", { { 99, 10 }, { 95, 30 }, { 99, 10 } }, 100, 30, 2, 25 },
	{ "mean: far too late", { { 99, 10 }, { 10, 30 } }, 100, 30, 1, 10 },
	{ "mean: a day before those", { { 99, 10 } }, 98, 30, 0, 0 },
	{ "mean: more than it counts", { { 99, 70000 } }, 100, 30, 1, 65535 },
};

static void means_a_day(void **state)
{
	const struct mean *row = *state;
	struct subject s = { 0 };
	unsigned int days;

	for (size_t i = 0; i < COUNT(row->sent); i++)
		for (unsigned int k = 0; k < row->sent[i].count; k++)
			subject_count_message(&s, row->sent[i].day);
	assert_true(fabs(subject_daily_mean(&s, row->day, row->over, &days) - row->want) < 0.001);
	assert_int_equal(days, row->days);
	free(s.daily);
}

static void bounds_sightings(void **state)
{
	struct subjects all;
	struct prefix h;
	struct subject *s;
	bool is_new;

	(void)state;
	subjects_init(&all, SUBJECT_ACCOUNT, 0, NULL);
	s = subjects_get(&all, 1, slice_of("joe"), 100, 0, &is_new);
	for (unsigned int i = 0; i < SIGHTINGS_MOST + 50; i++) {
		h = host(i);
		assert_null(subject_find_sighting(s, &h));
		subject_add_sighting(s, &h, 0)->last = 1000 + i;
		subject_find_sighting(s, &h)->rdns = xstrdup("name.example.org");
	}
	assert_int_equal(s->n_sightings, SIGHTINGS_MOST);
	assert_true(s->more_sightings);
	/* The oldest made room. */
	h = host(49);
	assert_null(subject_find_sighting(s, &h));
	h = host(50);
	assert_non_null(subject_find_sighting(s, &h));
	subjects_fini(&all);
}

static void drops_idle_sightings(void **state)
{
	struct subjects all;
	struct subject *s;
	struct prefix h;

	(void)state;
	subjects_init(&all, SUBJECT_ACCOUNT, 0, NULL);
	s = subjects_get(&all, 1, slice_of("joe"), 100, 0, NULL);
	for (unsigned int i = 0; i < 16; i++) { /* until there is no room left */
		h = host(i);
		subject_add_sighting(s, &h, 0)->last = 1000 + i;
	}
	subjects_pin(&all, s);
	h = host(16);
	subject_add_sighting(s, &h, 2000)->last = 2000;
	assert_int_equal(s->n_sightings, 17); /* evidence stays */
	for (unsigned int i = 17; i < 32; i++) {
		h = host(i);
		subject_add_sighting(s, &h, 0)->last = 2000;
	}
	subjects_unpin(&all, s);
	h = host(32);
	subject_add_sighting(s, &h, 1005)->last = 2000;
	assert_int_equal(s->n_sightings, 28);
	h = host(4);
	assert_null(subject_find_sighting(s, &h));
	h = host(5);
	assert_non_null(subject_find_sighting(s, &h));
	subjects_fini(&all);
}

static void gives_back_what_a_busy_hour_took(void **state)
{
	struct subjects all;
	struct subject *s;

	(void)state;
	subjects_init(&all, SUBJECT_ACCOUNT, 0, NULL);
	s = subjects_get(&all, 1, slice_of("joe"), 100, 0, NULL);
	for (unsigned int i = 0; i <= 128; i++) {
		struct prefix h = host(i);

		if (i == 128)
			assert_int_equal(s->cap_sightings, 128);
		subject_add_sighting(s, &h, i < 128 ? 0 : 1001)->last = 1000;
	}
	assert_int_equal(s->n_sightings, 1);
	assert_int_equal(s->cap_sightings, 1);
	subjects_fini(&all);
}

/* A table of one kind that many come to; one of the first is pinned, or seen again and again. */
static const struct crowd {
	const char *name;
	enum subject_kind kind;
	size_t most;
	bool pinned;
	size_t want_least, want_most;
	bool first_stays;
} crowds[] = {
	{ "crowd: accounts stay", SUBJECT_ACCOUNT, 0, false, 5000, 5000, true },
	{ "crowd: names are bounded", SUBJECT_NAME, 1000, false, 1000, 1000, false },
	{ "crowd: a pinned one stays", SUBJECT_NAME, 1000, true, 1000, 1000, true },
	{ "crowd: idle addresses go", SUBJECT_ADDRESS, 0, false, 100, 400, false },
	{ "crowd: a pinned address stays", SUBJECT_ADDRESS, 0, true, 100, 400, true },
};

static void keeps_a_crowd(void **state)
{
	const struct crowd *row = *state;
	struct subjects all;
	struct subject *first = NULL;

	subjects_init(&all, row->kind, row->most, NULL);
	for (uint32_t i = 0; i < 5000; i++) {
		char *name = xasprintf("u%u", i);
		/* Somebody new each second; names last as long as there is room, addresses 100 s. */
		uint32_t idle = row->kind == SUBJECT_ADDRESS && i > 100 ? 1000 + i - 100 : 0;
		struct subject *s = subjects_get(&all, hash_bytes(name, strlen(name)),
						 slice_of(name), 1000 + i, idle, NULL);

		assert_string_equal(s->name, name);
		assert_int_equal(s->last, 1000 + i);
		if (i == 0)
			first = s;
		if (i == 0 && row->pinned)
			subjects_pin(&all, first);
		free(name);
	}
	assert_in_range(subjects_count(&all), row->want_least, row->want_most);
	assert_int_equal(subjects_find(&all, hash_bytes("u0", 2)) != NULL, row->first_stays);
	assert_null(subjects_find(&all, 12345));
	if (row->pinned)
		subjects_unpin(&all, first);
	subjects_fini(&all);
}

static void marks_what_is_known(void **state)
{
	struct subject s = { 0 };
	struct prefix at[] = { host(1), host(2), host(3) };

	(void)state;
	for (uint32_t i = 0; i < COUNT(at); i++)
		subject_add_sighting(&s, &at[i], 0)->network = 7 + i;
	s.sighting[2].flags = SIGHTING_OWN;
	for (uint16_t day = 1; day < 4; day++) {
		(void)subject_visit(&s, 7, day, 3, true);
		(void)subject_visit(&s, 9, day, 3, true);
	}
	subject_mark_known(&s, 3, 3);
	assert_int_equal(s.sighting[0].flags, 0);
	subject_mark_known(&s, 4, 3);
	assert_int_equal(s.sighting[0].flags, SIGHTING_KNOWN);
	assert_int_equal(s.sighting[1].flags, 0);
	assert_int_equal(s.sighting[2].flags, SIGHTING_OWN);
	free(s.known);
	free(s.sighting);
}

static void is_at_home(void **state)
{
	const country_t es = country_parse("ES"), fr = country_parse("FR");
	struct subject s = { 0 };

	(void)state;
	for (uint16_t day = 1; day < 4; day++) {
		(void)subject_visit(&s, 7, day, 3, true);
		assert_false(subject_at_home(&s, 7, es, day, 3));
		assert_int_equal(subject_days_in(&s, 7), day);
	}
	(void)subject_visit(&s, 8, 4, 3, true);
	assert_true(subject_at_home(&s, 8, es, 4, 3)); /* another network, the same country */
	assert_false(subject_at_home(&s, 8, fr, 4, 3));
	assert_false(subject_at_home(&s, 8, 0, 4, 3)); /* nobody is at home nowhere */
	assert_int_equal(subject_days_in(&s, 9), 0);
	free(s.known);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(visits) + COUNT(means) + COUNT(crowds) + 6] = {
		cmocka_unit_test(learns_nothing_under_suspicion),
		cmocka_unit_test(keeps_the_usual_networks),
		cmocka_unit_test(bounds_sightings),
		cmocka_unit_test(drops_idle_sightings),
		cmocka_unit_test(gives_back_what_a_busy_hour_took),
		cmocka_unit_test(is_at_home),
		cmocka_unit_test(marks_what_is_known),
	};
	size_t n = 6;

	ADD_ROWS(tests, n, visits, learns);
	ADD_ROWS(tests, n, means, means_a_day);
	ADD_ROWS(tests, n, crowds, keeps_a_crowd);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
