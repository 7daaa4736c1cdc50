/* script.h - events for a test, written as lines */
#pragma once

#include "core/base/mem.h"
#include "core/filter/event.h"
#include "core/filter/filter.h"
#include "tests/rows.h"

#include <string.h>

/*
 * A script is lines "TIME KIND FIELD=VALUE...". The time counts from SCRIPT_T0, the start of a day,
 * in any form that findtime has. Fields are u(ser), i(p), q(ueue_id), o(rig_queue_id), n
 * (recipients), b(ytes), v (service), s(ession), p(id), h(elo), r(epeats) and f(ilter, "one" or
 * "two"); "each" is a delivery whose filter says that it is one recipient; "_" is a blank. "x12/5m"
 * does it twelve times, five minutes apart, with "%" counting from 1.
 */
enum { SCRIPT_T0_DAY = 20777, SCRIPT_T0 = SCRIPT_T0_DAY * 86400 };

/* To be loaded into `filters` before a script is read. */
static const char script_filters[] =
	"filter one { daemon = a match m { regex = '^a=(?<user>.)' event = login "
	"example = 'Nov 20 23:56:35 mail a: a=j' } }\n"
	"filter two { daemon = b match m { regex = '^b=(?<user>.)' event = login recipients = 1 "
	"example = 'Nov 20 23:56:35 mail b: b=j' } }\n";

static struct filter_set *filters;

/* The line after this one. */
static inline const char *script_next(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* The next word of the script, cut at a blank; "" at the end of the line. */
static inline const char *script_word(const char **p, char *buf, size_t size)
{
	size_t len;

	*p += strspn(*p, " ");
	len = strcspn(*p, " \n");
	assert_true(len < size);
	memcpy(buf, *p, len);
	buf[len] = '\0';
	*p += len;
	return buf;
}

/* `value` with "%" counted and "_" for a blank. */
static inline struct slice script_expand(struct arena *a, const char *value, unsigned int count)
{
	char *text = arena_alloc(a, strlen(value) + 12), *out = text;

	for (; *value; value++) {
		if (*value == '%')
			out += snprintf(out, 11, "%u", count);
		else
			*out++ = *value == '_' ? ' ' : *value;
	}
	return (struct slice){ text, (size_t)(out - text) };
}

static inline void script_field(struct event *event, char letter, struct slice value)
{
	static const char letters[] = "uqovsh";
	static const enum event_field fields[] = { FIELD_USER,          FIELD_QUEUE_ID,
						   FIELD_ORIG_QUEUE_ID, FIELD_SERVICE,
						   FIELD_SESSION,       FIELD_HELO };
	long long n = 0;

	if (letter == 'i') {
		event->has_ip = address_parse(&event->ip, value);
		assert_true(event->has_ip);
		return;
	}
	if (letter == 'f') {
		event->match = filters->match[slice_is(value, "two")];
		return;
	}
	if (strchr("nbpr", letter)) {
		assert_true(slice_number(value, &n));
		event->recipients = letter == 'n' ? (uint32_t)n : event->recipients;
		event->bytes = letter == 'b' ? (uint64_t)n : event->bytes;
		event->pid = letter == 'p' ? (uint32_t)n : event->pid;
		event->repeats = letter == 'r' ? (uint16_t)n : event->repeats;
		return;
	}
	assert_non_null(strchr(letters, letter));
	event->field[fields[strchr(letters, letter) - letters]] = value;
}

/* One event of the line, for the `count`th time. Returns how often it is to be done. */
static inline unsigned int script_event(struct event *event, struct arena *a, const char *line,
					unsigned int count)
{
	unsigned int times = 1;
	int64_t at_s, step_s = 0;
	struct err err;
	char word[200];

	*event = (struct event){ 0 };
	assert_int_equal(span_parse(&at_s, script_word(&line, word, sizeof(word)), &err), 0);
	assert_true(event_kind_named(script_word(&line, word, sizeof(word))) >= 0);
	event->kind = (enum event_kind)event_kind_named(word);
	while (*script_word(&line, word, sizeof(word))) {
		if (strcmp(word, "each") == 0) {
			event->match = filters->match[1];
		} else if (word[0] == 'x') {
			times = (unsigned int)strtoul(word + 1, NULL, 10);
			assert_int_equal(span_parse(&step_s, strchr(word, '/') + 1, &err), 0);
		} else {
			assert_int_equal(word[1], '=');
			script_field(event, word[0], script_expand(a, word + 2, count));
		}
	}
	event->time = instant_of_s(SCRIPT_T0 + at_s + (count - 1) * step_s);
	return times;
}
