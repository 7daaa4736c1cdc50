/*
 * client_show - the objects of an answer as people read them
 *
 * What came from the daemon came, in part, from log lines that strangers wrote: every text goes
 * through text_printable() on its way to the terminal, here and nowhere else.
 */
#include "core/base/mem.h"
#include "core/base/slice.h"
#include "core/cli/client.h"
#include "core/cli/grid.h"

#include <stdlib.h>
#include <string.h>

const json_t *client_find(const json_t *objects, const char *key)
{
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *inside = json_object_get(json_array_get(objects, i), key);

		if (inside)
			return inside;
	}
	return NULL;
}

size_t client_count(const json_t *objects, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(objects); i++)
		n += json_object_get(json_array_get(objects, i), key) != NULL;
	return n;
}

static const json_t *field(const json_t *object, const char *key)
{
	const char *dot = strchr(key, '.');
	char *head;

	if (!dot)
		return json_object_get(object, key);
	head = xstrndup(key, (size_t)(dot - key));
	object = json_object_get(object, head);
	free(head);
	return field(object, dot + 1);
}

static char *show_text(const json_t *value)
{
	if (json_is_integer(value))
		return xasprintf("%lld", (long long)json_integer_value(value));
	if (!json_is_string(value))
		return xstrdup("");
	return text_printable(
		(struct slice){ json_string_value(value), json_string_length(value) });
}

static char *show_time(const json_t *value)
{
	const char *text = json_string_value(value);
	char local[INSTANT_TEXT];
	struct instant at;
	struct err unused;

	if (!text || instant_parse(&at, text, (struct instant){ 0 }, &unused) < 0)
		return xstrdup("");
	return xstrdup(instant_local(at, local));
}

static char *field_show(const json_t *object, const char *key, enum show_kind kind)
{
	const json_t *value = field(object, key);
	char span[INSTANT_TEXT];

	switch (kind) {
	case SHOW_TEXT:
		return show_text(value);
	case SHOW_TIME:
		return show_time(value);
	case SHOW_COUNT:
		return json_integer_value(value) ? show_text(value) : xstrdup("");
	case SHOW_RATE:
		return json_number_value(value) > 0 ? xasprintf("%.1f", json_number_value(value))
						    : xstrdup("");
	case SHOW_SHARE:
		return value ? xasprintf("%.0f%%", 100 * json_number_value(value)) : xstrdup("");
	case SHOW_SPAN:
		return value ? xstrdup(span_text(json_integer_value(value), span)) : xstrdup("");
	case SHOW_TRUTH:
		break;
	}
	return xstrdup(json_is_true(value) ? "yes" : "");
}

void field_print(FILE *out, const char *before, const json_t *object, const char *key,
		 enum show_kind kind, const char *after)
{
	char *text = field_show(object, key, kind);

	if (*text)
		(void)fprintf(out, "%s%s%s", before, text, after);
	free(text);
}

static bool is_number(enum show_kind kind)
{
	return kind == SHOW_COUNT || kind == SHOW_RATE || kind == SHOW_SHARE;
}

void client_table(const json_t *objects, const char *key, const char *title,
		  const struct client_column *column, size_t n, FILE *out)
{
	size_t rows = 1 + client_count(objects, key), used = n;
	uint32_t right = 0;
	char **cell;

	if (rows == 1)
		return;
	cell = xcalloc(rows * n, sizeof(*cell));
	for (size_t c = 0; c < n; c++) {
		cell[c] = xstrdup(column[c].head);
		right |= is_number(column[c].kind) ? 1U << c : 0;
	}
	for (size_t i = 0; i < json_array_size(objects); i++) {
		const json_t *object = json_object_get(json_array_get(objects, i), key);

		for (size_t c = 0; object && c < n; c++)
			cell[used++] = field_show(object, column[c].key, column[c].kind);
	}
	if (*title)
		(void)fprintf(out, "%s\n", title);
	grid_print(out, "  ", cell, rows, n, right);
	for (size_t i = 0; i < used; i++)
		free(cell[i]);
	free(cell);
}
