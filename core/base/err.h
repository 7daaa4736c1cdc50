/* err.h - why something failed, in a line for the postmaster */
#pragma once

#include <stddef.h>

/* code is an errno value; text is one line without a final newline. */
struct err {
	int code;
	char text[512];
};

/* Fills *err and returns -1, always, so that a caller can `return err_set(...)`. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
