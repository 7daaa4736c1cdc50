/* subject_pack.h - a subject as bytes, for the shelf and for the store */
#pragma once

#include "core/base/pack.h"
#include "core/rule/subject.h"

/*
 * Appends all that is known of the subject, but for its pins and for windows that were idle when
 * it was last seen. Its addresses' names are kept only with `names`: they are a third of it.
 */
void subject_pack(struct pack *p, const struct subject *s, const struct subject_form *form,
		  bool names);
/* When the subject of a record that we wrote was last seen. */
uint32_t subject_packed_last(struct slice record);
/*
 * Reads one back into a zeroed subject, whose hash and kind the caller sets. Damage sets p->bad and
 * leaves a subject that subject_fini() takes.
 */
void subject_unpack(struct packed *p, struct subject *s, const struct subject_form *form);
