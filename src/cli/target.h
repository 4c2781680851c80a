/* Where results go: standard output, or files in the folder of --output. One thread. */
#ifndef OCTAVO_CLI_TARGET_H
#define OCTAVO_CLI_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/options.h"
#include "pool/job.h"

/*
 * Names for the results of files: the file name less its last extension ("stdin" for "-"). Those that would collide
 * keep their extension, those that still would are numbered: a.png, a.png~2. With page_files, where pages are files of
 * their own (NAME-PAGE), "a-7" collides with "a". ret_names has room for count; the caller frees each.
 */
void target_names(char *const *files, size_t count, bool page_files, char **ret_names);

/* The name of one more file beside names that are taken; caller frees. */
char *target_name(const char *file, char *const *taken, size_t count, bool page_files);

/* Makes folder, its parents included, and checks that files can be made in it. ERR_OUTPUT. */
int target_prepare(const char *folder);

/* What is wrong with the formats of options that are written to standard output unless there is a file or folder for
 * them; NULL if nothing is. Borrowed until the next fail(). */
const char *target_contradiction(const struct options *options, const char *file);

/* A file without a name for what is made of a document (document/made.h): beside the others, or where temporary files
 * are. ERR_OUTPUT. */
int target_scratch(const struct options *options, int *ret_fd);

/*
 * Writes the job's result in every format that options ask for, or in an archive of them all: as NAME.EXTENSION in the
 * folder of --output, replacing what was there in one step, or to standard output; figures as output/figures.h names
 * them. The file that was read and the files of the command line are never replaced. A PDF, or pictures, that could not
 * be made are left out. ERR_OUTPUT; ERR_SEVERAL_FILES for standard output.
 */
int target_write(const struct options *options, const char *name, const struct job *job);

#endif
