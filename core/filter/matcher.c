/*
 * matcher - blocks of lines in, records of events out
 *
 * A block is searched for the literals of all matches at once (prefilter.c); only around a hit
 * is there a line at all. Its head is taken apart (stamp.c), the program in it narrows the
 * matches down, and what is left runs through PCRE2. Where all that is left are lines about a
 * queue id (queued, bounce, removed) the regex waits: most of them are of mail that came in
 * from outside, and the caller knows which ids are of interest.
 *
 * Time and memory are bounded whatever a line holds: PCRE2 has a match limit, a limit hit is
 * "no match" and counted.
 */
#include "core/filter/matcher.h"

#include "core/base/clones.h"
#include "core/base/hash.h"
#include "core/base/mem.h"
#include "core/filter/prefilter.h"

#include <assert.h>
#include <stdlib.h>

enum {
	WORDS = FILTER_MATCHES_MOST / 64,
	HITS = PREFILTER_MOST, /* what one call has to have room for */
	PROGRAMS = 128,        /* cache of program names; a server has some twenty */
	PROBES = 8,
	PROGRAM_LONGEST = 64,
	MATCH_LIMIT = 50000, /* steps of one regex on one line: below 2 ms */
};

/* A set of matches, by index. */
struct matches {
	uint64_t word[WORDS];
};

struct program {
	char name[PROGRAM_LONGEST];
	size_t len; /* 0: free */
	struct matches allowed;
};

struct matcher {
	const struct filter_set *set;
	size_t n_words;
	const struct matcher
		*original; /* whose prefilter and of_literal these are; NULL: own ones */
	struct prefilter *prefilter;
	struct matches *of_literal; /* by literal */
	struct matches always;      /* matches without literals */
	bool has_always;
	struct matches tagless;
	struct matches useful; /* those that make an event of a kind that is asked for */
	struct program program[PROGRAMS];
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct matcher_stats stats;
};

static void matches_add(struct matches *m, size_t index)
{
	m->word[index / 64] |= UINT64_C(1) << (index % 64);
}

/* The next member from `index` on, or -1. */
static int matches_next(const struct matches *m, size_t n_words, size_t index)
{
	for (size_t w = index / 64; w < n_words; w++) {
		uint64_t rest = m->word[w];

		if (w == index / 64)
			rest &= ~UINT64_C(0) << (index % 64);
		if (rest)
			return (int)(w * 64 + (size_t)__builtin_ctzll(rest));
	}
	return -1;
}

/* One that is of no use itself may still take lines from those behind it in its filter. */
static bool is_needed(const struct matcher *m, size_t index)
{
	int useful = matches_next(&m->useful, m->n_words, index);

	return useful >= 0 && m->set->match[useful]->filter == m->set->match[index]->filter;
}

static void build_prefilter(struct matcher *m)
{
	struct slice literal[PREFILTER_MOST];
	size_t n = 0;

	m->of_literal = xcalloc(PREFILTER_MOST, sizeof(*m->of_literal));
	for (size_t i = 0; i < m->set->n_matches; i++) {
		const struct texts *texts = &m->set->match[i]->literals;

		if (!is_needed(m, i))
			continue;
		if (texts->n == 0 || texts->n > PREFILTER_MOST)
			matches_add(&m->always, i);
		for (size_t k = 0; k < texts->n && texts->n <= PREFILTER_MOST; k++) {
			struct slice text = slice_of(texts->text[k]);
			size_t at = 0;

			while (at < n && !slice_is(literal[at], texts->text[k]))
				at++;
			if (at == PREFILTER_MOST) {
				matches_add(&m->always, i); /* no room: it is tried on every line */
				continue;
			}
			if (at == n)
				literal[n++] = text;
			matches_add(&m->of_literal[at], i);
		}
	}
	m->has_always = matches_next(&m->always, m->n_words, 0) >= 0;
	m->prefilter = prefilter_new(literal, n);
}

static void make_workspace(struct matcher *m)
{
	m->data = pcre2_match_data_create(UINT8_MAX + 1, NULL);
	m->context = pcre2_match_context_create(NULL);
	(void)pcre2_set_match_limit(m->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(m->context, MATCH_LIMIT);
}

struct matcher *matcher_new(const struct filter_set *set, unsigned int kinds)
{
	struct matcher *m = xcalloc(1, sizeof(*m));

	m->set = set;
	m->n_words = (set->n_matches + 63) / 64;
	for (size_t i = 0; i < set->n_matches; i++) {
		if (filter_match_takes(set->match[i], (struct slice){ NULL, 0 }))
			matches_add(&m->tagless, i);
		if (kinds == 0 || kinds & 1U << set->match[i]->kind)
			matches_add(&m->useful, i);
	}
	build_prefilter(m);
	make_workspace(m);
	return m;
}

struct matcher *matcher_clone(const struct matcher *original)
{
	struct matcher *m = xcalloc(1, sizeof(*m));

	*m = *original;
	m->original = original;
	m->stats = (struct matcher_stats){ 0 };
	make_workspace(m);
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	if (!m->original) {
		prefilter_free(m->prefilter);
		free(m->of_literal);
	}
	pcre2_match_data_free(m->data);
	pcre2_match_context_free(m->context);
	free(m);
}

struct matcher_stats matcher_take_stats(struct matcher *m)
{
	struct matcher_stats stats = m->stats;

	m->stats = (struct matcher_stats){ 0 };
	return stats;
}

static void learn_program(struct matcher *m, struct program *p, struct slice program)
{
	p->allowed = (struct matches){ 0 };
	for (size_t i = 0; i < m->set->n_matches; i++)
		if (filter_match_takes(m->set->match[i], program))
			matches_add(&p->allowed, i);
	p->len = program.len <= PROGRAM_LONGEST ? program.len : 0;
	memcpy(p->name, program.ptr, p->len);
}

/*
 * Which matches take lines of `program`: asked for every hit, so remembered by name. Names that
 * fall on the same place stand side by side, or two of them would drive each other out for ever.
 */
static const struct matches *allowed_for(struct matcher *m, struct slice program)
{
	struct program *first, *p;
	size_t place;

	if (!program.ptr)
		return &m->tagless;
	place = hash_bytes(program.ptr, program.len) % (PROGRAMS - PROBES);
	first = p = &m->program[place];
	for (int i = 0; i < PROBES && p->len > 0; i++, p++)
		if (p->len == program.len && memcmp(p->name, program.ptr, p->len) == 0)
			return &p->allowed;
	if (p == first + PROBES)
		p = first;
	learn_program(m, p, program);
	return &p->allowed;
}

/* Notes where the groups of `match` lie; `base` is the subject's offset in the block. */
static void note_spans(struct matcher *m, const struct filter_match *match, struct slice subject,
		       struct record *r)
{
	const PCRE2_SIZE *ovector = pcre2_get_ovector_pointer(m->data);

	r->n_spans = 0;
	r->has_ip = false;
	for (size_t k = 0; k < match->n_fields; k++) {
		uint8_t field = match->field[k];

		for (size_t i = 0; i < FILTER_GROUPS_MOST && match->group[field][i]; i++) {
			PCRE2_SIZE from = ovector[2 * match->group[field][i]];
			PCRE2_SIZE to = ovector[2 * match->group[field][i] + 1];

			if (from == PCRE2_UNSET || to <= from)
				continue;
			r->span[r->n_spans].offset = (uint32_t)(r->message + from);
			r->span[r->n_spans].len = (uint16_t)(to - from);
			r->span[r->n_spans++].field = field;
			if (field == FIELD_IP)
				r->has_ip = address_parse(
					&r->ip, (struct slice){ subject.ptr + from, to - from });
			break;
		}
	}
	r->match = match;
}

/* PCRE2's result: positive for a match, PCRE2_ERROR_NOMATCH, or a limit's code. */
static int run_regex(struct matcher *m, const struct filter_match *match, struct slice subject)
{
	/* Without UTF there is nothing that pcre2_match() would check first. */
	int rc = match->jit ? pcre2_jit_match(match->code, (PCRE2_SPTR)subject.ptr, subject.len, 0,
					      0, m->data, m->context)
			    : pcre2_match(match->code, (PCRE2_SPTR)subject.ptr, subject.len, 0, 0,
					  m->data, m->context);

	if (rc < PCRE2_ERROR_NOMATCH)
		m->stats.limits++;
	return rc;
}

/* Tries `candidates` in the order of the filters; true when one took the line. */
static bool try_regexes(struct matcher *m, const struct matches *candidates, struct slice subject,
			struct record *r, struct matcher_why *why)
{
	for (int i = matches_next(candidates, m->n_words, 0); i >= 0;
	     i = matches_next(candidates, m->n_words, (size_t)i + 1)) {
		const struct filter_match *match = m->set->match[i];
		int rc = run_regex(m, match, subject);

		if (why && !why->match) {
			why->match = match;
			why->near = rc < PCRE2_ERROR_NOMATCH ? NEAR_LIMIT : NEAR_REGEX;
		}
		if (rc < 0)
			continue;
		note_spans(m, match, subject, r);
		return true;
	}
	return false;
}

/* Stores candidates for later; false where the regexes have to be run now. */
static bool defer(struct matcher *m, const struct matches *candidates, struct record *r)
{
	uint16_t n = 0;

	for (int i = matches_next(candidates, m->n_words, 0); i >= 0;
	     i = matches_next(candidates, m->n_words, (size_t)i + 1)) {
		if (!m->set->match[i]->queue_first || n == COUNT(r->candidate))
			return false;
		r->candidate[n++] = (uint16_t)i;
	}
	r->n_spans = n;
	r->match = NULL;
	r->has_ip = false;
	return n > 0;
}

/*
 * One line: from its literals to a record. `r` has room; true when it was filled. With `why`
 * nothing is deferred.
 */
static bool take_line(struct matcher *m, const char *block, struct slice text,
		      struct matches candidates, struct record *r, struct matcher_why *why)
{
	const struct matches *allowed;
	struct line line;

	if (!line_parse(&line, text)) {
		m->stats.headless++;
		if (why)
			why->near = NEAR_TIME;
		return false;
	}
	if (why)
		*why = (struct matcher_why){ NEAR_PROGRAM, line, NULL };
	allowed = allowed_for(m, line.program);
	for (size_t w = 0; w < m->n_words; w++)
		candidates.word[w] &= allowed->word[w];
	if (matches_next(&candidates, m->n_words, 0) < 0)
		return false;
	r->stamp = line.stamp;
	r->key = 0;
	r->pid = line.pid;
	r->repeats = line.repeats;
	r->line = (uint32_t)(text.ptr - block);
	r->line_len = (uint32_t)text.len;
	r->message = (uint32_t)(line.message.ptr - block);
	r->message_len = (uint32_t)line.message.len;
	if (!why && defer(m, &candidates, r))
		return true;
	if (try_regexes(m, &candidates, line.message, r, why))
		return true;
	m->stats.unmatched++;
	return false;
}

/* The hits of a block, one after the other. */
struct cursor {
	struct prefilter_hit hit[HITS];
	size_t n, next, from;
};

static const struct prefilter_hit *cursor_peek(struct cursor *c, const struct matcher *m,
					       struct slice block)
{
	while (c->next == c->n) {
		if (c->from >= block.len)
			return NULL;
		c->n = prefilter_search(m->prefilter, block, &c->from, c->hit, HITS);
		c->next = 0;
	}
	return &c->hit[c->next];
}

/* In strides that the compiler turns into vector code. */
FOR_THIS_MACHINE static uint64_t count_newlines(struct slice block)
{
	enum { STRIDE = 128, ROUNDS = 255 };
	uint64_t count = 0;
	size_t at = 0;

	while (block.len - at >= STRIDE) {
		uint8_t sum[STRIDE] = { 0 };

		for (int round = 0; round < ROUNDS && block.len - at >= STRIDE; round++) {
			for (int i = 0; i < STRIDE; i++)
				sum[i] += block.ptr[at + (size_t)i] == '\n';
			at += STRIDE;
		}
		for (int i = 0; i < STRIDE; i++)
			count += sum[i];
	}
	for (; at < block.len; at++)
		count += block.ptr[at] == '\n';
	return count;
}

/* Collects the literals of the line that ends at `end` from the hits before it. */
static struct matches collect(struct cursor *c, const struct matcher *m, struct slice block,
			      size_t end)
{
	struct matches candidates = m->always;
	const struct prefilter_hit *hit;

	while ((hit = cursor_peek(c, m, block)) && hit->offset < end) {
		for (size_t w = 0; w < m->n_words; w++)
			candidates.word[w] |= m->of_literal[hit->literal].word[w];
		c->next++;
	}
	return candidates;
}

/* Drops the candidates behind the last useful one; false where none is. */
static bool keep_useful(const struct matcher *m, struct matches *candidates)
{
	for (size_t w = m->n_words; w-- > 0;) {
		uint64_t useful = candidates->word[w] & m->useful.word[w];

		if (useful) {
			candidates->word[w] &= ~UINT64_C(0) >> __builtin_clzll(useful);
			return true;
		}
		candidates->word[w] = 0;
	}
	return false;
}

void matcher_scan(struct matcher *m, struct slice block, struct records *out)
{
	struct cursor c = { 0 };
	size_t pos = 0; /* where the first line not yet looked at starts */

	assert(block.len == 0 || block.ptr[block.len - 1] == '\n');
	m->stats.lines += count_newlines(block);
	while (pos < block.len) {
		const struct prefilter_hit *hit = cursor_peek(&c, m, block);
		struct matches candidates;
		size_t start = pos, end;
		const char *before;

		if (!hit && !m->has_always)
			break;
		if (!m->has_always) {
			before = memrchr(block.ptr + pos, '\n', hit->offset - pos);
			start = before ? (size_t)(before - block.ptr) + 1 : pos;
		}
		end = hit && !m->has_always ? hit->offset : start;
		end = (size_t)((char *)memchr(block.ptr + end, '\n', block.len - end) - block.ptr);
		candidates = collect(&c, m, block, end);
		pos = end + 1;
		if (!keep_useful(m, &candidates))
			continue;
		out->record = array_grow(out->record, out->n, &out->cap, sizeof(*out->record));
		if (take_line(m, block.ptr, (struct slice){ block.ptr + start, end - start },
			      candidates, &out->record[out->n], NULL))
			out->n++;
	}
}

uint64_t record_queue_hash(const struct record *r, const char *block)
{
	const char *p = block + r->message;
	size_t len = 0;

	while (len < r->message_len && p[len] != ':' && p[len] != ' ')
		len++;
	return hash_bytes(p, len);
}

static void make_event(const struct record *r, const char *block, struct event *event)
{
	long long n;

	event->kind = r->match->kind;
	event->match = r->match;
	event->pid = r->pid;
	event->repeats = r->repeats;
	event->ip = r->ip;
	event->has_ip = r->has_ip;
	memcpy(event->field, r->match->constant, sizeof(event->field));
	for (size_t i = 0; i < r->n_spans; i++)
		event->field[r->span[i].field] =
			(struct slice){ block + r->span[i].offset, r->span[i].len };
	event->user_hash = 0;
	event->recipients = 0;
	event->bytes = 0;
	if (slice_number(event->field[FIELD_RECIPIENTS], &n))
		event->recipients = n > INT32_MAX ? INT32_MAX : (uint32_t)n;
	if (slice_number(event->field[FIELD_BYTES], &n))
		event->bytes = (uint64_t)n;
}

bool matcher_finish(struct matcher *m, const struct record *r, const char *block,
		    struct event *event)
{
	struct slice message = { block + r->message, r->message_len };
	struct matches candidates = { 0 };
	struct record decided;

	if (r->match) {
		make_event(r, block, event);
		return true;
	}
	decided = *r;
	for (size_t i = 0; i < r->n_spans; i++)
		matches_add(&candidates, r->candidate[i]);
	if (!try_regexes(m, &candidates, message, &decided, NULL)) {
		m->stats.unmatched++;
		return false;
	}
	make_event(&decided, block, event);
	return true;
}

bool matcher_line(struct matcher *m, struct slice line, struct event *event,
		  struct matcher_why *why)
{
	struct cursor c = { 0 };
	struct matches candidates = collect(&c, m, line, line.len);
	struct matcher_why unused;
	struct record r = { 0 };

	if (!why)
		why = &unused;
	*why = (struct matcher_why){ .near = NEAR_LITERAL };
	if (matches_next(&candidates, m->n_words, 0) < 0) {
		(void)line_parse(&why->line, line);
		return false;
	}
	if (!take_line(m, line.ptr, line, candidates, &r, why))
		return false;
	why->near = NEAR_EVENT;
	why->match = r.match;
	make_event(&r, line.ptr, event);
	return true;
}
