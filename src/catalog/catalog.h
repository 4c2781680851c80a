/* The catalog: which models there are and how each wants its input. Read once, then constant; any thread. */
#ifndef OCTAVO_CATALOG_CATALOG_H
#define OCTAVO_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/predict.h"

enum role {
#define ROLE(symbol, word) ROLE_##symbol,
#include "table/roles.def"
#undef ROLE
    ROLE_COUNT
};

/* Word of a role. Borrowed for ever. */
const char *role_word(enum role role);

/* What a model takes on one engine before that was learned. Bytes; run: and bytes for each float of the input. */
struct memory_prior {
    double weights, loading;
    struct prior run;
};

/* What a layout model calls a class of regions, and when it is believed. */
struct label {
    char *word;
    float threshold; /* least score */
    bool large;      /* what lies within one is a part of it */
};

struct model_spec {
    char *id, *version;
    char *file, *sha256; /* in the folder of models; sha256 NULL: any file of that name. only_tesseract:
                            FOLDER/LANGUAGES, and NULL */
    char *tokenizer;     /* formula: a file in that folder too; else NULL */
    enum role role;
    uint64_t bytes;          /* 0 where sha256 is NULL */
    uint32_t idle;           /* seconds without a user after which it is unloaded; 0: as for all */
    bool grey, blue_first;   /* one plane; of three */
    float mean[3], scale[3]; /* for pixels 0 to 255: (pixel - mean) * scale */

    bool only_onnxruntime; /* OpenVINO cannot run it */
    bool only_tesseract;   /* languages of Tesseract, or what it has to see how a page lies */

    uint32_t width, height;                 /* unwarp, classify, layout, cells, formula; recognise: height only */
    uint32_t short_side, crop;              /* orient, table_class */
    uint32_t long_side, multiple;           /* detect; table: long_side only */
    float enlarge;                          /* detect */
    uint32_t max_width, bucket;             /* recognise */
    float threshold, box_threshold, unclip; /* detect; layout, cells: threshold only */
    bool dilate;                            /* detect */
    bool places;                            /* table: its boxes of cells can be believed */
    struct label
        *labels; /* layout: of a network that gives boxes, in the order of its classes; NULL: PicoDet's grids */
    size_t label_count;

    struct memory_prior openvino, onnxruntime, tesseract;
};

struct catalog {
    struct model_spec *specs;
    size_t count;
};

/* Reads the YAML file at path into *ret; the caller calls catalog_done(). ERR_BAD_MODEL naming the entry and the key.
 */
int catalog_load(const char *path, struct catalog *ret);
void catalog_done(struct catalog *catalog);

/* Whether the files of the model are in folder. */
bool catalog_has(const struct model_spec *spec, const char *folder);

/*
 * The model to use for role: of the named version, or (version NULL) the first whose file is in folder. Borrowed.
 * ERR_NO_MODEL naming the file, or the versions that there are.
 */
int catalog_choose(const struct catalog *catalog, enum role role, const char *version, const char *folder,
                   const struct model_spec **ret);

#endif
