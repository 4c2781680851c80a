/*
 * The result of one page: lines of text in reading order, each with its place. Made by the worker, sent as JSON,
 * written by the outputs. One thread at a time.
 */
#ifndef OCTAVO_DOCUMENT_PAGE_H
#define OCTAVO_DOCUMENT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "document/geometry.h"

struct json;

enum stage {
#define STAGE(symbol, word, engine, about) STAGE_##symbol,
#include "table/stages.def"
#undef STAGE
    STAGE_COUNT
};

/* Seconds of one core spent in each stage, and how often it ran. */
struct stages {
    double seconds[STAGE_COUNT];
    uint32_t runs[STAGE_COUNT];
};

/* Word of a stage; whether it is spent inside an engine; one line about it. Borrowed for ever. */
const char *stage_word(enum stage stage);
int stage_in_engine(enum stage stage);
const char *stage_about(enum stage stage);

void stage_add(struct stages *stages, enum stage stage, double seconds, uint32_t runs);
void stages_add(struct stages *sum, const struct stages *more);

/* Those that ran, as {"detect": {"seconds", "runs"}, ...}; caller drops. */
struct json *stages_to_json(const struct stages *stages);

/* Reads what stages_to_json() wrote. ERR_PROTOCOL. */
int stages_from_json(const struct json *object, struct stages *ret);

/* A word of a line: a piece between blanks, or one character of a script that is written without them. */
struct word {
    uint32_t start, length; /* its bytes in the line's text */
    float score;            /* mean confidence of its characters, 0 to 1 */
    struct quad quad;       /* as that of the line */
};

/* A line of text. Its quad is in pixels of the page as it lies (before page.angle was undone). */
struct line {
    char *text;         /* UTF-8, not empty */
    float score;        /* mean confidence of its characters, 0 to 1 */
    struct quad quad;   /* corners in reading order of the text */
    float angle;        /* direction of reading, degrees clockwise from rightwards, -180 < angle <= 180 */
    uint32_t block;     /* lines of one block (a paragraph, a column's run) share it; counts up in reading order */
    uint32_t row;       /* pieces side by side that one would print as one line share it; counts up over the page */
    uint32_t region;    /* index of the page's region that it is in */
    struct word *words; /* in the order of the text; only blanks stand between them. None where nobody wanted them */
    size_t word_count;
};

enum region_type {
#define REGION_TYPE(symbol, word, colour, figure) REGION_##symbol,
#include "table/region_types.def"
#undef REGION_TYPE
    REGION_TYPE_COUNT
};

/* Word of a type, borrowed for ever; its colour in pictures of pages, red << 16 | green << 8 | blue. */
const char *region_word(enum region_type type);
uint32_t region_colour(enum region_type type);

/* A cell of a table: its first row and column from 0, how many of them it spans, and its text, "" if it is empty. */
struct cell {
    uint32_t row, column, rows, columns;
    char *text;
    struct quad quad; /* where its contents are, as the region's; of no meaning unless it was seen */
    bool seen;        /* false: it fills a gap */
};

/* A part of the page, in reading order; its lines follow each other in the page's. Pixels of the page as it lies. */
struct region {
    enum region_type type;
    float score; /* of the layout model; 0: no model has seen it */
    struct quad quad;
    uint32_t rows, columns; /* of a table whose structure was found, else 0 */
    struct cell *cells;     /* row by row */
    size_t cell_count;
    bool continues,
        continued; /* of a table, where pages are written (output/joining.h): on the next, from the last page */
    char *latex;   /* of a formula that was read, else NULL; its only line says the same */
    char *picture; /* where pages are written: where a file of what it looks like is, as an URL; else NULL */
};

/* Whether what it looks like says more than what was read of it. */
bool region_is_figure(const struct region *region);

/* How the page was read in the memory that there was (memory/plan.h). */
struct page_plan {
    char engine[16]; /* "" if unknown */
    uint32_t threads, tiles;
    bool swapping; /* models were loaded one at a time */
    bool reduced;  /* less than wished for lack of memory */
};

struct page {
    uint32_t number;        /* from 1 */
    uint32_t width, height; /* pixels of the page as it lies */
    float dpi;              /* of the bitmap; 0 if unknown */
    int angle;              /* clockwise turn that the page has suffered: 0, 90, 180 or 270 */
    struct line *lines;
    size_t line_count;
    struct region *regions;
    size_t region_count;
    struct page_plan plan;
    char **warnings; /* sentences about what was survived */
    size_t warning_count;
    struct stages stages;
};

/* Adds a copy of warning. */
void page_warn(struct page *page, const char *warning);

/* Word i of a line; a line without words is one. There are word_total(). */
size_t word_total(const struct line *line);
struct word word_at(const struct line *line, size_t i);

/* Frees the contents. */
void region_done(struct region *region);
void page_done(struct page *page);

/* The page as JSON, with the words of its lines or without, in the form docs/result.schema.json describes; caller
 * drops. */
struct json *page_to_json(const struct page *page, bool words);

/* A plan as pages have it; caller drops. */
struct json *page_plan_to_json(const struct page_plan *plan);

/* Reads what page_to_json() wrote into *ret, whose contents the caller frees with page_done(). ERR_PROTOCOL. */
int page_from_json(const struct json *json, struct page *ret);

#endif
