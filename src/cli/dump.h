/*
 * Dumps of the flight recorder, read back for people. A dump is one JSON object: {"version", "reason" (a word), "at"
 * (ISO time), "ledger" (ledger_to_json()), "memory" (readings), "predictions" (quality_to_json()), "recorder"
 * (recorder_to_json())}. What is missing is left out. One thread.
 */
#ifndef OCTAVO_CLI_DUMP_H
#define OCTAVO_CLI_DUMP_H

#include <stdbool.h>

/*
 * Prints the dump in the file at path to standard output, for people or as the JSON it is. Returns the exit status; a
 * file that cannot be opened (66) or is no dump (64) is told on standard error.
 */
int dump_print(const char *path, bool as_json);

#endif
