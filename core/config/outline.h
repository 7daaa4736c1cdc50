/* outline.h - where the sections of a configuration text begin */
#pragma once

#include "core/base/err.h"

#include <stddef.h>

/* A section's lines, counted from 1; depth 1 is the outermost. */
struct outline_block {
	int begin, end;
	unsigned int depth;
};

/* Init with {0}. */
struct outline {
	struct outline_block *block;
	size_t n, cap;
};

/*
 * Reads the braces of `text`, called `name` in errors, and makes blanks of its comments. It is an
 * error where a string, comment or brace is not closed, where "+=" stands and where a value needs
 * quotes; what else is wrong libconfuse will say.
 */
int outline_read(struct outline *o, const char *name, char *text, struct err *err);
void outline_fini(struct outline *o);

/* The line where the section of that depth that ends at line `end` begins; `end` where unknown. */
int outline_begin(const struct outline *o, unsigned int depth, int end);
