/*
 * The tables alone as a workbook for spreadsheets (Office Open XML): a sheet for each, cells merged as they span.
 * What is shown again as it stands is a number, all else is text; nothing is a formula.
 */
#ifndef OCTAVO_OUTPUT_XLSX_H
#define OCTAVO_OUTPUT_XLSX_H

#include "output/output.h"

extern const struct output_state output_xlsx;

#endif
