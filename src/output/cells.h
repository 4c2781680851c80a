/* Cells of tables for spreadsheets. Any thread. */
#ifndef OCTAVO_OUTPUT_CELLS_H
#define OCTAVO_OUTPUT_CELLS_H

#include <stdbool.h>

enum { CELL_DECIMALS = 6 };

/*
 * Whether text is a number that a spreadsheet, told how many digits to show behind the point, shows as it stands:
 * 12, -3.50; not 007, 1,234, 1e5, nor what has more than 15 digits, or CELL_DECIMALS behind the point.
 */
bool cell_is_number(const char *text, unsigned *ret_decimals);

#endif
