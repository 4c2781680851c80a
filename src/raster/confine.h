/* The limits under which a document is decoded. One thread. */
#ifndef OCTAVO_RASTER_CONFINE_H
#define OCTAVO_RASTER_CONFINE_H

#include <stddef.h>
#include <stdint.h>

/* Before any document byte is looked at: 32 descriptors, 96 MiB of stack, malloc that gives memory back. */
void confine(void);

/*
 * Bounds the address space to 256 MiB (program, libraries, stack, MuPDF's store) + document bytes + pixel bytes, which
 * are max_pixels times the kind's bytes_per_pixel. Under sanitizers, which reserve terabytes, there is no bound.
 */
void confine_memory(size_t document_bytes, uint64_t max_pixels, uint32_t bytes_per_pixel);

#endif
