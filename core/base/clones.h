/* clones.h - loops that are compiled for newer processors as well */
#pragma once

#include <stdlib.h> /* says whether this is glibc */

/*
 * Of such a function there are two, and the loader takes the one that this processor can run. It
 * needs glibc's loader; elsewhere there is the plain one.
 */
#if defined(__x86_64__) && defined(__GLIBC__)
#define FOR_THIS_MACHINE __attribute__((target_clones("avx2", "default")))
#else
#define FOR_THIS_MACHINE
#endif
