/*
 * The words of --format and of the API's parameter, in the order in which help has them. To add one: add it here, a
 * line in output/output.c, and a paragraph in docs/outputs.md; tests/unit/test_output.c compares this with output.c.
 */
#ifndef OCTAVO_TABLE_FORMATS_H
#define OCTAVO_TABLE_FORMATS_H

#define FORMAT_WORDS "text|json|markdown|html|hocr|alto|page|csv|xlsx|pdf|png|zip"

#endif
