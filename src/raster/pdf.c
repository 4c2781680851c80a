/*
 * PDF files, drawn by MuPDF, whose only home this is. No JavaScript, no fonts of the system, no ICC profiles; nothing a
 * document refers to is opened: all that MuPDF ever reads is the bytes it is given.
 *
 * MuPDF throws by longjmp. Each of its calls stands in a step_... function, run by attempt(); a step keeps no variable
 * of its own across a throw.
 */
#include "raster/pdf.h"

#include <math.h>
#include <mupdf/fitz.h>
#include <mupdf/pdf.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "base/error.h"
#include "base/memory.h"
#include "raster/canvas.h"
#include "raster/kind.h"

/* When the asker leaves the resolution to us (docs/performance.md); and the pixels of a page of Letter or A4 then. */
#define DEFAULT_DPI 150.0F
#define DEFAULT_PIXELS (DEFAULT_DPI * DEFAULT_DPI * 93)

enum {
    STORE_BYTES = 32 << 20,  /* fonts and images kept for the next page */
    HEADER_BYTES = 1024,     /* "%PDF-" stands somewhere in them (PDF 1.7, implementation note 13) */
    MAX_SIDE = 1 << 20,      /* of a bitmap (document/bitmap.h) */
    MAX_NODES = 1 << 18,     /* of a page tree that is counted by hand */
    MAX_DEPTH = 200,         /* of that tree: MuPDF nests 256 tries */
    LOOK_MILLISECONDS = 150, /* to find out what a page is made of, before it is drawn */
};

struct pdf {
    struct document document;
    struct limits limits;
    fz_context *context;
    pdf_document *file;
    struct notes *notes; /* where MuPDF's remarks go now; NULL: nowhere */
};

/* Ends what an attempt() has caught: the code it means, with MuPDF's words as the detail. */
static int caught(fz_context *context) {
    bool memory = fz_caught(context) == FZ_ERROR_MEMORY;
    return fail(memory ? ERR_NO_MEMORY : ERR_CORRUPT, "%s", fz_caught_message(context));
}

static int attempt(struct pdf *pdf, void (*step)(struct pdf *, void *), void *argument) {
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

/* MuPDF with nothing open. ERR_NO_MEMORY. */
static int new_context(struct pdf *pdf) {
    pdf->context = fz_new_context(NULL, NULL, STORE_BYTES);
    if (!pdf->context) {
        return fail(ERR_NO_MEMORY, "starting MuPDF");
    }
    fz_set_warning_callback(pdf->context, remark, pdf);
    fz_set_error_callback(pdf->context, remark, pdf);
    fz_disable_icc(pdf->context);
    return 0;
}

static void close_pdf(struct document **document) {
    struct pdf *pdf = (struct pdf *)*document;
    if (pdf) {
        pdf->notes = NULL;
        if (pdf->context) {
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

struct bytes {
    const unsigned char *start;
    size_t length;
};

static void step_open(struct pdf *pdf, void *argument) {
    const struct bytes *bytes = argument;
    fz_stream *stream = fz_open_memory(pdf->context, bytes->start, bytes->length);
    fz_try(pdf->context) { pdf->file = pdf_open_document_with_stream(pdf->context, stream); }
    fz_always(pdf->context) { fz_drop_stream(pdf->context, stream); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static void step_password(struct pdf *pdf, void *argument) {
    *(bool *)argument = pdf_needs_password(pdf->context, pdf->file);
}

static int open_file(struct pdf *pdf, struct bytes *bytes) {
    int result = attempt(pdf, step_open, bytes);
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
    *pdf = (struct pdf){.document.format = "pdf", .limits = *limits, .notes = &heard};
    int result = new_context(pdf);
    if (result == 0) {
        result = open_file(pdf, &(struct bytes){bytes, length});
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

/* A page being drawn. */
struct drawing {
    uint32_t number;
    fz_page *page;
    fz_rect box;     /* in points, as it is seen: CropBox, /Rotate and UserUnit applied */
    fz_matrix place; /* points to pixels */
    int colour;      /* MuPDF's test: 0 grey, 1 or 2 coloured */
    float own_dpi;   /* of the finest picture that covers the page; 0: there is none */
    bool more;       /* something else is drawn on it: text, lines, small pictures */
    fz_cookie cookie;
    struct canvas canvas;
};

static void step_load(struct pdf *pdf, void *argument) {
    struct drawing *drawing = argument;
    drawing->page = fz_load_page(pdf->context, &pdf->file->super, (int)drawing->number - 1);
    drawing->box = fz_bound_page(pdf->context, drawing->page);
}

/* Runs the page into a device, which is closed and dropped. */
static void run_page(struct pdf *pdf, struct drawing *drawing, fz_device *device) {
    fz_try(pdf->context) {
        fz_run_page(pdf->context, drawing->page, device, drawing->place, &drawing->cookie);
        fz_close_device(pdf->context, device);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, device); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

/* A device that draws nothing and notes what it sees. */
struct look {
    fz_device super;
    struct drawing *drawing;
};

static float area(fz_rect rect) { return fz_is_empty_rect(rect) ? 0 : (rect.x1 - rect.x0) * (rect.y1 - rect.y0); }

static void see_image(fz_context *context, fz_device *device, fz_image *image, fz_matrix place, float alpha,
                      fz_color_params parameters) {
    struct drawing *drawing = ((struct look *)device)->drawing;
    fz_rect seen = fz_intersect_rect(fz_transform_rect(fz_unit_rect, place), drawing->box);
    float across = hypotf(place.a, place.b), down = hypotf(place.c, place.d);
    if (area(seen) > 0.8F * area(drawing->box) && across > 0 && down > 0) {
        float dpi = 72 * fmaxf((float)image->w / across, (float)image->h / down);
        drawing->own_dpi = fmaxf(drawing->own_dpi, dpi);
    } else {
        drawing->more = true;
    }
    (void)context, (void)alpha, (void)parameters;
}

static void see_mask(fz_context *context, fz_device *device, fz_image *image, fz_matrix place, fz_colorspace *space,
                     const float *colour, float alpha, fz_color_params parameters) {
    see_image(context, device, image, place, alpha, parameters);
    (void)space, (void)colour;
}

static void see_text(fz_context *context, fz_device *device, const fz_text *text, fz_matrix place, fz_colorspace *space,
                     const float *colour, float alpha, fz_color_params parameters) {
    ((struct look *)device)->drawing->more = true;
    (void)context, (void)text, (void)place, (void)space, (void)colour, (void)alpha, (void)parameters;
}

static void see_path(fz_context *context, fz_device *device, const fz_path *path, int even_odd, fz_matrix place,
                     fz_colorspace *space, const float *colour, float alpha, fz_color_params parameters) {
    ((struct look *)device)->drawing->more = true;
    (void)context, (void)path, (void)even_odd, (void)place, (void)space, (void)colour, (void)alpha, (void)parameters;
}

static void step_look(struct pdf *pdf, void *argument) {
    struct drawing *drawing = argument;
    struct look *look = (struct look *)fz_new_device_of_size(pdf->context, sizeof(*look));
    look->super.fill_image = see_image;
    look->super.fill_image_mask = see_mask;
    look->super.fill_text = see_text;
    look->super.fill_path = see_path;
    look->drawing = drawing;
    fz_try(pdf->context) {
        run_page(pdf, drawing, fz_new_test_device(pdf->context, &drawing->colour, 0.02F, 0, &look->super));
        fz_close_device(pdf->context, &look->super);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, &look->super); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static volatile int *late; /* the cookie's abort flag while the clock runs */

static void on_late(int signal_number) {
    (void)signal_number;
    *late = 1;
}

/*
 * Finds out whether the page has colour and whether it is one picture, by running it into a device that draws nothing.
 * Coloured pictures count as colour without a look at their pixels; so does a page that takes long: it is not worth
 * running twice.
 */
static void look_at(struct pdf *pdf, struct drawing *drawing) {
    struct itimerval clock = {.it_value = {.tv_usec = LOOK_MILLISECONDS * 1000L}};
    struct notes *notes = pdf->notes;
    pdf->notes = NULL; /* all remarks come again when it is drawn */
    late = (volatile int *)&drawing->cookie.abort;
    signal(SIGALRM, on_late);
    setitimer(ITIMER_REAL, &clock, NULL);
    attempt(pdf, step_look, drawing);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (drawing->cookie.abort) {
        drawing->colour = 1;
        drawing->more = true;
    }
    drawing->cookie = (fz_cookie){0};
    pdf->notes = notes;
}

/* Size in pixels at a resolution. */
static void measure(const fz_rect *box, float dpi, double *ret_width, double *ret_height) {
    double scale = (double)dpi / 72;
    *ret_width = fmax(1, round((double)(box->x1 - box->x0) * scale));
    *ret_height = fmax(1, round((double)(box->y1 - box->y0) * scale));
}

/* The highest resolution up to dpi at which the page keeps the limits. */
static float fitting_dpi(const struct pdf *pdf, const fz_rect *box, float dpi) {
    double width, height;
    measure(box, dpi, &width, &height);
    while (width * height > (double)pdf->limits.max_pixels || width > MAX_SIDE || height > MAX_SIDE) {
        dpi *= 0.99F;
        measure(box, dpi, &width, &height);
    }
    return dpi;
}

/*
 * The resolution for a page whose asker leaves it to us. Points tell little of a page that is a picture: where they
 * make it smaller than A4 it gets as many pixels as A4; with nothing else on it, never more than the picture has.
 */
static float choose_dpi(const struct drawing *drawing) {
    if (drawing->own_dpi <= 0) {
        return DEFAULT_DPI;
    }
    float dpi = fmaxf(DEFAULT_DPI, 72 * sqrtf(DEFAULT_PIXELS / area(drawing->box)));
    if (dpi > drawing->own_dpi) {
        dpi = drawing->more ? fmaxf(drawing->own_dpi, DEFAULT_DPI) : drawing->own_dpi;
    }
    return dpi;
}

/* Chooses resolution and size, and where the page's points go. ERR_CORRUPT if the page has no size. */
static int lay_out(struct pdf *pdf, struct drawing *drawing, struct bitmap *ret) {
    const fz_rect *box = &drawing->box;
    float wanted = pdf->limits.dpi > 0 ? pdf->limits.dpi : choose_dpi(drawing);
    if (!(area(*box) > 0) || !isfinite(area(*box))) {
        return fail(ERR_CORRUPT, "the page has no size");
    }
    float dpi = fitting_dpi(pdf, box, wanted);
    if (dpi < wanted) {
        notes_add(pdf->notes, "drawn at %.3g dpi instead of %.3g: the page is very large", (double)dpi, (double)wanted);
    }
    double width, height;
    measure(box, dpi, &width, &height);
    drawing->place = fz_concat(fz_translate(-box->x0, -box->y0), fz_scale(dpi / 72, dpi / 72));
    *ret = (struct bitmap){.width = (uint32_t)width, .height = (uint32_t)height, .dpi = dpi};
    return 0;
}

/* A pixmap over the canvas, white all over; the caller drops it. */
static fz_pixmap *white_pixmap(fz_context *context, struct canvas *canvas) {
    const struct bitmap *bitmap = &canvas->bitmap;
    fz_colorspace *space = bitmap->channels == 1 ? fz_device_gray(context) : fz_device_rgb(context);
    memset(canvas->pixels, 255, canvas->bytes);
    return fz_new_pixmap_with_data(context, space, (int)bitmap->width, (int)bitmap->height, NULL, 0,
                                   (int)(bitmap->width * bitmap->channels), canvas->pixels);
}

static void step_draw(struct pdf *pdf, void *argument) {
    struct drawing *drawing = argument;
    fz_pixmap *pixmap = white_pixmap(pdf->context, &drawing->canvas);
    fz_try(pdf->context) { run_page(pdf, drawing, fz_new_draw_device(pdf->context, fz_identity, pixmap)); }
    fz_always(pdf->context) { fz_drop_pixmap(pdf->context, pixmap); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

/* What was drawn before a failure is worth reading. */
static void draw(struct pdf *pdf, struct drawing *drawing) {
    int result = attempt(pdf, step_draw, drawing);
    if (result != 0) {
        notes_add(pdf->notes, "a part of the page could not be drawn: %s", error_detail());
    } else if (drawing->cookie.errors > 0) {
        notes_add(pdf->notes, "a part of the page is damaged and could not be drawn");
    }
}

static int make_page(struct pdf *pdf, struct drawing *drawing, struct bitmap *ret_bitmap, int *ret_fd) {
    struct bitmap shape = {0};
    int result = attempt(pdf, step_load, drawing);
    if (result == 0) {
        look_at(pdf, drawing);
        result = lay_out(pdf, drawing, &shape);
    }
    if (result == 0) {
        result = canvas_new(shape.width, shape.height, drawing->colour ? 3 : 1, 1, &drawing->canvas);
    }
    if (result == 0) {
        draw(pdf, drawing);
        drawing->canvas.bitmap.dpi = shape.dpi;
        result = canvas_finish(&drawing->canvas, ret_bitmap, ret_fd);
    }
    return result;
}

static int page_of_pdf(struct document *document, uint32_t number, struct notes *notes, struct bitmap *ret_bitmap,
                       int *ret_fd) {
    struct pdf *pdf = (struct pdf *)document;
    struct drawing drawing = {.number = number, .place = fz_identity, .canvas.fd = -1};
    pdf->notes = notes;
    int result = make_page(pdf, &drawing, ret_bitmap, ret_fd);
    fz_flush_warnings(pdf->context);
    pdf->notes = NULL;
    canvas_drop(&drawing.canvas);
    fz_drop_page(pdf->context, drawing.page);
    fz_shrink_store(pdf->context, 50);
    return result;
}

const struct document_kind pdf_kind = {
    .bytes_per_pixel = 8, /* the bitmap 3, a group that is blended or a picture 4 */
    .knows = knows_pdf,
    .open = open_pdf,
    .page = page_of_pdf,
    .close = close_pdf,
};

/* A picture being decoded for picture.c. */
struct decoding {
    struct bytes bytes;
    fz_image *image;
    struct canvas canvas;
};

static void step_load_image(struct pdf *pdf, void *argument) {
    struct decoding *decoding = argument;
    fz_buffer *buffer = fz_new_buffer_from_shared_data(pdf->context, decoding->bytes.start, decoding->bytes.length);
    fz_try(pdf->context) { decoding->image = fz_new_image_from_buffer(pdf->context, buffer); }
    fz_always(pdf->context) { fz_drop_buffer(pdf->context, buffer); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static void fill_image(struct pdf *pdf, struct decoding *decoding, fz_device *device) {
    fz_matrix place = fz_scale((float)decoding->image->w, (float)decoding->image->h);
    fz_try(pdf->context) {
        fz_fill_image(pdf->context, device, decoding->image, place, 1, fz_default_color_params);
        fz_close_device(pdf->context, device);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, device); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static void step_draw_image(struct pdf *pdf, void *argument) {
    struct decoding *decoding = argument;
    fz_pixmap *pixmap = white_pixmap(pdf->context, &decoding->canvas);
    fz_try(pdf->context) { fill_image(pdf, decoding, fz_new_draw_device(pdf->context, fz_identity, pixmap)); }
    fz_always(pdf->context) { fz_drop_pixmap(pdf->context, pixmap); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

static int decode_picture(struct pdf *pdf, struct decoding *decoding, uint64_t max_pixels) {
    int result = attempt(pdf, step_load_image, decoding);
    if (result != 0) {
        return result;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): step_load_image() has set it or thrown */
    uint64_t width = (uint64_t)decoding->image->w, height = (uint64_t)decoding->image->h;
    if (width > MAX_SIDE || height > MAX_SIDE || width * height > max_pixels) {
        return fail(ERR_TOO_LARGE, "%llu x %llu pixels, the limit is %llu", (unsigned long long)width,
                    (unsigned long long)height, (unsigned long long)max_pixels);
    }
    uint32_t channels = fz_colorspace_is_gray(pdf->context, decoding->image->colorspace) ? 1 : 3;
    result = canvas_new((uint32_t)width, (uint32_t)height, channels, 1, &decoding->canvas);
    return result == 0 ? attempt(pdf, step_draw_image, decoding) : result;
}

int pdf_decode_picture(const unsigned char *bytes, size_t length, uint64_t max_pixels, struct bitmap *ret_bitmap,
                       int *ret_fd) {
    struct pdf pdf = {0};
    struct decoding decoding = {.bytes = {bytes, length}, .canvas.fd = -1};
    int result = new_context(&pdf);
    if (result == 0) {
        result = decode_picture(&pdf, &decoding, max_pixels);
    }
    if (result == 0) {
        result = canvas_finish(&decoding.canvas, ret_bitmap, ret_fd);
    }
    canvas_drop(&decoding.canvas);
    fz_drop_image(pdf.context, decoding.image);
    fz_drop_context(pdf.context);
    return result;
}
