/*
 * json - JSON lines: jansson, and the few things that all of ours need
 */
#include "core/cli/json.h"

#include <stdlib.h>

void json_set_slice(json_t *object, const char *key, struct slice s)
{
	size_t len;
	char *text;

	if (!s.ptr)
		return;
	text = text_utf8(s, &len);
	(void)json_object_set_new(object, key, json_stringn_nocheck(text, len));
	free(text);
}

void json_set_text(json_t *object, const char *key, const char *text)
{
	json_set_slice(object, key, text ? slice_of(text) : (struct slice){ NULL, 0 });
}

void json_set_number(json_t *object, const char *key, uint64_t n)
{
	(void)json_object_set_new(object, key, json_integer((json_int_t)n));
}

void json_set_instant(json_t *object, const char *key, struct instant at)
{
	char text[INSTANT_TEXT];

	if (!instant_is_none(at))
		json_set_text(object, key, instant_rfc3339(at, text));
}

void json_print(json_t *object, FILE *out)
{
	/* In ASCII: C1 controls and marks of direction would reach a terminal as they are. */
	(void)json_dumpf(object, out, JSON_COMPACT | JSON_ENSURE_ASCII);
	(void)fputc('\n', out);
	json_decref(object);
}
