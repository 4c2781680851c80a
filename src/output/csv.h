/*
 * The tables alone as CSV (RFC 4180), one after another with an empty line between; of a cell that spans others the
 * text stands in the first. What a spreadsheet would take for a formula gets an apostrophe before it.
 */
#ifndef OCTAVO_OUTPUT_CSV_H
#define OCTAVO_OUTPUT_CSV_H

#include "output/output.h"

extern const struct output_state output_csv;

#endif
