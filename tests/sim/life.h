/* life.h - what owners do with their accounts, day by day */
#pragma once

#include "tests/sim/account.h"

const struct class *class_pick(double u);
/* Writes one UTC day of the owner's sessions, and notes where they came from. */
void live_day(struct account *a, struct server *s, const struct world *w, int64_t day);
/* How many recipients a message between people has. */
unsigned int letter_recipients(struct random *r);
