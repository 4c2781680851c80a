/*
 * Tesseract's language files, FOLDER/LANGUAGE.traineddata: where they are, which there are. No library is needed for
 * that. Any thread.
 */
#ifndef OCTAVO_CATALOG_TESSDATA_H
#define OCTAVO_CATALOG_TESSDATA_H

#include <stddef.h>
#include <stdint.h>

#define TESSDATA_ORIENTATION "osd" /* its name */

struct tessdata {
    char *folder;
    char **languages; /* in alphabetical order; without those that hold no text model (osd, equ) */
    uint64_t *bytes;  /* of their files */
    size_t count;
    uint64_t orientation; /* bytes of osd, which sees how a page lies; 0: it is not there */
};

/*
 * The language files of $TESSDATA_PREFIX (or its folder tessdata), if that is set; else of the first that has any: the
 * folder own, those where distributions put them. None are there: folder is NULL, count 0. That of orientation counts
 * like a language. The caller calls tessdata_done().
 */
void tessdata_find(const char *own, struct tessdata *ret);
void tessdata_done(struct tessdata *data);

/*
 * Whether wish, "eng" or "eng+deu", names languages that are all there; *ret_bytes: of their files. ERR_USAGE (no such
 * list of names), ERR_NO_MODEL naming what is missing and what there is.
 */
int tessdata_check(const struct tessdata *data, const char *wish, uint64_t *ret_bytes);

/* The same of what there is beside models, the folder as places_find() takes it. Also ERR_INTERNAL. */
int tessdata_ask(const char *models, const char *wish);

#endif
