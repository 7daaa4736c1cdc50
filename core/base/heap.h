/* heap.h - what is due first? */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what is kept in a heap; zeroed it is in none. Of equal keys the lower `tie` is first. */
struct heap_node {
	int64_t key;
	uint64_t tie;
	size_t place; /* the heap's: 1 + its index; 0: in no heap */
};

/* Init with {0}, give back with heap_fini(); the nodes stay their owners'. */
struct heap {
	struct heap_node **node;
	size_t n, cap;
};

void heap_fini(struct heap *h);
/* Puts the node in, or moves it where it is in this heap already. */
void heap_put(struct heap *h, struct heap_node *node, int64_t key, uint64_t tie);
/* Takes the node out; nothing where it is in none. It must not be in another heap. */
void heap_remove(struct heap *h, struct heap_node *node);
/* The first; NULL where there is none. */
struct heap_node *heap_first(const struct heap *h);
