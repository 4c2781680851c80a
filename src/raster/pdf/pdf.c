/* PDF files, opened and drawn. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/heap.h"
#include "raster/pdf/inside.h"

enum {
    STORE_BYTES = 32 << 20, /* fonts and images kept for the next page */
    HEADER_BYTES = 1024,    /* "%PDF-" stands somewhere in them (PDF 1.7, implementation note 13) */
    MAX_NODES = 1 << 18,    /* of a page tree that is counted by hand */
    MAX_DEPTH = 200,        /* of that tree: MuPDF nests 256 tries */
    WORK_BYTES = 3 << 20,   /* glyphs (1 MiB), outlines, code that is touched for the first time */
};

static const float LEAST_DPI = 72; /* below it print is not read any more; nobody draws less for lack of memory */

/* Ends what an attempt() has caught: the code it means, with MuPDF's words as the detail. */
static int caught(fz_context *context) {
    bool memory = fz_caught(context) == FZ_ERROR_MEMORY;
    return fail(memory ? ERR_NO_MEMORY : ERR_CORRUPT, "%s", fz_caught_message(context));
}

int attempt(struct pdf *pdf, void (*step)(struct pdf *, void *), void *argument) {
    fz_try(pdf->context) { step(pdf, argument); }
    fz_catch(pdf->context) { return caught(pdf->context); }
    return 0;
}

/* Remarks about what no reader can see. */
static const char *const harmless[] = {"freetype could not find any cmaps", "undefined link destination",
                                       "... repeated"};

static void remark(void *user, const char *message) {
    const struct pdf *pdf = user;
    for (size_t i = 0; i < array_length(harmless); i++) {
        if (strncmp(message, harmless[i], strlen(harmless[i])) == 0) {
            return;
        }
    }
    notes_add(pdf->notes, "the decoder says: %s", message);
}

int pdf_new_context(struct pdf *pdf) {
    pdf->context = fz_new_context(NULL, NULL, STORE_BYTES);
    if (!pdf->context) {
        return fail(ERR_NO_MEMORY, "starting MuPDF");
    }
    fz_set_warning_callback(pdf->context, remark, pdf);
    fz_set_error_callback(pdf->context, remark, pdf);
    fz_disable_icc(pdf->context);
    return 0;
}

/* Asked when memory runs short. MuPDF would free by itself what its store can spare, but not always enough of it. */
static void spare(void *user) { fz_shrink_store(((struct pdf *)user)->context, 0); }

static void drop_drawing(struct pdf *pdf) {
    canvas_drop(&pdf->drawing.canvas);
    fz_drop_page(pdf->context, pdf->drawing.page);
    pdf->drawing = (struct drawing){.canvas.fd = -1};
}

static void close_pdf(struct document **document) {
    struct pdf *pdf = (struct pdf *)*document;
    if (pdf) {
        heap_relief(NULL, NULL);
        pdf->notes = NULL;
        if (pdf->context) {
            drop_drawing(pdf);
            pdf_write_drop(pdf);
            pdf_drop_document(pdf->context, pdf->file);
            fz_drop_context(pdf->context);
        }
        free(pdf);
    }
    *document = NULL;
}

static bool knows_pdf(const unsigned char *bytes, size_t length) {
    return memmem(bytes, length < HEADER_BYTES ? length : HEADER_BYTES, "%PDF-", 5) != NULL;
}

static void step_open(struct pdf *pdf, void *argument) {
    fz_stream *stream = fz_open_memory(pdf->context, pdf->bytes.start, pdf->bytes.length);
    fz_try(pdf->context) { pdf->file = pdf_open_document_with_stream(pdf->context, stream); }
    fz_always(pdf->context) { fz_drop_stream(pdf->context, stream); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
    (void)argument;
}

static void step_password(struct pdf *pdf, void *argument) {
    *(bool *)argument = pdf_needs_password(pdf->context, pdf->file);
}

static int open_file(struct pdf *pdf) {
    int result = attempt(pdf, step_open, NULL);
    if (result != 0) {
        /* A security handler that MuPDF does not know (certificates) is a lock too. */
        return strstr(error_detail(), "encryption handler") ? fail(ERR_ENCRYPTED, "%s", error_detail()) : result;
    }
    bool locked = false;
    result = attempt(pdf, step_password, &locked);
    return result == 0 && locked ? fail(ERR_ENCRYPTED, "%s", "") : result;
}

/* The count as the file says it, and whether the last page is where it says. */
static void step_stated_count(struct pdf *pdf, void *argument) {
    int count = pdf_count_pages(pdf->context, pdf->file);
    if (count > 0) {
        pdf_lookup_page_obj(pdf->context, pdf->file, count - 1);
    }
    *(int *)argument = count;
}

struct walk {
    uint32_t leaves, limit, nodes, depth;
};

static void count_leaves(struct pdf *pdf, pdf_obj *node, struct walk *walk);

static void count_kids(struct pdf *pdf, pdf_obj *kids, struct walk *walk) {
    int count = pdf_array_len(pdf->context, kids);
    for (int i = 0; i < count && walk->leaves < walk->limit && walk->nodes < MAX_NODES; i++) {
        count_leaves(pdf, pdf_array_get(pdf->context, kids, i), walk);
    }
}

/* Counts the pages below node, each branch once on its own path, so that circles end. */
static void count_leaves(struct pdf *pdf, pdf_obj *node, struct walk *walk) {
    pdf_obj *kids = pdf_dict_get(pdf->context, node, PDF_NAME(Kids));
    walk->nodes++;
    if (!pdf_is_array(pdf->context, kids)) {
        walk->leaves += pdf_is_dict(pdf->context, node) ? 1 : 0;
    } else if (walk->depth < MAX_DEPTH && !pdf_mark_obj(pdf->context, node)) {
        walk->depth++;
        fz_try(pdf->context) { count_kids(pdf, kids, walk); }
        fz_always(pdf->context) { pdf_unmark_obj(pdf->context, node); }
        fz_catch(pdf->context) { fz_rethrow(pdf->context); }
        walk->depth--;
    }
}

static void step_walk(struct pdf *pdf, void *argument) {
    count_leaves(pdf, pdf_dict_getp(pdf->context, pdf_trailer(pdf->context, pdf->file), "Root/Pages"), argument);
}

/*
 * The number of pages. What the file states is believed when its last page is there and the limit allows it; else the
 * page tree is walked, no further than the limit.
 */
static int count_pages(struct pdf *pdf, struct notes *notes) {
    int stated = 0;
    uint32_t limit = pdf->limits.max_pages ? pdf->limits.max_pages : UINT32_MAX - 1;
    int result = attempt(pdf, step_stated_count, &stated);
    if (result == 0 && stated > 0 && (uint32_t)stated <= limit) {
        pdf->document.pages = (uint32_t)stated;
        return 0;
    }
    struct walk walk = {.limit = limit + 1};
    result = attempt(pdf, step_walk, &walk);
    if (walk.leaves > limit || walk.nodes >= MAX_NODES) {
        return fail(ERR_TOO_MANY_PAGES, "it says %d, the limit is %u", stated, limit);
    }
    if (walk.leaves == 0) {
        bool damaged = result != 0 || pdf_was_repaired(pdf->context, pdf->file);
        return damaged ? fail(ERR_CORRUPT, "no page can be found in it") : fail(ERR_NO_PAGES, "%s", "");
    }
    notes_add(notes, "the list of pages is damaged: %u found", walk.leaves);
    pdf->document.pages = walk.leaves;
    return 0;
}

/* What MuPDF said while the file was opened: one sentence if it repaired it, its own words otherwise. */
static void tell(const struct pdf *pdf, const struct notes *heard, struct notes *notes) {
    if (pdf_was_repaired(pdf->context, pdf->file)) {
        notes_add(notes, "the file is damaged and was repaired%s%s", heard->count > 0 ? ": " : "",
                  heard->count > 0 ? heard->text[0] : "");
        return;
    }
    for (size_t i = 0; i < heard->count; i++) {
        notes_add(notes, "%s", heard->text[i]);
    }
}

static int open_pdf(const unsigned char *bytes, size_t length, const struct limits *limits, struct notes *notes,
                    struct document **ret) {
    struct notes heard cleanup(notes_done) = {0};
    struct pdf *pdf = alloc(1, sizeof(*pdf));
    struct document *document cleanup(close_pdf) = &pdf->document;
    *pdf = (struct pdf){.document.format = "pdf",
                        .limits = *limits,
                        .bytes = {bytes, length},
                        .notes = &heard,
                        .drawing.canvas.fd = -1};
    int result = pdf_new_context(pdf);
    if (result == 0) {
        heap_relief(spare, pdf);
        result = open_file(pdf);
    }
    if (result == 0) {
        result = count_pages(pdf, notes);
    }
    pdf->notes = NULL;
    if (result == 0) {
        tell(pdf, &heard, notes);
        *ret = take(document);
    }
    return result;
}

static void step_load(struct pdf *pdf, void *argument) {
    pdf->drawing.page = fz_load_page(pdf->context, &pdf->file->super, (int)*(uint32_t *)argument - 1);
    pdf->drawing.box = fz_bound_page(pdf->context, pdf->drawing.page);
}

void pdf_run_drawing(struct pdf *pdf, fz_device *device) {
    struct drawing *drawing = &pdf->drawing;
    fz_try(pdf->context) {
        fz_run_page(pdf->context, drawing->page, device, drawing->place, &drawing->cookie);
        fz_close_device(pdf->context, device);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, device); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

/* Chooses resolution and size, and where the page's points go. ERR_CORRUPT if the page has no size. */
static int lay_out(struct pdf *pdf) {
    const struct layout *layout = &pdf->look.layout;
    const fz_rect *box = &pdf->drawing.box;
    if (!(area(*box) > 0) || !isfinite(area(*box))) {
        return fail(ERR_CORRUPT, "the page has no size");
    }
    struct bitmap *shape = &pdf->drawing.shape;
    float wanted = pdf->limits.dpi > 0 ? pdf->limits.dpi : layout_dpi(layout);
    float least = fminf(wanted, LEAST_DPI), smaller = fmaxf(least, wanted / (float)pdf->drawing.shrink);
    float dpi = layout_fit(layout, smaller, pdf->limits.max_pixels, &shape->width, &shape->height);
    if (smaller < wanted) {
        notes_add(pdf->notes, "drawn at %.3g dpi instead of %.3g, to fit the memory: small text may be lost",
                  (double)dpi, (double)wanted);
    } else if (dpi < wanted) {
        notes_add(pdf->notes, "drawn at %.3g dpi instead of %.3g: the page is very large", (double)dpi, (double)wanted);
    }
    pdf->drawing.place = fz_concat(fz_translate(-box->x0, -box->y0), fz_scale(dpi / 72, dpi / 72));
    shape->channels = pdf->look.colour ? 3 : 1;
    shape->dpi = dpi;
    return 0;
}

/* Loads a page, looks at it unless that was done before, and lays it out. */
static int prepare(struct pdf *pdf, uint32_t number, struct notes *notes) {
    uint32_t shrink = pdf->document.shrink > 1 ? pdf->document.shrink : 1;
    pdf->notes = notes;
    if (pdf->drawing.number == number && pdf->drawing.shrink == shrink) {
        return 0;
    }
    drop_drawing(pdf);
    pdf->drawing.shrink = shrink;
    pdf->drawing.place = fz_identity;
    int result = attempt(pdf, step_load, &number);
    if (result == 0 && pdf->look.number != number) {
        const fz_rect *box = &pdf->drawing.box;
        pdf->look = (struct look){.layout = {.width = box->x1 - box->x0, .height = box->y1 - box->y0}};
        pdf_look_at(pdf);
        pdf->look.number = heap_use().missing > 0 ? 0 : number; /* what was seen without memory is not to be trusted */
    }
    if (result == 0) {
        result = lay_out(pdf);
    }
    if (result == 0) {
        pdf->drawing.number = number;
    }
    return result;
}

/* Bytes for the largest picture: decoded, at the power of two that MuPDF reduces it by; scaled; in other colours. */
static float picture_bytes(const struct largest *largest, float dpi) {
    float across = largest->across * dpi / 72, down = largest->down * dpi / 72;
    float width = largest->width, height = largest->height;
    while (width / 2 >= across + 2 && height / 2 >= down + 2) {
        width /= 2;
        height /= 2;
    }
    float scaled = fminf(across, largest->width) * fminf(down, largest->height);
    return width * height * largest->samples + scaled * (largest->samples + 4);
}

static size_t need_of(const struct pdf *pdf) {
    const struct bitmap *shape = &pdf->drawing.shape;
    const struct look *look = &pdf->look;
    double pixels = (double)shape->width * shape->height, scale = (double)shape->dpi / 72;
    double nest = (double)look->nest.most * scale * scale, held = (double)look->held;
    if (look->cut) {
        nest = fmax(nest, 8 * pixels); /* two groups */
        held *= 2;
    }
    double work = fmax(held + (double)picture_bytes(&look->largest, shape->dpi), (double)look->peak);
    double need = pixels * shape->channels + nest + work + WORK_BYTES + (double)pdf->excess;
    return need < (double)(SIZE_MAX / 2) ? (size_t)need : SIZE_MAX / 2;
}

static int need_of_pdf(struct document *document, uint32_t number, struct notes *notes, size_t *ret) {
    struct pdf *pdf = (struct pdf *)document;
    int result = prepare(pdf, number, notes);
    pdf->notes = NULL;
    if (result == 0) {
        *ret = need_of(pdf);
    }
    return result;
}

fz_pixmap *white_pixmap(fz_context *context, struct canvas *canvas) {
    const struct bitmap *bitmap = &canvas->bitmap;
    fz_colorspace *space = bitmap->channels == 1 ? fz_device_gray(context) : fz_device_rgb(context);
    memset(canvas->pixels, 255, canvas->bytes);
    return fz_new_pixmap_with_data(context, space, (int)bitmap->width, (int)bitmap->height, NULL, 0,
                                   (int)(bitmap->width * bitmap->channels), canvas->pixels);
}

static void step_draw(struct pdf *pdf, void *argument) {
    fz_pixmap *pixmap = white_pixmap(pdf->context, &pdf->drawing.canvas);
    fz_try(pdf->context) { pdf_run_drawing(pdf, fz_new_draw_device(pdf->context, fz_identity, pixmap)); }
    fz_always(pdf->context) { fz_drop_pixmap(pdf->context, pixmap); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
    (void)argument;
}

/* What was drawn before a failure is worth reading. */
static void draw(struct pdf *pdf) {
    int result = attempt(pdf, step_draw, NULL);
    if (result != 0) {
        notes_add(pdf->notes, "a part of the page could not be drawn: %s", error_detail());
    } else if (pdf->drawing.cookie.errors > 0) {
        notes_add(pdf->notes, "a part of the page is damaged and could not be drawn");
    }
}

static int make_page(struct pdf *pdf, struct bitmap *ret_bitmap, int *ret_fd) {
    struct drawing *drawing = &pdf->drawing;
    const struct bitmap *shape = &drawing->shape;
    int result = canvas_new(shape->width, shape->height, shape->channels, 1, &drawing->canvas);
    if (result == 0) {
        draw(pdf);
        drawing->canvas.bitmap.dpi = shape->dpi;
        result = canvas_finish(&drawing->canvas, ret_bitmap, ret_fd);
    }
    return result;
}

/* What it took beyond what was told is told of the next pages. */
static void learn(struct pdf *pdf) {
    struct heap_use use = heap_use();
    size_t told = need_of(pdf), took = use.missing > use.peak ? use.missing : use.peak;
    pdf->excess += took > told ? took - told : 0;
}

static int page_of_pdf(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                       int *ret_fd) {
    struct pdf *pdf = (struct pdf *)document;
    int result = prepare(pdf, number, notes);
    if (result == 0) {
        result = make_page(pdf, ret_bitmap, ret_fd);
        learn(pdf);
    }
    fz_flush_warnings(pdf->context);
    pdf->notes = NULL;
    drop_drawing(pdf);
    return result;
}

static void rest_of_pdf(struct document *document) {
    struct pdf *pdf = (struct pdf *)document;
    drop_drawing(pdf);
    fz_empty_store(pdf->context);
    fz_purge_glyph_cache(pdf->context);
    pdf_clear_xref(pdf->context, pdf->file);
}

const struct document_kind pdf_kind = {
    .bytes_per_pixel = 8, /* the bitmap 3, a group that is blended or a picture 4 */
    .knows = knows_pdf,
    .open = open_pdf,
    .need = need_of_pdf,
    .page = page_of_pdf,
    .rest = rest_of_pdf,
    .write_begin = pdf_write_begin,
    .write_page = pdf_write_page,
    .write_end = pdf_write_end,
    .close = close_pdf,
};
