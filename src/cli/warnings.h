/* The warnings of a document's pages, for people. One thread. */
#ifndef OCTAVO_CLI_WARNINGS_H
#define OCTAVO_CLI_WARNINGS_H

#include <stdbool.h>

struct job;

/*
 * Tells them on standard error. What many pages say, numbers aside, is told once, as the first of them says it and with
 * how many more there are, and only so many different ones are told; each: all of them, page by page.
 */
void warnings_tell(const struct job *job, bool each);

#endif
