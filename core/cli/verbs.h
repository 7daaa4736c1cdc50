/* verbs.h - what `postern` can be told to do: one file a verb */
#pragma once

#include "core/base/err.h"

#include <stdbool.h>

/* Exit status of every verb. */
enum { EXIT_NOTHING = 0, EXIT_FOUND = 1, EXIT_ERROR = 2 };

/* argv[0] is the verb; the result is the exit status. */
int verb_status(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_history(int argc, char **argv);
int verb_ban(int argc, char **argv);
int verb_unban(int argc, char **argv);
int verb_ignore(int argc, char **argv);
int verb_reload(int argc, char **argv);
int verb_resume(int argc, char **argv);
int verb_scan(int argc, char **argv);
int verb_events(int argc, char **argv);
int verb_test(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_action(int argc, char **argv);

/* "postern: TEXT" on standard error. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For --tz: sets the zone of times that carry none. False, and said so, for one that is unknown. */
bool set_zone(const char *zone);
/* Standard output is written and closed; EXIT_ERROR, and said so, where that failed. */
int finish_output(int status);
