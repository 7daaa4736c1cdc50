/*
 * heap - what is due first?
 *
 * A binary heap of nodes that know their place in it, so that any of them can be moved or taken
 * out in the time of its height: a hundred thousand bans end at a hundred thousand moments, and
 * each may be lifted before.
 */
#include "core/base/heap.h"

#include "core/base/mem.h"

#include <assert.h>
#include <stdlib.h>

void heap_fini(struct heap *h)
{
	free(h->node);
	*h = (struct heap){ 0 };
}

static bool earlier(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void set(struct heap *h, size_t i, struct heap_node *node)
{
	h->node[i] = node;
	node->place = i + 1;
}

/* Moves the node up from place `i`, as far as it belongs. */
static void rise(struct heap *h, size_t i)
{
	struct heap_node *node = h->node[i];

	for (; i > 0 && earlier(node, h->node[(i - 1) / 2]); i = (i - 1) / 2)
		set(h, i, h->node[(i - 1) / 2]);
	set(h, i, node);
}

static void sink(struct heap *h, size_t i)
{
	struct heap_node *node = h->node[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n && earlier(h->node[child + 1], h->node[child]))
			child++;
		if (child >= h->n || !earlier(h->node[child], node))
			break;
		set(h, i, h->node[child]);
		i = child;
	}
	set(h, i, node);
}

void heap_put(struct heap *h, struct heap_node *node, int64_t key, uint64_t tie)
{
	heap_remove(h, node);
	node->key = key;
	node->tie = tie;
	h->node = array_grow(h->node, h->n, &h->cap, sizeof(struct heap_node *));
	set(h, h->n, node);
	rise(h, h->n++);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	size_t i = node->place - 1;
	struct heap_node *last;

	if (!node->place)
		return;
	assert(i < h->n && h->node[i] == node);
	node->place = 0;
	last = h->node[--h->n];
	if (last == node)
		return;
	set(h, i, last);
	rise(h, i);
	sink(h, last->place - 1);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->n ? h->node[0] : NULL;
}
