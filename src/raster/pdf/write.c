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
#include "raster/confine.h"
#include "raster/flate.h"
#include "raster/layer.h"
#include "raster/pdf/inside.h"
#include "raster/pdf/own.h"

struct pdf_writing {
    int fd;
    struct letters letters;
    pdf_obj *font[LETTERS_FONTS]; /* references to them; NULL: no page has such text yet */
    int objects[LETTERS_OBJECTS]; /* numbers; 0: it is not needed yet */
    pdf_obj *end;                 /* reference to a stream that ends what hide() begins; NULL: no page needs it yet */
    uint64_t place;               /* in the file that is written */
    struct bytes old;             /* what it begins with */
    int error;                    /* of writing */
};

/*
 * Around what a page draws where its own text is wrong: to whoever searches or copies text, all of that says nothing
 * (ISO 32000-1, 14.9.4). It is drawn as before.
 */
#define SAYS_NOTHING "/Span<</ActualText()>>BDC\n"
#define END_OF_THAT "\nEMC"

/* A page that gets text. */
struct adding {
    const struct page *page;
    pdf_page *loaded;
    struct own_text *own;
    bool replaced; /* the text that it has is wrong */
    fz_buffer *stream;
    pdf_obj *contents, *reference;
    struct buffer text, packed;
    unsigned fonts; /* of the text */
};

static bool is_shown(void *context, const struct line *line, const struct word *word) {
    return own_text_is_at(context, line, word);
}

/* Opening a page, and what it shows */

/* Whether names of the series are those of other fonts here: of an earlier run, which its text on any page means. */
static bool is_taken(struct pdf *pdf, pdf_obj *fonts) {
    bool taken = false;
    for (int i = 0; i < LETTERS_FONTS; i++) {
        char name[LETTERS_NAME];
        letters_name(&pdf->writing->letters, (enum letters_font)i, name);
        pdf_obj *font = pdf_dict_gets(pdf->context, fonts, name);
        taken = taken || (font && (!pdf->writing->font[i] || pdf_objcmp(pdf->context, font, pdf->writing->font[i])));
    }
    return taken;
}

/* Names for the fonts that the page, or others that share its resources, have not given away. */
static void name_fonts(struct pdf *pdf, pdf_obj *page) {
    pdf_obj *resources = pdf_dict_get_inheritable(pdf->context, page, PDF_NAME(Resources));
    pdf_obj *fonts = pdf_dict_get(pdf->context, resources, PDF_NAME(Font));
    pdf->writing->letters.series = 0;
    while (is_taken(pdf, fonts)) {
        pdf->writing->letters.series++;
    }
}

static void step_look(struct pdf *pdf, void *argument) {
    struct adding *adding = argument;
    fz_context *context = pdf->context;
    adding->loaded = pdf_load_page(context, pdf->file, (int)adding->page->number - 1);
    const fz_rect box = fz_bound_page(context, &adding->loaded->super);
    if (!(area(box) > 0)) {
        fz_throw(context, FZ_ERROR_GENERIC, "the page has no size");
    }
    adding->own->box = box;
    adding->own->to_points = fz_concat(
        fz_scale((box.x1 - box.x0) / (float)adding->page->width, (box.y1 - box.y0) / (float)adding->page->height),
        fz_translate(box.x0, box.y0));
    own_text_look(context, adding->own, adding->loaded);
    name_fonts(pdf, adding->loaded->obj);
}

/* The text as a content stream, compressed; empty if nothing is to be added. */
static int compose(struct pdf *pdf, struct adding *adding) {
    fz_rect box;
    fz_matrix page;
    pdf_page_transform(pdf->context, adding->loaded, &box, &page);
    fz_matrix place = fz_concat(adding->own->to_points, fz_invert_matrix(page));
    adding->replaced = own_text_is_wrong(adding->own, adding->page);
    const struct layer layer = {
        .letters = &pdf->writing->letters,
        .placing = {(double)place.a, (double)place.b, (double)place.c, (double)place.d, (double)place.e,
                    (double)place.f},
        .shown = adding->replaced ? NULL : is_shown,
        .context = adding->own,
    };
    confine_lend(true);
    adding->fonts = layer_add(&layer, adding->page, &adding->text);
    confine_lend(false);
    if (adding->replaced && adding->text.length > 0) {
        buffer_add_string(&adding->text, SAYS_NOTHING);
    }
    if (heap_use().missing > 0) {
        return fail(ERR_NO_MEMORY, "laying out the text of page %u takes more than was granted", adding->page->number);
    }
    return adding->text.length > 0 ? flate_all(adding->text.data, adding->text.length, &adding->packed) : 0;
}

/* Adding it */

/* Numbers for those objects of the fonts that are needed by now, and have none. */
static void step_fonts(struct pdf *pdf, void *argument) {
    struct pdf_writing *writing = pdf->writing;
    (void)argument;
    for (int i = 0; i < LETTERS_OBJECTS; i++) {
        if (writing->objects[i] > 0 || !letters_needs(&writing->letters, i)) {
            continue;
        }
        writing->objects[i] = pdf_create_object(pdf->context, pdf->file);
        if (i < LETTERS_FONTS) {
            writing->font[i] = pdf_new_indirect(pdf->context, pdf->file, writing->objects[i], 0);
        }
    }
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
static void put_before(struct pdf *pdf, pdf_obj *page, struct adding *adding) {
    fz_context *context = pdf->context;
    pdf_obj *old = pdf_dict_get(context, page, PDF_NAME(Contents));
    bool list = pdf_is_array(context, old);
    int count = list ? pdf_array_len(context, old) : 0;
    adding->contents = pdf_new_array(context, pdf_get_bound_document(context, page), count + 3);
    pdf_array_push(context, adding->contents, adding->reference);
    for (int i = 0; i < count; i++) {
        pdf_array_push(context, adding->contents, pdf_array_get(context, old, i));
    }
    if (!list && old) {
        pdf_array_push(context, adding->contents, old);
    }
    if (adding->replaced) {
        pdf_array_push(context, adding->contents, pdf->writing->end);
    }
    pdf_dict_put(context, page, PDF_NAME(Contents), adding->contents);
}

/* A new stream; *reference, which the caller drops, is to it. */
static void add_stream(struct pdf *pdf, struct adding *adding, const void *bytes, size_t length, pdf_obj **reference) {
    fz_context *context = pdf->context;
    fz_drop_buffer(context, adding->stream);
    adding->stream = NULL;
    adding->stream = fz_new_buffer_from_copied_data(context, bytes, length);
    *reference = pdf_add_object_drop(context, pdf->file, pdf_new_dict(context, pdf->file, 2));
    pdf_update_stream(context, pdf->file, *reference, adding->stream, 0);
}

static void step_add(struct pdf *pdf, void *argument) {
    struct adding *adding = argument;
    fz_context *context = pdf->context;
    pdf_obj *page = adding->loaded->obj;
    if (adding->replaced && !pdf->writing->end) {
        add_stream(pdf, adding, END_OF_THAT, strlen(END_OF_THAT), &pdf->writing->end);
    }
    add_stream(pdf, adding, adding->packed.data, adding->packed.length, &adding->reference);
    pdf_dict_put(context, pdf_resolve_indirect(context, adding->reference), PDF_NAME(Filter), PDF_NAME(FlateDecode));
    put_before(pdf, page, adding);
    for (int i = 0; i < LETTERS_FONTS; i++) {
        char name[LETTERS_NAME];
        letters_name(&pdf->writing->letters, (enum letters_font)i, name);
        if (adding->fonts & 1U << i) {
            pdf_dict_puts(context, fonts_of(context, page), name, pdf->writing->font[i]);
        }
    }
}

static void drop_adding(struct pdf *pdf, struct adding *adding) {
    fz_context *context = pdf->context;
    own_text_done(context, adding->own);
    fz_drop_buffer(context, adding->stream);
    pdf_drop_obj(context, adding->contents);
    pdf_drop_obj(context, adding->reference);
    if (adding->loaded) {
        fz_drop_page(context, &adding->loaded->super);
    }
    fz_empty_store(context);
    buffer_done(&adding->text);
    buffer_done(&adding->packed);
    free(adding->own);
}

int pdf_write_page(struct document *document, const struct page *page, struct notes *notes) {
    struct pdf *pdf = (struct pdf *)document;
    struct adding adding = {.page = page, .own = alloc(1, sizeof(*adding.own))};
    pdf->notes = NULL; /* what is wrong with a page was told when it was drawn */
    int result = attempt(pdf, step_look, &adding);
    if (result == ERR_CORRUPT) { /* it was read all the same: it stays as it is */
        notes_add(notes, "page %u has got no text: %s", page->number, error_detail());
        drop_adding(pdf, &adding);
        return 0;
    }
    result = result ? result : compose(pdf, &adding);
    if (result == 0 && adding.packed.length > 0) {
        result = attempt(pdf, step_fonts, NULL);
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
    bool added = false;
    for (int i = 0; i < LETTERS_OBJECTS && result == 0; i++) {
        result = writing->objects[i] > 0 ? write_font_object(pdf, i) : 0;
        added = added || writing->objects[i] > 0;
    }
    if (result == 0 && !added && can_stay(pdf)) {
        return copy_old(pdf);
    }
    if (result == 0 && added && attempt(pdf, step_signatures, &signatures) == 0 && signatures > 0) {
        notes_add(notes, "it was signed: its signatures do not vouch for the text that was added");
    }
    result = result || !can_stay(pdf) ? result : copy_old(pdf);
    result = result ? result : attempt(pdf, step_save, NULL);
    return writing->error ? fail(writing->error, "%s", error_detail()) : result;
}

void pdf_write_drop(struct pdf *pdf) {
    if (pdf->writing) {
        for (int i = 0; i < LETTERS_FONTS; i++) {
            pdf_drop_obj(pdf->context, pdf->writing->font[i]);
        }
        pdf_drop_obj(pdf->context, pdf->writing->end);
        free(pdf->writing);
    }
}
