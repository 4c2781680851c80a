/* Reading a page as a whole, by an engine that finds the lines itself (Tesseract). One hand, one thread. */
#ifndef OCTAVO_PIPELINE_WHOLE_H
#define OCTAVO_PIPELINE_WHOLE_H

#include "pipeline/recognise.h"
#include "pipeline/structure.h"

/* Whether the hand reads pages so: it has a model for that. */
bool whole_is_wanted(const struct hand *hand);

/*
 * Reads the upright page; a line that reaches over several cells of a table in findings comes in pieces, cut between
 * words. dpi: 0 if unknown. The caller frees the readings and *ret. Errors as hand_read().
 */
int whole_read(const struct hand *hand, const struct image *page, float dpi, const struct findings *findings,
               struct stages *stages, struct reading **ret, size_t *ret_count);

#endif
