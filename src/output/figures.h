/*
 * Figures: pictures of regions, cut out of their pages (document/album.h), as files of a folder beside the text that
 * shows them:
 *
 *   STEM.md                          the text
 *   STEM_files/page-2-region-7.png   its pictures, by page and place in the reading order
 *
 * or within a text that needs no other file. Any thread.
 */
#ifndef OCTAVO_OUTPUT_FIGURES_H
#define OCTAVO_OUTPUT_FIGURES_H

#include "document/album.h"

/* The name of a figure's folder, and of its file in it, with the folder. Caller frees. */
char *figures_folder(const char *stem);
char *figures_file(const char *stem, const struct album_entry *figure);

/* That file as an URL, relative to the folder of the text: only letters, digits, "-._~/" and "%" escapes. Caller frees.
 */
char *figures_url(const char *stem, const struct album_entry *figure);

/* The figure itself as an URL (RFC 2397). Caller frees. ERR_OUTPUT. */
int figures_data(const struct album *album, const struct album_entry *figure, char **ret);

#endif
