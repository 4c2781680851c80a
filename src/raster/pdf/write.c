/*
 * A PDF with text added, everything else as it was: the old file and an incremental update behind it. One that was
 * repaired is written anew. Text goes before what the page draws, where the state of drawing is that of its beginning.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "raster/flate.h"
#include "raster/layer.h"
#include "raster/pdf/inside.h"

enum {
    GRID_SIDE = 512, /* cells: half a line of an A4 page is three of them */
    SAMPLES = 3,     /* points of each letter that are looked at */
};

struct pdf_writing {
    int fd;
    struct letters letters;
    pdf_obj *font; /* reference to the first of its objects; NULL: no page has text yet */
    int objects[LETTERS_OBJECTS];
    uint64_t place;   /* in the file that is written */
    struct bytes old; /* what it begins with */
    int error;        /* of writing */
};

/* The name of the font on pages. */
#define FONT_NAME "OctavoText"

/* Which letters a page shows where; 0: none. */
struct grid {
    fz_rect box;
    uint16_t cells[GRID_SIDE][GRID_SIDE];
};

/* A page that gets text. */
struct adding {
    const struct page *page;
    pdf_page *loaded;
    fz_stext_page *shown;
    struct grid *grid;
    fz_buffer *stream;
    pdf_obj *contents, *reference;
    struct buffer text, packed;
    fz_matrix to_points; /* pixels to points as MuPDF has them, y down */
};

static int cell_of(float value, float from, float to) {
    float place = (value - from) / (to - from) * GRID_SIDE;
    return place >= 0 && place < GRID_SIDE ? (int)place : place < 0 ? 0 : GRID_SIDE - 1;
}

static void mark(struct grid *grid, fz_rect rect, int letter) {
    const fz_rect *box = &grid->box;
    rect = fz_intersect_rect(rect, *box);
    if (fz_is_empty_rect(rect)) {
        return;
    }
    int left = cell_of(rect.x0, box->x0, box->x1), right = cell_of(rect.x1, box->x0, box->x1);
    int top = cell_of(rect.y0, box->y0, box->y1), bottom = cell_of(rect.y1, box->y0, box->y1);
    for (int y = top; y <= bottom; y++) {
        for (int x = left; x <= right; x++) {
            grid->cells[y][x] = (uint16_t)(letter & 0xFFFF);
        }
    }
}

/* Letters of which nobody knows what they mean (U+FFFD) cannot be searched: they do not count. */
static void mark_line(struct grid *grid, const fz_stext_line *line) {
    for (const fz_stext_char *letter = line->first_char; letter; letter = letter->next) {
        if (letter->c != 0xFFFD && letter->c > ' ') {
            mark(grid, fz_rect_from_quad(letter->quad), letter->c);
        }
    }
}

static void mark_page(struct grid *grid, const fz_stext_page *shown) {
    for (const fz_stext_block *block = shown->first_block; block; block = block->next) {
        const fz_stext_line *line = block->type == FZ_STEXT_BLOCK_TEXT ? block->u.t.first_line : NULL;
        for (; line; line = line->next) {
            mark_line(grid, line);
        }
    }
}

/* What is shown along the middle of words. */
struct sight {
    size_t samples, hits, matches; /* looked at; of them where a letter is; of them the one that was read there */
};

/* The letter at a part of a word's way, 0: none. */
static uint32_t letter_at(const struct adding *adding, const struct quad *word, float part) {
    const struct point *p = word->corner;
    const fz_rect *box = &adding->grid->box;
    float x = (p[0].x + p[3].x) / 2 * (1 - part) + (p[1].x + p[2].x) / 2 * part;
    float y = (p[0].y + p[3].y) / 2 * (1 - part) + (p[1].y + p[2].y) / 2 * part;
    fz_point point = fz_transform_point_xy(x, y, adding->to_points);
    return fz_is_point_inside_rect(point, *box)
               ? adding->grid->cells[cell_of(point.y, box->y0, box->y1)][cell_of(point.x, box->x0, box->x1)]
               : 0;
}

/* Letters are not all as wide: one beside the place will do. */
static void look_along(const struct adding *adding, const struct quad *word, const uint32_t *letters, size_t count,
                       struct sight *sight) {
    size_t samples = SAMPLES * count;
    for (size_t i = 0; i < samples; i++) {
        uint32_t seen = letter_at(adding, word, (0.5F + (float)i) / (float)samples);
        size_t at = i / SAMPLES, from = at > 0 ? at - 1 : 0, to = at + 1 < count ? at + 1 : at;
        bool match = false;
        for (size_t k = from; k <= to; k++) {
            match = match || seen == (letters[k] & 0xFFFF);
        }
        sight->samples++;
        sight->hits += seen > 0;
        sight->matches += seen > 0 && match;
    }
}

static void look_at_word(const struct adding *adding, const struct line *line, const struct word *word,
                         struct sight *sight) {
    enum { MOST = 64 };
    uint32_t letters[MOST];
    size_t count = 0;
    for (size_t at = 0; at < word->length && count < MOST; count++) {
        at += utf8_next(line->text + word->start + at, word->length - at, &letters[count]);
    }
    look_along(adding, &word->quad, letters, count, sight);
}

/* Whether the page shows text at a word, which is then not added. */
static bool is_shown(void *context, const struct line *line, const struct word *word) {
    struct sight sight = {0};
    look_at_word(context, line, word, &sight);
    return 2 * sight.hits > sight.samples;
}

/*
 * Whether what the page shows as text is what was read there. It is not where a font does not say what its letters
 * mean, or where a layer of text is of no use: then all that was read is added.
 */
static bool is_believed(const struct adding *adding) {
    struct sight sight = {0};
    for (size_t i = 0; i < adding->page->line_count; i++) {
        const struct line *line = &adding->page->lines[i];
        for (size_t k = 0; k < word_total(line); k++) {
            struct word word = word_at(line, k);
            look_at_word(adding, line, &word, &sight);
        }
    }
    return 2 * sight.matches >= sight.hits;
}

/* Opening a page, and what it shows */

static void step_look(struct pdf *pdf, void *argument) {
    struct adding *adding = argument;
    fz_context *context = pdf->context;
    adding->loaded = pdf_load_page(context, pdf->file, (int)adding->page->number - 1);
    const fz_rect box = fz_bound_page(context, &adding->loaded->super);
    if (!(area(box) > 0)) {
        fz_throw(context, FZ_ERROR_GENERIC, "the page has no size");
    }
    adding->grid->box = box;
    adding->to_points = fz_concat(
        fz_scale((box.x1 - box.x0) / (float)adding->page->width, (box.y1 - box.y0) / (float)adding->page->height),
        fz_translate(box.x0, box.y0));
    fz_stext_options options = {0};
    adding->shown = fz_new_stext_page_from_page(context, &adding->loaded->super, &options);
    mark_page(adding->grid, adding->shown);
}

/* The text as a content stream, compressed; empty if nothing is to be added. */
static int compose(struct pdf *pdf, struct adding *adding) {
    fz_rect box;
    fz_matrix page;
    pdf_page_transform(pdf->context, adding->loaded, &box, &page);
    fz_matrix place = fz_concat(adding->to_points, fz_invert_matrix(page));
    const struct layer layer = {
        .letters = &pdf->writing->letters,
        .font = FONT_NAME,
        .placing = {(double)place.a, (double)place.b, (double)place.c, (double)place.d, (double)place.e,
                    (double)place.f},
        .shown = is_believed(adding) ? is_shown : NULL,
        .context = adding,
    };
    layer_add(&layer, adding->page, &adding->text);
    return adding->text.length > 0 ? flate_all(adding->text.data, adding->text.length, &adding->packed) : 0;
}

/* Adding it */

static void step_font(struct pdf *pdf, void *argument) {
    struct pdf_writing *writing = pdf->writing;
    (void)argument;
    for (int i = 0; i < LETTERS_OBJECTS; i++) {
        writing->objects[i] = pdf_create_object(pdf->context, pdf->file);
    }
    writing->font = pdf_new_indirect(pdf->context, pdf->file, writing->objects[0], 0);
}

/* Fonts of the page's resources, wherever they are written; made where there are none. */
static pdf_obj *fonts_of(fz_context *context, pdf_obj *page) {
    pdf_obj *resources = pdf_dict_get_inheritable(context, page, PDF_NAME(Resources));
    if (!pdf_is_dict(context, resources)) {
        resources = pdf_dict_put_dict(context, page, PDF_NAME(Resources), 1);
    }
    pdf_obj *fonts = pdf_dict_get(context, resources, PDF_NAME(Font));
    return pdf_is_dict(context, fonts) ? fonts : pdf_dict_put_dict(context, resources, PDF_NAME(Font), 1);
}

/* What the page draws, behind the new stream. */
static void put_before(fz_context *context, pdf_obj *page, struct adding *adding) {
    pdf_obj *old = pdf_dict_get(context, page, PDF_NAME(Contents));
    bool list = pdf_is_array(context, old);
    int count = list ? pdf_array_len(context, old) : 0;
    adding->contents = pdf_new_array(context, pdf_get_bound_document(context, page), count + 2);
    pdf_array_push(context, adding->contents, adding->reference);
    for (int i = 0; i < count; i++) {
        pdf_array_push(context, adding->contents, pdf_array_get(context, old, i));
    }
    if (!list && old) {
        pdf_array_push(context, adding->contents, old);
    }
    pdf_dict_put(context, page, PDF_NAME(Contents), adding->contents);
}

static void step_add(struct pdf *pdf, void *argument) {
    struct adding *adding = argument;
    fz_context *context = pdf->context;
    pdf_obj *page = adding->loaded->obj, *stream;
    adding->stream =
        fz_new_buffer_from_copied_data(context, (unsigned char *)adding->packed.data, adding->packed.length);
    adding->reference = pdf_add_object_drop(context, pdf->file, pdf_new_dict(context, pdf->file, 2));
    stream = pdf_resolve_indirect(context, adding->reference);
    pdf_dict_put(context, stream, PDF_NAME(Filter), PDF_NAME(FlateDecode));
    pdf_update_stream(context, pdf->file, adding->reference, adding->stream, 1);
    put_before(context, page, adding);
    pdf_dict_puts(context, fonts_of(context, page), FONT_NAME, pdf->writing->font);
}

static void drop_adding(struct pdf *pdf, struct adding *adding) {
    fz_context *context = pdf->context;
    fz_drop_stext_page(context, adding->shown);
    fz_drop_buffer(context, adding->stream);
    pdf_drop_obj(context, adding->contents);
    pdf_drop_obj(context, adding->reference);
    if (adding->loaded) {
        fz_drop_page(context, &adding->loaded->super);
    }
    fz_empty_store(context);
    buffer_done(&adding->text);
    buffer_done(&adding->packed);
    free(adding->grid);
}

int pdf_write_page(struct document *document, const struct page *page, struct notes *notes) {
    struct pdf *pdf = (struct pdf *)document;
    struct adding adding = {.page = page, .grid = alloc(1, sizeof(*adding.grid))};
    pdf->notes = NULL; /* what is wrong with a page was told when it was drawn */
    int result = attempt(pdf, step_look, &adding);
    if (result == ERR_CORRUPT) { /* it was read all the same: it stays as it is */
        notes_add(notes, "page %u has got no text: %s", page->number, error_detail());
        drop_adding(pdf, &adding);
        return 0;
    }
    result = result ? result : compose(pdf, &adding);
    if (result == 0 && adding.packed.length > 0) {
        result = pdf->writing->font ? 0 : attempt(pdf, step_font, NULL);
        result = result ? result : attempt(pdf, step_add, &adding);
    }
    drop_adding(pdf, &adding);
    return result;
}

/* Beginning and end */

int pdf_write_begin(struct document *document, int fd, struct notes *notes) {
    struct pdf *pdf = (struct pdf *)document;
    (void)notes;
    pdf->writing = alloc(1, sizeof(*pdf->writing));
    pdf->writing->fd = fd;
    return 0;
}

/* An object of the font: what it is made of, and its number. */
struct part {
    struct buffer dictionary, stream, packed;
    int number;
    fz_stream *source;
    fz_buffer *buffer;
    pdf_obj *object, *reference;
    pdf_lexbuf words;
};

static void step_font_object(struct pdf *pdf, void *argument) {
    struct part *part = argument;
    fz_context *context = pdf->context;
    pdf_lexbuf_init(context, &part->words, PDF_LEXBUF_SMALL);
    part->source = fz_open_memory(context, (const unsigned char *)part->dictionary.data, part->dictionary.length);
    part->object = pdf_parse_stm_obj(context, pdf->file, part->source, &part->words);
    pdf_update_object(context, pdf->file, part->number, part->object);
    if (part->packed.length > 0) {
        part->buffer = fz_new_buffer_from_copied_data(context, (unsigned char *)part->packed.data, part->packed.length);
        part->reference = pdf_new_indirect(context, pdf->file, part->number, 0);
        pdf_update_stream(context, pdf->file, part->reference, part->buffer, 1);
    }
}

static int write_font_object(struct pdf *pdf, int which) {
    struct part part = {.number = pdf->writing->objects[which]};
    buffer_add_string(&part.dictionary, "<<");
    letters_object(&pdf->writing->letters, which, pdf->writing->objects, &part.dictionary, &part.stream);
    int result = part.stream.length > 0 ? flate_all(part.stream.data, part.stream.length, &part.packed) : 0;
    buffer_add_string(&part.dictionary, part.stream.length > 0 ? "/Filter/FlateDecode>>" : ">>");
    result = result ? result : attempt(pdf, step_font_object, &part);
    pdf_lexbuf_fin(pdf->context, &part.words);
    fz_drop_stream(pdf->context, part.source);
    fz_drop_buffer(pdf->context, part.buffer);
    pdf_drop_obj(pdf->context, part.object);
    pdf_drop_obj(pdf->context, part.reference);
    buffer_done(&part.dictionary);
    buffer_done(&part.stream);
    buffer_done(&part.packed);
    return result;
}

static void put_bytes(fz_context *context, void *state, const void *bytes, size_t length) {
    struct pdf_writing *writing = state;
    writing->error = file_write(writing->fd, bytes, length);
    if (writing->error != 0) {
        fz_throw(context, FZ_ERROR_GENERIC, "%s", error_detail());
    }
    writing->place += length;
}

static int64_t tell_place(fz_context *context, void *state) {
    (void)context;
    return (int64_t)((struct pdf_writing *)state)->place;
}

/* MuPDF only ever goes to the end, where it is. */
static void go_to_end(fz_context *context, void *state, int64_t offset, int whence) {
    (void)context, (void)state, (void)offset, (void)whence;
}

static void cut_here(fz_context *context, void *state) { (void)context, (void)state; }

/* It wants to see that the old file is there: these are the bytes that were copied. */
static fz_stream *show_old(fz_context *context, void *state) {
    const struct bytes *old = &((struct pdf_writing *)state)->old;
    return fz_open_memory(context, old->start, old->length);
}

static void step_save(struct pdf *pdf, void *argument) {
    fz_context *context = pdf->context;
    pdf_write_options options = pdf_default_write_options;
    options.do_incremental = pdf->writing->place > 0;
    options.do_garbage = !options.do_incremental;
    fz_output *output = fz_new_output(context, 1 << 16, pdf->writing, put_bytes, NULL, NULL);
    output->seek = go_to_end;
    output->tell = tell_place;
    output->truncate = cut_here;
    output->as_stream = show_old;
    fz_try(context) {
        pdf_write_document(context, pdf->file, output, &options);
        fz_close_output(context, output);
    }
    fz_always(context) { fz_drop_output(context, output); }
    fz_catch(context) { fz_rethrow(context); }
    (void)argument;
}

static void step_signatures(struct pdf *pdf, void *argument) {
    *(int *)argument = pdf_count_signatures(pdf->context, pdf->file);
}

/* Whether the old file can stay as it is: MuPDF counts from its first byte, and repairs break the chain of updates. */
static bool can_stay(const struct pdf *pdf) {
    return !pdf_was_repaired(pdf->context, pdf->file) && memcmp(pdf->bytes.start, "%PDF-", 5) == 0;
}

static int copy_old(const struct pdf *pdf) {
    pdf->writing->place = pdf->bytes.length;
    pdf->writing->old = pdf->bytes;
    return file_write(pdf->writing->fd, pdf->bytes.start, pdf->bytes.length);
}

int pdf_write_end(struct document *document, struct notes *notes) {
    struct pdf *pdf = (struct pdf *)document;
    struct pdf_writing *writing = pdf->writing;
    int signatures = 0, result = 0;
    if (!writing->font) { /* nothing was added */
        return copy_old(pdf);
    }
    for (int i = 0; i < LETTERS_OBJECTS && result == 0; i++) {
        result = write_font_object(pdf, i);
    }
    if (result == 0 && attempt(pdf, step_signatures, &signatures) == 0 && signatures > 0) {
        notes_add(notes, "it was signed: its signatures do not vouch for the text that was added");
    }
    result = result || !can_stay(pdf) ? result : copy_old(pdf);
    result = result ? result : attempt(pdf, step_save, NULL);
    return writing->error ? fail(writing->error, "%s", error_detail()) : result;
}

void pdf_write_drop(struct pdf *pdf) {
    if (pdf->writing) {
        pdf_drop_obj(pdf->context, pdf->writing->font);
        free(pdf->writing);
    }
}
