/*
 * test_queue - whose message a queue id is
 */
#include "core/rule/queue.h"

#include "core/rule/subject.h"
#include "tests/rows.h"

#include <string.h>

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* What is a queue id: Postfix short and long, Exim old and new, sendmail, Courier (the longest); Message-IDs not. */
static const struct id {
	const char *name;
	struct slice id;
	bool ok;
} ids[] = {
	{ "id: short", TEXT("8A0C4A8493D"), true },
	{ "id: long", TEXT("4Tk7Xb1Zy2z3kQ9"), true },
	{ "id: Exim's", TEXT("1rABCD-0000xy-2Z"), true },
	{ "id: Exim's since 4.97", TEXT("1rABCD-000000004ab-0xyz"), true },
	{ "id: sendmail's", TEXT("3ALMuZ2d012345"), true },
	{ "id: Courier's", TEXT("000000000000000F.000000006B0D0BB8.000000ED"), true },
	{ "id: longer", TEXT("000000000000000F.000000006B0D0BB8.000000ED0"), false },
	{ "id: empty", TEXT(""), false },
	{ "id: absent", { NULL, 0 }, false },
	{ "id: blank", TEXT("8A0C 4A84"), false },
	{ "id: option for postsuper", TEXT("-d ALL"), false },
	{ "id: option in one word", TEXT("-dALL"), false },
	{ "id: path", TEXT("../8A0C"), false },
	{ "id: path of one word", TEXT(".."), false },
	{ "id: NUL", TEXT("8A0C\0"), false },
	{ "id: bytes", TEXT("8A\xc3\xa9"), false },
};

static void takes_id(void **state)
{
	const struct id *row = *state;
	struct subject joe = { .hash = 1 };
	struct queue q;
	struct queued *m;

	queue_init(&q);
	m = queue_add(&q, row->id, joe.hash, NULL, 1000);
	assert_int_equal(m != NULL, row->ok);
	assert_int_equal(queue_find(&q, row->id) != NULL, row->ok);
	if (m) {
		assert_int_equal(strlen(queued_id(m)), row->id.len);
		assert_memory_equal(queued_id(m), row->id.ptr, row->id.len);
	}
	queue_remove(&q, row->id);
	assert_null(queue_find(&q, row->id));
	queue_remove(&q, row->id);
	queue_fini(&q);
}

static void uses_an_id_again(void **state)
{
	struct prefix host = { { { 1 } }, 128 };
	struct subject joe = { .hash = 1 }, ann = { .hash = 2 };
	struct slice id = slice_of("ABC");
	struct queued *m;
	struct queue q;
	size_t n;

	(void)state;
	queue_init(&q);
	m = queue_add(&q, id, joe.hash, &host, 1000);
	assert_true(m->has_host && !m->counted && !m->injected);
	m->counted = m->injected = true;
	m = queue_add(&q, id, ann.hash, NULL, 2000);
	assert_ptr_equal(queue_find(&q, id), m);
	assert_int_equal(m->account, ann.hash);
	assert_true(!m->has_host && !m->counted && !m->injected);
	assert_null(queue_of(&q, &joe, &n));
	assert_int_equal(n, 0);
	queue_fini(&q);
}

static void lists_an_accounts_messages(void **state)
{
	struct subject joe = { .hash = 1 }, ann = { .hash = 2 };
	const struct queued **list;
	struct queue q;
	size_t n;

	(void)state;
	queue_init(&q);
	for (unsigned int i = 0; i < 1000; i++) {
		char *id = xasprintf("Q%u", i);

		assert_non_null(
			queue_add(&q, slice_of(id), i % 10 ? ann.hash : joe.hash, NULL, 2000 - i));
		free(id);
	}
	list = queue_of(&q, &joe, &n);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list[i]->account, joe.hash);
		assert_true(i == 0 || list[i - 1]->head.last < list[i]->head.last);
	}
	free(list);
	assert_null(queue_of(&q, NULL, &n));
	assert_int_equal(n, 0);
	queue_fini(&q);
}

/* Messages that come one a second, and never are removed. */
static const struct flood {
	const char *name;
	uint32_t n, step_s;
	size_t least, most;
} floods[] = {
	{ "flood: of five days", 100000, 10, 43200, 86400 + 43200 },
	{ "flood: faster than they leave", 250000, 0, QUEUE_MOST, QUEUE_MOST },
};

static void forgets(void **state)
{
	const struct flood *row = *state;
	struct subject joe = { .hash = 1 };
	struct queue q;

	queue_init(&q);
	for (uint32_t i = 0; i < row->n; i++) {
		char id[20];

		(void)snprintf(id, sizeof(id), "Q%u", i);
		assert_non_null(
			queue_add(&q, slice_of(id), joe.hash, NULL, 1000000 + i * row->step_s));
		assert_non_null(queue_find(&q, slice_of(id)));
	}
	assert_in_range(q.table.n, row->least, row->most);
	queue_fini(&q);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(ids) + COUNT(floods) + 2] = {
		cmocka_unit_test(uses_an_id_again),
		cmocka_unit_test(lists_an_accounts_messages),
	};
	size_t n = 2;

	ADD_ROWS(tests, n, ids, takes_id);
	ADD_ROWS(tests, n, floods, forgets);
	return _cmocka_run_group_tests(__FILE__, tests, n, NULL, NULL);
}
