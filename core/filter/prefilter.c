/*
 * prefilter - many literals searched in one pass over a block
 *
 * The first thing that reads the bytes of a source: whatever it does not report is never
 * split into lines and never meets a regex. Of each literal four consecutive bytes, its
 * window, are looked for; fingerprint.h chooses them and deals them to eight buckets. What a
 * byte at one place of a window rules out is a byte too, a bit a bucket, and the `or` of four
 * such bytes is all ones wherever no window starts: the "Teddy" of Intel's Hyperscan. With
 * AVX2 this is looked up by halves of bytes for 32 places at once; the portable way is a
 * shift-or over whole bytes, which also searches what is left at the end of a block. Both
 * only propose; verify() compares.
 *
 * Windows lie at different depths in their literals, so literals are met out of order. They
 * are sorted while they enter the caller's array, which is full when one more comes: then the
 * last offset in it is given up, becomes the limit of this call and the start of the next.
 * BUGS: what is rare is judged by a small sample; a literal of four bytes has no choice.
 */
#include "core/filter/prefilter.h"

#include "core/base/mem.h"
#include "core/filter/fingerprint.h"
#include "core/filter/literal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { WINDOW = FINGERPRINT_BYTES, SLOTS = 1024 };

struct entry {
	uint32_t window; /* in the order of memory, to compare with what memory holds */
	uint32_t shift;  /* where the window starts in the literal */
	uint32_t len;
	uint32_t literal;
	uint32_t next; /* 1 + index of the next entry in the chain, or 0 */
	char *text;
};

struct prefilter {
	size_t n;
	size_t reach; /* the greatest shift */
	bool avx2;
	/* In the byte for a place a bit is set where no window of that bucket has this there: */
	uint32_t absent[256];                      /* this byte; place 0 is the lowest byte */
	uint8_t low[WINDOW][16], high[WINDOW][16]; /* this half of a byte */
	uint8_t chain[SLOTS]; /* 1 + index of the first entry with such a window, or 0 */
	struct entry entries[];
};

static uint32_t window_at(const char *text)
{
	uint32_t window;

	memcpy(&window, text, sizeof(window));
	return window;
}

/* By Fibonacci hashing. */
static size_t slot_of(uint32_t window)
{
	return window * 2654435769U >> 22;
}

static void enter(struct prefilter *p, struct slice text, struct fingerprint f)
{
	const char *window = text.ptr + f.shift;
	uint8_t bit = (uint8_t)(1U << f.bucket);
	struct entry *entry;
	uint8_t *slot;

	for (int k = 0; k < WINDOW; k++) {
		unsigned char c = (unsigned char)window[k];

		p->absent[c] &= ~((uint32_t)bit << 8 * k);
		p->low[k][c & 15] &= (uint8_t)~bit;
		p->high[k][c >> 4] &= (uint8_t)~bit;
	}
	if (f.shift > p->reach)
		p->reach = f.shift;
	entry = &p->entries[p->n];
	*entry = (struct entry){
		.window = window_at(window),
		.shift = f.shift,
		.len = (uint32_t)text.len,
		.literal = (uint32_t)p->n,
		.text = xstrndup(text.ptr, text.len),
	};
	slot = &p->chain[slot_of(entry->window)];
	entry->next = *slot;
	*slot = (uint8_t)++p->n;
}

static bool has_avx2(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

struct prefilter *prefilter_new(const struct slice *literals, size_t n)
{
	struct prefilter *p = xcalloc(1, sizeof(*p) + n * sizeof(p->entries[0]));
	struct fingerprint chosen[PREFILTER_MOST];

	assert(n <= PREFILTER_MOST);
	for (size_t i = 0; i < n; i++)
		assert(literals[i].len >= LITERAL_LEAST && literals[i].len <= UINT32_MAX);
	fingerprint_choose(chosen, literals, n);
	memset(p->absent, 0xff, sizeof(p->absent));
	memset(p->low, 0xff, sizeof(p->low));
	memset(p->high, 0xff, sizeof(p->high));
	for (size_t i = 0; i < n; i++)
		enter(p, literals[i], chosen[i]);
	p->avx2 = has_avx2();
	return p;
}

void prefilter_free(struct prefilter *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		free(p->entries[i].text);
	free(p);
}

/* One call of prefilter_search(). */
struct search {
	const struct prefilter *p;
	struct slice text;
	size_t from, limit; /* literals that start at `from` to `limit` - 1 are wanted ... */
	size_t end;         /* ... so no byte from here on matters */
	struct prefilter_hit *hits;
	size_t n, most;
};

static bool goes_after(struct prefilter_hit a, struct prefilter_hit b)
{
	return a.offset != b.offset ? a.offset > b.offset : a.literal > b.literal;
}

/* There is no room for `hit`: the last offset of all is left to the next call. */
static void retreat(struct search *s, struct prefilter_hit hit)
{
	uint32_t last = s->hits[s->n - 1].offset;

	s->limit = hit.offset > last ? hit.offset : last;
	while (s->n && s->hits[s->n - 1].offset >= s->limit)
		s->n--;
	if (s->end > s->limit + s->p->reach + WINDOW - 1)
		s->end = s->limit + s->p->reach + WINDOW - 1;
}

static void add(struct search *s, struct prefilter_hit hit)
{
	size_t at;

	if (s->n == s->most)
		retreat(s, hit);
	if (hit.offset >= s->limit)
		return;
	for (at = s->n++; at && goes_after(s->hits[at - 1], hit); at--)
		s->hits[at] = s->hits[at - 1];
	s->hits[at] = hit;
}

static void compare(struct search *s, const struct entry *e, size_t pos)
{
	size_t start = pos - e->shift;

	if (pos < s->from + e->shift || start >= s->limit || e->len > s->text.len - start)
		return;
	if (memcmp(s->text.ptr + start, e->text, e->len) == 0)
		add(s, (struct prefilter_hit){ (uint32_t)start, e->literal });
}

/* The bytes at `pos` look like a window. */
static void verify(struct search *s, size_t pos)
{
	uint32_t window = window_at(s->text.ptr + pos);

	for (uint32_t i = s->p->chain[slot_of(window)]; i; i = s->p->entries[i - 1].next)
		if (s->p->entries[i - 1].window == window)
			compare(s, &s->p->entries[i - 1], pos);
}

/* The top byte of `state` belongs to the window that ends here. */
static void search_portable(struct search *s, size_t pos)
{
	const unsigned char *text = (const unsigned char *)s->text.ptr;
	uint32_t state = UINT32_MAX;

	for (; pos < s->end; pos++) {
		state = state << 8 | s->p->absent[text[pos]];
		if (state < 0xff000000U)
			verify(s, pos - (WINDOW - 1));
	}
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

enum { STRIDE = 64 };

/* prefilter.low and .high, each twice, as a shuffle works on the halves of a register. */
struct masks {
	__m256i low[WINDOW], high[WINDOW];
};

AVX2 static inline __m256i mask_of(const uint8_t half[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)half));
}

/*
 * The buckets that text[k] rules out, by its low half, at each of 32 places from `text` on. A
 * shuffle takes the low half of a byte by itself and rules out nothing for those from 0x80 on.
 */
AVX2 static inline __m256i no_low(const struct masks *m, int k, const char *text)
{
	return _mm256_shuffle_epi8(m->low[k], _mm256_loadu_si256((const __m256i *)(text + k)));
}

AVX2 static inline __m256i no_high(const struct masks *m, int k, const char *text)
{
	__m256i bytes = _mm256_loadu_si256((const __m256i *)(text + k));
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));

	return _mm256_shuffle_epi8(m->high[k], high);
}

/* A high half costs twice a low one and tells less: those in the middle do. */
AVX2 static inline __m256i ruled_out(const struct masks *m, const char *text)
{
	__m256i middle = _mm256_or_si256(no_high(m, 1, text), no_high(m, 2, text));
	__m256i left = _mm256_or_si256(no_low(m, 0, text), no_low(m, 1, text));
	__m256i right = _mm256_or_si256(no_low(m, 2, text), no_low(m, 3, text));

	return _mm256_or_si256(_mm256_or_si256(left, right), middle);
}

/* A bit for each of 32 places where some bucket is left. */
AVX2 static inline uint64_t places_left(__m256i out)
{
	__m256i none = _mm256_cmpeq_epi8(out, _mm256_set1_epi8(-1));

	return ~(uint32_t)_mm256_movemask_epi8(none);
}

/* Returns where it stopped: what is left holds fewer than STRIDE windows. */
AVX2 static size_t search_avx2(struct search *s, size_t pos)
{
	const char *text = s->text.ptr;
	struct masks m;

	for (int k = 0; k < WINDOW; k++) {
		m.low[k] = mask_of(s->p->low[k]);
		m.high[k] = mask_of(s->p->high[k]);
	}
	for (; pos + STRIDE + WINDOW - 1 <= s->end; pos += STRIDE) {
		__m256i near = ruled_out(&m, text + pos);
		__m256i far = ruled_out(&m, text + pos + STRIDE / 2);
		uint64_t places;

		if (_mm256_testc_si256(_mm256_and_si256(near, far), _mm256_set1_epi8(-1)))
			continue;
		places = places_left(near) | places_left(far) << STRIDE / 2;
		for (; places; places &= places - 1)
			verify(s, pos + (size_t)__builtin_ctzll(places));
	}
	return pos;
}
#else
static size_t search_avx2(struct search *s, size_t pos)
{
	(void)s;
	return pos;
}
#endif

size_t prefilter_search(const struct prefilter *p, struct slice text, size_t *from,
			struct prefilter_hit *hits, size_t most)
{
	struct search s = {
		.p = p,
		.text = text,
		.from = *from,
		.limit = text.len,
		.end = text.len,
		.hits = hits,
		.most = most,
	};
	size_t pos = *from;

	assert(text.len <= UINT32_MAX && *from <= text.len && most >= p->n);
	if (p->avx2)
		pos = search_avx2(&s, pos);
	search_portable(&s, pos);
	*from = s.limit;
	return s.n;
}

const char *prefilter_kind(const struct prefilter *p)
{
	return p->avx2 ? "avx2" : "portable";
}

void prefilter_force_portable(struct prefilter *p)
{
	p->avx2 = false;
}
