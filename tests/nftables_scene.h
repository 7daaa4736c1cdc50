/*
 * nftables_scene.h - the nftables plugin before a kernel of our own, for the tests of it
 *
 * Whoever includes it has the plugin's source in it. tests/fake_nf_tables.h reads the very messages
 * that the kernel would.
 */
#pragma once

#include "tests/rows.h"

#include "tests/fake_nf_tables.h"

#include "actions/nftables.c"

#include "core/base/address.h"
#include "tests/addresses.h"

static const int64_t now_s = 1700000000;

/* In place of the C library's, whose parameter has a name that is reserved. */
/* NOLINTNEXTLINE(readability-*) */
time_t time(time_t *t)
{
	(void)t;
	return now_s;
}

/* -- a host and a plugin ----------------------------------------------------------------------- */

static unsigned int warnings;

static void log_nothing(int priority, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void log_nothing(int priority, const char *format, ...)
{
	(void)format;
	warnings += priority == LOG_WARNING;
}

static const char *text_of(const struct postern_address *a, char *text)
{
	struct prefix p = { .bits = a->bits };

	memcpy(p.base.byte, a->byte, sizeof(p.base.byte));
	return prefix_text(&p, text);
}

static struct postern_host host = { .log = log_nothing, .address_text = text_of };

static const char *const mail_ports[] = { "25", "587", NULL };

static struct nftables defaults(void)
{
	return (struct nftables){ .table = "postern",
				  .port_texts = mail_ports,
				  .priority = -10,
				  .size = 1000,
				  .prefix_size = 4 };
}

static void begin(void)
{
	memset(&fake.now, 0, sizeof(fake.now));
	fake.generation = 7;
	fake.refuse = fake.lose = 0;
	fake.transactions = fake.longest = 0;
	fake.meanwhile = NULL;
	warnings = 0;
	host.state_dir = "/state/actions/nftables";
}

static void open_it(struct nftables *n)
{
	char why[256] = "";

	if (open_all(n, &host, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

/* An element as text: "ADDRESS OWNER SECONDS"; owners: 1 us, 2 another action, 3 somebody. */
static void put_before(const char *text)
{
	char address[50];
	unsigned int owner, seconds;
	struct postern_address a;
	struct element e = { 0 };
	struct fake_element f = { 0 };
	struct mark mark = { .len = 0 };
	struct fake_set *set;

	assert_int_equal(sscanf(text, "%49s %u %u", address, &owner, &seconds), 3);
	a = parse(address);
	e.set = is_v4(&a) ? (a.bits == 128 ? ADDRESSES4 : PREFIXES4)
			  : (a.bits == 128 || a.bits == 64 ? ADDRESSES6 : PREFIXES6);
	set = fake_find(&fake.now, kinds[e.set].name);
	element_bounds(&e, &a);
	f.key_len = kinds[e.set].width;
	memcpy(f.key, e.key, sizeof(f.key));
	memcpy(f.last, kinds[e.set].interval ? e.last : e.key, sizeof(f.last));
	f.timeout_ms = seconds * UINT64_C(1000);
	mark_init(&mark, owner == 1 ? "nftables" : "nftables.2");
	f.userdata_len = owner == 3 ? 0 : mark.len;
	memcpy(f.userdata, mark.bytes, f.userdata_len);
	assert_int_equal(fake_insert(set, &f), 0);
}

static char after[2000];

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All elements in the same notation, sorted, each behind a "; ". */
static const char *read_after(void)
{
	char *lines[FAKE_ELEMENTS] = { NULL };
	size_t n = 0, used = 0;

	for (int i = 0; i < SETS; i++) {
		const struct fake_set *set = fake_find(&fake.now, kinds[i].name);

		for (unsigned int k = 0; set && k < set->n; k++) {
			const struct fake_element *f = &set->of[k];
			struct seen s = { .bytes = (uint8_t)f->key_len };
			struct postern_address a;
			char text[50];
			int owner = f->userdata_len == 0 ? 3 : f->userdata_len == 19 ? 1 : 2;

			memcpy(s.key, f->key, sizeof(s.key));
			memcpy(s.last, f->last, sizeof(s.last));
			assert_true(seen_as_prefix(&a, &s));
			lines[n++] = xasprintf("%s %d %u", text_of(&a, text), owner,
					       (unsigned int)(f->timeout_ms / 1000));
		}
	}
	qsort(lines, n, sizeof(*lines), by_text);
	after[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		used += (size_t)snprintf(after + used, sizeof(after) - used, "%s%s", i ? "; " : "",
					 lines[i]);
		free(lines[i]);
	}
	return after;
}

/* With sets of the administrator's own. */
static struct nftables with_sets(void)
{
	struct nftables n = defaults();

	begin();
	fake.now.table = true;
	n.table = "filter";
	n.set_name[ADDRESSES4] = "bad4";
	n.set_name[ADDRESSES6] = "bad6";
	return n;
}
