/*
 * access.h - the source of an access(5) table: the lines of a plugin among an administrator's
 *
 * It is his file as much as ours. Each of our lines stands behind a comment that names the account,
 * and the decisions that want it refused:
 *
 *	# postern: joe@example.org 12,15
 *	joe@example.org	REJECT This account sends spam; ...
 *
 * Only such a pair, whose two names belong together, is ours. So whatever somebody sorts, moves,
 * deletes or writes in between, no line of his is ever taken for one of ours: the worst is that
 * one of ours becomes his. Had we a block with an end mark, half of one would be left to guess
 * about. The pair goes with the last of its decisions. New pairs go behind his last line; a last
 * line without its newline stays without one. Where a name has two lines Postfix takes the first,
 * so his goes before ours.
 */
#pragma once

#include "lines.h"
#include "postern-action.h"

#include <ctype.h>

enum {
	ACCESS_KEY = 500, /* bytes: of one beyond 511 LMDB makes no table at all */
	ACCESS_KEYS = 2,  /* names that one account may log in by */
};

#define ACCESS_MARK "# postern: "

struct text {
	char *bytes;
	size_t len;
};

/* A name that Postfix may look up, for one item of a batch. */
struct want {
	char key[ACCESS_KEY + 1];
	const char *account;
	struct postern_item *item;
	bool there;        /* a pair of ours has it, after the edit */
	const char *value; /* what the table says; NULL: nothing */
};

/* Text that grows: what is written to the stream is in *text once it was closed. */
static inline FILE *text_open(struct text *text)
{
	FILE *out = open_memstream(&text->bytes, &text->len);

	if (!out)
		abort();
	return out;
}

static inline void text_close(FILE *out)
{
	if (fclose(out) != 0)
		abort(); /* no memory */
}

/*
 * Why a name can't be a key of the table's source, or NULL. postmap(1) keeps the quotes of a
 * quoted key, so there is no way to write a blank; what stands behind a backslash is taken as
 * it is, be it the blank behind the key.
 */
static inline const char *access_problem(const char *key)
{
	size_t len = strlen(key);

	if (len == 0)
		return "it is empty";
	if (len > ACCESS_KEY)
		return "it is too long";
	if (key[0] == '#')
		return "it begins like a comment";
	if (key[len - 1] == '\\')
		return "it ends in a backslash";
	for (const char *p = key; *p; p++) {
		if (isspace((unsigned char)*p) || *p == '"')
			return "Postfix can't have a blank or a quote in a table's key";
		if (iscntrl((unsigned char)*p))
			return "it has control characters";
	}
	return NULL;
}

static inline bool is_realm(const char *const *realms, const char *realm)
{
	for (size_t i = 0; realms && realms[i]; i++)
		if (strcasecmp(realms[i], realm) == 0)
			return true;
	return false;
}

/*
 * Postfix looks up the name as the client or its SASL server gave it, so an account of one of
 * our realms is looked up with it and without it. Returns how many keys there are.
 */
static inline size_t access_keys(const char *const *realms, const char *user,
				 char keys[ACCESS_KEYS][ACCESS_KEY + 1])
{
	const char *at = strrchr(user, '@');
	size_t n = 0;

	(void)snprintf(keys[n++], ACCESS_KEY + 1, "%s", user);
	if (at && at > user && is_realm(realms, at + 1))
		(void)snprintf(keys[n++], ACCESS_KEY + 1, "%.*s", (int)(at - user), user);
	if (!at && realms && realms[0] && !realms[1] &&
	    snprintf(keys[n], ACCESS_KEY + 1, "%s@%s", user, realms[0]) <= ACCESS_KEY)
		n++;
	return n;
}

/* The same person, whatever the realms are today: a line is lifted after they were changed, too. */
static inline bool belongs(const char *account, size_t account_len, const char *key, size_t key_len)
{
	size_t shorter = account_len < key_len ? account_len : key_len;
	const char *longer = account_len < key_len ? key : account;

	return memcmp(account, key, shorter) == 0 &&
	       (account_len == key_len || longer[shorter] == '@');
}

static inline int by_account(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int order = strcmp(x->account, y->account);

	return order ? order : strcmp(x->key, y->key);
}

/* How many wants from `first` on have its account and key. */
static inline size_t alike(const struct want *first, const struct want *end)
{
	const struct want *next = first + 1;

	while (next < end && by_account(first, next) == 0)
		next++;
	return (size_t)(next - first);
}

/* One line without its newline. */
struct line {
	const char *ptr;
	size_t len;
};

/* Like strcmp(). */
static inline int compare_line(const char *text, struct line line)
{
	size_t len = strlen(text);
	int order = memcmp(text, line.ptr, len < line.len ? len : line.len);

	return order ? order : (len > line.len) - (len < line.len);
}

/* Cuts the next line off; `*p` becomes NULL behind the last, which is empty in a text that ends. */
static inline struct line next_line(const char **p, const char *end)
{
	const char *newline = memchr(*p, '\n', (size_t)(end - *p));
	struct line line = { *p, (size_t)((newline ? newline : end) - *p) };

	*p = newline ? newline + 1 : NULL;
	return line;
}

/* What two lines of ours say. */
struct pair {
	struct line account, ids, key;
};

static inline bool is_number_list(struct line ids)
{
	for (size_t i = 0; i < ids.len; i++)
		if (ids.ptr[i] != ',' && (ids.ptr[i] < '0' || ids.ptr[i] > '9'))
			return false;
	return ids.len > 0;
}

/* Whether two lines that follow each other are ours: comment and entry are about one person. */
static inline bool is_pair(struct line mark, struct line entry, struct pair *pair)
{
	const size_t skip = sizeof(ACCESS_MARK) - 1;
	const char *blank;
	size_t len = 0;

	if (mark.len <= skip || memcmp(mark.ptr, ACCESS_MARK, skip) != 0)
		return false;
	blank = memchr(mark.ptr + skip, ' ', mark.len - skip);
	if (!blank)
		return false;
	while (len < entry.len && entry.ptr[len] != ' ' && entry.ptr[len] != '\t')
		len++;
	pair->account = (struct line){ mark.ptr + skip, (size_t)(blank - mark.ptr) - skip };
	pair->ids = (struct line){ blank + 1, (size_t)(mark.ptr + mark.len - blank) - 1 };
	pair->key = (struct line){ entry.ptr, len };
	return pair->account.len > 0 && len > 0 && len < entry.len && is_number_list(pair->ids) &&
	       belongs(pair->account.ptr, pair->account.len, entry.ptr, len);
}

/*
 * The wants that a pair stands for: more than one where a batch has several items of an account.
 * With `any` it is enough that they are of its account: a line is lifted whatever realms are now.
 */
static inline struct want *wants_for(struct want *wants, size_t n, const struct pair *pair,
				     bool any, size_t *count)
{
	struct line account = pair->account, key = pair->key;
	size_t low = 0, high = n;
	struct want *found;

	while (low < high) { /* to the first of the account: they are sorted by it */
		size_t middle = low + (high - low) / 2;

		if (compare_line(wants[middle].account, account) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	found = wants + low;
	if (low == n || compare_line(found->account, account) != 0)
		return NULL;
	for (struct want *w = found; w < wants + n; w += *count) {
		*count = alike(w, wants + n);
		if (compare_line(w->account, account) != 0)
			break;
		if (compare_line(w->key, key) == 0)
			return w;
	}
	*count = alike(found, wants + n);
	return any ? found : NULL;
}

/* Lines are joined by newlines, as they were cut: what had no last newline gets none. */
static inline void put_line(FILE *out, bool *any, struct line line)
{
	if (*any)
		(void)putc('\n', out);
	*any = true;
	(void)fwrite(line.ptr, 1, line.len, out);
}

static inline bool is_id_of(const struct want *wants, size_t count, uint64_t id)
{
	for (size_t i = 0; i < count; i++)
		if (wants[i].item->id == id)
			return true;
	return false;
}

/* Cuts the next number off "12,15"; false where there is none. */
static inline bool next_id(struct line *ids, uint64_t *id)
{
	size_t i = 0;

	if (!ids->len)
		return false;
	for (*id = 0; i < ids->len && ids->ptr[i] != ','; i++)
		*id = *id * 10 + (uint64_t)(ids->ptr[i] - '0');
	i += i < ids->len;
	*ids = (struct line){ ids->ptr + i, ids->len - i };
	return true;
}

static inline bool has_id(struct line ids, uint64_t wanted)
{
	uint64_t id;

	while (next_id(&ids, &id))
		if (id == wanted)
			return true;
	return false;
}

/*
 * "12,15": the decisions that want the pair, when those of `wants` do (or, lifted, no longer do).
 * Decision 0 is somebody's who lifts by hand, and means all. The caller frees.
 */
static inline char *ids_after(struct line ids, const struct want *wants, size_t count, bool lift)
{
	bool all = lift && is_id_of(wants, count, 0);
	struct line rest = ids;
	const char *comma = "";
	struct text text = { 0 };
	FILE *out = text_open(&text);
	uint64_t id;

	while (!all && next_id(&rest, &id)) {
		if (lift && is_id_of(wants, count, id))
			continue;
		(void)fprintf(out, "%s%" PRIu64, comma, id);
		comma = ",";
	}
	for (size_t i = 0; !lift && i < count; i++) {
		id = wants[i].item->id;
		if (has_id(ids, id) || is_id_of(wants, i, id))
			continue;
		(void)fprintf(out, "%s%" PRIu64, comma, id);
		comma = ",";
	}
	text_close(out);
	return text.bytes;
}

static inline void put_pair(FILE *out, bool *any, const struct want *want, const char *ids,
			    const char *result)
{
	put_line(out, any, (struct line){ ACCESS_MARK, sizeof(ACCESS_MARK) - 1 });
	(void)fprintf(out, "%s %s\n%s\t%s", want->account, ids, want->key, result);
}

/* The pair as it is after the batch: with our result, or, lifted, gone unless others want it. */
static inline void put_changed(FILE *out, bool *any, const struct pair *pair, struct line entry,
			       struct want *wants, size_t count, const char *result)
{
	char *ids = ids_after(pair->ids, wants, count, !result);

	for (size_t i = 0; i < count; i++)
		wants[i].there = ids[0] != '\0';
	if (ids[0] && result)
		put_pair(out, any, wants, ids, result);
	else if (ids[0]) {
		put_line(out, any, (struct line){ ACCESS_MARK, sizeof(ACCESS_MARK) - 1 });
		(void)fprintf(out, "%s %s\n%.*s", wants->account, ids, (int)entry.len, entry.ptr);
	}
	free(ids);
}

static inline void put_new(FILE *out, bool *any, struct want *wants, size_t n, const char *result)
{
	for (size_t i = 0, count; i < n; i += count) {
		char *ids;

		count = alike(wants + i, wants + n);
		if (wants[i].there)
			continue;
		ids = ids_after((struct line){ "", 0 }, wants + i, count, false);
		put_pair(out, any, wants + i, ids, result);
		free(ids);
	}
}

/*
 * The text with one pair for each want and this result, or, where `result` is NULL, without what
 * nobody wants any more. All other bytes stay as they are, a missing last newline included. The
 * caller frees.
 */
static inline struct text access_edit(struct text old, struct want *wants, size_t n,
				      const char *result)
{
	struct text new = { 0 };
	FILE *out = text_open(&new);
	const char *p = old.bytes, *end = old.bytes + old.len;
	bool any = false;

	while (p && p < end) {
		struct line line = next_line(&p, end), entry;
		const char *behind = p;
		struct want *found = NULL;
		struct pair pair;
		size_t count;

		if (behind && (entry = next_line(&behind, end), is_pair(line, entry, &pair)))
			found = wants_for(wants, n, &pair, !result, &count);
		if (!found) {
			put_line(out, &any, line);
			continue;
		}
		p = behind;
		put_changed(out, &any, &pair, entry, found, count, result);
	}
	if (result)
		put_new(out, &any, wants, n, result);
	if (any && (!old.len || end[-1] == '\n'))
		(void)putc('\n', out);
	text_close(out);
	return new;
}

/* Every account of ours, by the pair whose key is its own name. The names are the caller's. */
static inline struct want *access_accounts(struct text text, size_t *n)
{
	const char *p = text.bytes, *end = text.bytes + text.len;
	struct want *found = NULL;
	struct pair pair;

	*n = 0;
	while (p && p < end) {
		struct line line = next_line(&p, end), entry;
		const char *behind = p;

		if (!behind)
			break;
		entry = next_line(&behind, end);
		if (!is_pair(line, entry, &pair) || pair.key.len != pair.account.len ||
		    pair.key.len > ACCESS_KEY)
			continue;
		found = lines_alloc(found, *n + 1, sizeof(*found));
		found[*n] = (struct want){ 0 };
		memcpy(found[(*n)++].key, pair.key.ptr, pair.key.len);
		p = behind;
	}
	return found;
}
