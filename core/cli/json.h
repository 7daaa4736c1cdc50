/* json.h - JSON lines: jansson, and the few things that all of ours need */
#pragma once

#include "core/base/instant.h"
#include "core/base/slice.h"

#include <jansson.h>
#include <stdio.h>

/* Sets a text from outside: what is no UTF-8 becomes U+FFFD. Nothing is set where ptr is NULL. */
void json_set_slice(json_t *object, const char *key, struct slice s);
void json_set_text(json_t *object, const char *key, const char *text); /* NULL: nothing */
void json_set_number(json_t *object, const char *key, uint64_t n);
/* RFC 3339 in UTC; nothing where there is no moment. */
void json_set_instant(json_t *object, const char *key, struct instant at);
/* Prints the object on one line of ASCII, keys in the order they were set, and lets it go. */
void json_print(json_t *object, FILE *out);
