/* log.h - one syslog file, written in order of time */
#pragma once

#include "core/base/instant.h"

#include <stddef.h>

enum log_style {
	LOG_RFC3339, /* as rsyslog in Debian 12 writes it, with Spain's offset */
	LOG_RFC3164, /* as everybody wrote it before; UTC */
};

struct log;

/* `path` is "-" for standard output. */
int mail_log_open(struct log **out, const char *path, enum log_style style, struct err *err);
/*
 * Takes one line without time and host name, to be written in its turn: lines may come in any
 * order, as long as none is before what has been flushed.
 */
void mail_log_line(struct log *log, struct instant at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Writes the lines before `until`; the others stay in memory. */
void mail_log_flush(struct log *log, struct instant until);
/* How many lines were taken so far. */
size_t mail_log_lines(const struct log *log);
/*
 * Writes what is left; the file's time becomes that of its last line, since readers take the
 * year of an RFC 3164 stamp from it. Frees log, also where it fails.
 */
int mail_log_close(struct log *log, struct err *err);
