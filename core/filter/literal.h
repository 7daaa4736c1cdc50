/* literal.h - what a line must hold before its regex is worth a try */
#pragma once

#include "core/base/slice.h"

enum { LITERAL_LEAST = 4, LITERAL_LONGEST = 64 };

/*
 * Derives a text that every match of the PCRE2 expression `regex` must hold: the longest run
 * of plain characters that is neither optional nor one of several alternatives, at most
 * LITERAL_LONGEST bytes of it. Returns its length (at least LITERAL_LEAST) with the text in
 * `out`, NUL-terminated, or 0 where there is none that short analysis can prove (also for any
 * construct it does not know, and under (?i) or (?x)).
 */
size_t literal_required(const char *regex, char out[LITERAL_LONGEST + 1]);
