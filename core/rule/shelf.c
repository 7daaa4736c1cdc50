/*
 * shelf - many small records, packed side by side in memory
 *
 * Of a million accounts a few thousand are busy at a time; the others wait here, each as a record
 * of some hundred bytes. Records are written one behind the other onto boards of 256 KB; a record
 * that is taken away leaves a gap. Once a seventh of all is gaps, the board with the most of them is
 * cleared: what still lies there is written anew, and the board is used again. So no size has
 * free lists of its own that fragment, and a put costs a bounded number of copied bytes.
 *
 * The index is an open table of 8-byte slots: where the record lies, and 31 bits of its key.
 */
#include "core/rule/shelf.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>

enum {
	BOARD = 256 * 1024,
	UNIT = 4, /* places are counted in these; a board holds 2^16 of them */
	UNITS = BOARD / UNIT,
	FIRST = 64,
	GAPS = 7, /* one part of so many may be gaps */
};

struct shelf_slot {
	uint32_t place;       /* board and unit; 0: empty */
	uint32_t changed : 1; /* since shelf_settle() */
	uint32_t tag : 31;    /* the high bits of the key */
};

struct shelf_board {
	char *data;
	uint32_t used, dead; /* bytes */
};

/* What stands before each record. Bytes, for it lies at any multiple of UNIT. */
struct header {
	uint64_t key;
	uint16_t len;
	bool dead;
} __attribute__((packed));

static size_t room_of(size_t len)
{
	return (sizeof(struct header) + len + UNIT - 1) / UNIT * UNIT;
}

static uint32_t tag_of(uint64_t key)
{
	return (uint32_t)(key >> 33);
}

/* The tag alone says where a slot belongs, so that none is moved by looking at its record. */
static size_t home(const struct shelf *s, uint32_t tag)
{
	return ((uint64_t)tag * s->cap) >> 31;
}

/* Place 0 is nowhere: units are counted from 1, and so a board's last one is not used. */
static uint32_t place_of(uint32_t board, uint32_t offset)
{
	return board * UNITS + offset / UNIT + 1;
}

static struct shelf_board *board_of(const struct shelf *s, uint32_t place)
{
	return &s->board[(place - 1) / UNITS];
}

static char *at(const struct shelf *s, uint32_t place)
{
	return board_of(s, place)->data + (size_t)((place - 1) % UNITS) * UNIT;
}

static struct header header_at(const char *data)
{
	struct header h;

	memcpy(&h, data, sizeof(h));
	return h;
}

void shelf_init(struct shelf *s)
{
	*s = (struct shelf){ .open = UINT32_MAX, .spare = UINT32_MAX };
}

void shelf_fini(struct shelf *s)
{
	for (uint32_t i = 0; i < s->n_boards; i++)
		free(s->board[i].data);
	free(s->board);
	free(s->slot);
	*s = (struct shelf){ 0 };
}

/* The slot of the key, or the empty one where it belongs. There is always an empty one. */
static size_t probe(const struct shelf *s, uint64_t key)
{
	size_t i = home(s, tag_of(key));

	while (s->slot[i].place &&
	       (s->slot[i].tag != tag_of(key) || header_at(at(s, s->slot[i].place)).key != key))
		i = (i + 1) & (s->cap - 1);
	return i;
}

/* The slot of what lies at `place`, which is in the index. */
static struct shelf_slot *slot_at(const struct shelf *s, uint64_t key, uint32_t place)
{
	size_t i = home(s, tag_of(key));

	while (s->slot[i].place != place)
		i = (i + 1) & (s->cap - 1);
	return &s->slot[i];
}

static void grow(struct shelf *s)
{
	struct shelf_slot *old = s->slot;
	size_t cap = s->cap;

	s->cap = cap ? cap * 2 : FIRST;
	s->slot = xcalloc(s->cap, sizeof(*s->slot));
	for (size_t i = 0; i < cap; i++) {
		size_t k = home(s, old[i].tag);

		if (!old[i].place)
			continue;
		while (s->slot[k].place)
			k = (k + 1) & (s->cap - 1);
		s->slot[k] = old[i];
	}
	free(old);
}

/* An empty board to write on: one that was cleared, or a new one. */
static uint32_t fresh_board(struct shelf *s)
{
	uint32_t i = s->spare;

	if (i != UINT32_MAX) {
		s->spare = UINT32_MAX;
		return i;
	}
	if (s->n_boards == s->cap_boards) {
		s->cap_boards = s->cap_boards ? s->cap_boards * 2 : 16;
		s->board = xrealloc(s->board, s->cap_boards, sizeof(*s->board));
	}
	assert(s->n_boards < UINT32_MAX / UNITS);
	s->board[s->n_boards] = (struct shelf_board){ .data = xcalloc(BOARD, 1) };
	return s->n_boards++;
}

/* Writes the record at the end of the open board; returns where. */
static uint32_t write_record(struct shelf *s, uint64_t key, struct slice record)
{
	struct header h = { key, (uint16_t)record.len, false };
	size_t room = room_of(record.len);
	struct shelf_board *b;
	uint32_t place;

	if (s->open == UINT32_MAX || s->board[s->open].used + room > BOARD)
		s->open = fresh_board(s);
	b = &s->board[s->open];
	place = place_of(s->open, b->used);
	memcpy(b->data + b->used, &h, sizeof(h));
	if (record.len > 0)
		memcpy(b->data + b->used + sizeof(h), record.ptr, record.len);
	b->used += (uint32_t)room;
	s->used += room;
	return place;
}

/* Writes anew what still lies on a board. */
static void clear_board(struct shelf *s, uint32_t i)
{
	struct header h;

	for (uint32_t offset = 0; offset < s->board[i].used; offset += (uint32_t)room_of(h.len)) {
		const char *data = s->board[i].data + offset;
		struct shelf_slot *slot;

		h = header_at(data);
		if (h.dead)
			continue;
		slot = slot_at(s, h.key, place_of(i, offset));
		slot->place = write_record(s, h.key, (struct slice){ data + sizeof(h), h.len });
	}
	s->used -= s->board[i].used;
	s->dead -= s->board[i].dead;
	s->board[i].used = s->board[i].dead = 0;
	assert(s->spare == UINT32_MAX);
	s->spare = i;
}

/* Clears the board with the most gaps where there are too many in all. */
static void tidy(struct shelf *s)
{
	uint32_t worst = UINT32_MAX;

	if (s->spare != UINT32_MAX || s->dead < BOARD || s->dead * GAPS < s->used)
		return;
	for (uint32_t i = 0; i < s->n_boards; i++)
		if (i != s->open &&
		    (worst == UINT32_MAX || s->board[i].dead > s->board[worst].dead))
			worst = i;
	if (worst != UINT32_MAX)
		clear_board(s, worst);
}

void shelf_put(struct shelf *s, uint64_t key, struct slice record, bool changed)
{
	size_t i;

	assert(record.len <= SHELF_RECORD_MOST);
	if (s->n + 1 > s->cap - s->cap / 8)
		grow(s);
	tidy(s);
	i = probe(s, key);
	assert(!s->slot[i].place);
	s->slot[i] = (struct shelf_slot){ write_record(s, key, record), changed, tag_of(key) };
	s->n++;
}

static struct slice record_at(const struct shelf *s, uint32_t place)
{
	const char *data = at(s, place);

	return (struct slice){ data + sizeof(struct header), header_at(data).len };
}

struct slice shelf_find(const struct shelf *s, uint64_t key, bool *changed)
{
	size_t i = s->n ? probe(s, key) : 0;

	if (!s->n || !s->slot[i].place)
		return (struct slice){ NULL, 0 };
	if (changed)
		*changed = s->slot[i].changed;
	return record_at(s, s->slot[i].place);
}

/* Closes the gap at `hole`: what was pushed behind it moves up. */
static void close_gap(struct shelf *s, size_t hole)
{
	size_t mask = s->cap - 1;

	for (size_t i = (hole + 1) & mask; s->slot[i].place; i = (i + 1) & mask) {
		/* An element may fill the hole unless its home lies behind it, cyclically. */
		if (((i - home(s, s->slot[i].tag)) & mask) < ((i - hole) & mask))
			continue;
		s->slot[hole] = s->slot[i];
		hole = i;
	}
	s->slot[hole] = (struct shelf_slot){ 0 };
}

void shelf_remove(struct shelf *s, uint64_t key)
{
	struct header h;
	uint32_t place;
	size_t i;

	assert(s->n > 0);
	i = probe(s, key);
	place = s->slot[i].place;
	assert(place);
	h = header_at(at(s, place));
	h.dead = true;
	memcpy(at(s, place), &h, sizeof(h));
	board_of(s, place)->dead += (uint32_t)room_of(h.len);
	s->dead += room_of(h.len);
	close_gap(s, i);
	s->n--;
}

bool shelf_next(const struct shelf *s, struct shelf_item *item, bool changed_only)
{
	for (size_t i = item->at; i < s->cap; i++) {
		const struct shelf_slot *slot = &s->slot[i];

		if (!slot->place || (changed_only && !slot->changed))
			continue;
		*item = (struct shelf_item){ i + 1, header_at(at(s, slot->place)).key,
					     record_at(s, slot->place), slot->changed };
		return true;
	}
	return false;
}

void shelf_settle(struct shelf *s, const struct shelf_item *item)
{
	s->slot[item->at - 1].changed = 0;
}
