/* The limits under which a document is decoded. One thread. */
#ifndef OCTAVO_RASTER_CONFINE_H
#define OCTAVO_RASTER_CONFINE_H

#include <stddef.h>
#include <stdint.h>

#include "raster/heap.h"

/* Before any document byte is looked at: 32 descriptors, 96 MiB of stack, malloc that gives memory back. */
void confine(void);

/*
 * Bounds the address space to 256 MiB (program, libraries, stack, MuPDF's store) + document bytes + pixel bytes, which
 * are max_pixels times the kind's bytes_per_pixel. Under sanitizers, which reserve terabytes, there is no bound.
 */
void confine_memory(size_t document_bytes, uint64_t max_pixels, uint32_t bytes_per_pixel);

/*
 * Until confine_end(), at most so many bytes may be taken beyond what is held now: by the heap (raster/heap.h) exactly;
 * behind it stands the soft limit of the address space, at what is mapped now + bytes + 8 MiB for stack, code that is
 * touched for the first time and the rounding of blocks. 0, or more than the address space has: no bound but that of
 * confine_memory().
 */
void confine_begin(uint64_t bytes);

/*
 * Has the bound hold again, or not until then: what is taken beyond it counts as missing (heap_lend()). For what is
 * made of a page's text, which takes what it takes.
 */
void confine_lend(bool lends);

/* Lifts that bound; what was taken and refused under it. */
struct heap_use confine_end(void);

#endif
