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
#include "raster/heap.h"
#include "raster/kind.h"
#include "raster/layout.h"

enum {
    STORE_BYTES = 32 << 20,  /* fonts and images kept for the next page */
    HEADER_BYTES = 1024,     /* "%PDF-" stands somewhere in them (PDF 1.7, implementation note 13) */
    MAX_SIDE = 1 << 20,      /* of a bitmap (document/bitmap.h) */
    MAX_NODES = 1 << 18,     /* of a page tree that is counted by hand */
    MAX_DEPTH = 200,         /* of that tree: MuPDF nests 256 tries */
    LOOK_MILLISECONDS = 150, /* to find out what a page is made of, before it is drawn */
    WORK_BYTES = 3 << 20,    /* glyphs (1 MiB), outlines, code that is touched for the first time */
    MAX_NEST = 32,           /* groups and masks open at once whose memory is told apart */
};

/* Memory for groups and masks while a page is drawn, in points for each byte of a pixel. */
struct nest {
    float areas[MAX_NEST], sum, most;
    uint32_t depth;
};

/* What looking at a page has found. */
struct look {
    uint32_t number; /* of the page; 0: none was looked at */
    int colour;      /* MuPDF's test: 0 grey, 1 or 2 coloured */
    bool cut;        /* the time was up */
    struct layout layout;
    struct nest nest;
    struct largest {
        float width, height; /* in pixels; those of its mask count too */
        float samples;       /* of a pixel, alpha among them; 0: is decoded already */
        float across, down;  /* in points */
    } largest;               /* of the pictures */
    size_t held, peak;       /* bytes of heap: fonts and pictures that were loaded; the most while they were */
};

/* A page being drawn. */
struct drawing {
    uint32_t number; /* 0: none */
    fz_page *page;
    fz_rect box;     /* in points, as it is seen: CropBox, /Rotate and UserUnit applied */
    fz_matrix place; /* points to pixels */
    struct bitmap shape;
    fz_cookie cookie;
    struct canvas canvas;
};

struct pdf {
    struct document document;
    struct limits limits;
    fz_context *context;
    pdf_document *file;
    struct notes *notes;    /* where MuPDF's remarks go now; NULL: nowhere */
    struct drawing drawing; /* prepared by need() or being drawn */
    struct look look;       /* at the page that was asked for last */
    size_t excess;          /* what a page took beyond what was told, at most so far */
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
    *pdf = (struct pdf){.document.format = "pdf", .limits = *limits, .notes = &heard, .drawing.canvas.fd = -1};
    int result = new_context(pdf);
    if (result == 0) {
        heap_relief(spare, pdf);
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

static void step_load(struct pdf *pdf, void *argument) {
    pdf->drawing.page = fz_load_page(pdf->context, &pdf->file->super, (int)*(uint32_t *)argument - 1);
    pdf->drawing.box = fz_bound_page(pdf->context, pdf->drawing.page);
}

/* Runs the page into a device, which is closed and dropped. */
static void run_page(struct pdf *pdf, fz_device *device) {
    struct drawing *drawing = &pdf->drawing;
    fz_try(pdf->context) {
        fz_run_page(pdf->context, drawing->page, device, drawing->place, &drawing->cookie);
        fz_close_device(pdf->context, device);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, device); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
}

/* A device that draws nothing and notes what it sees. */
struct looker {
    fz_device super;
    struct pdf *pdf;
};

static struct look *look_of(fz_device *device) { return &((struct looker *)device)->pdf->look; }
static fz_rect box_of(fz_device *device) { return ((struct looker *)device)->pdf->drawing.box; }

static float area(fz_rect rect) { return fz_is_empty_rect(rect) ? 0 : (rect.x1 - rect.x0) * (rect.y1 - rect.y0); }

/* Something opens that takes so many bytes for each pixel of a rectangle, until close_nest(). */
static void open_nest(fz_device *device, fz_rect rect, int bytes) {
    struct nest *nest = &look_of(device)->nest;
    float wanted = area(fz_intersect_rect(rect, box_of(device))) * (float)bytes;
    if (nest->depth < MAX_NEST) {
        nest->areas[nest->depth] = wanted;
        nest->sum += wanted;
        nest->most = fmaxf(nest->most, nest->sum);
    }
    nest->depth++;
}

static void close_nest(fz_context *context, fz_device *device) {
    struct nest *nest = &look_of(device)->nest;
    if (nest->depth > 0 && --nest->depth < MAX_NEST) {
        nest->sum -= nest->areas[nest->depth];
    }
    (void)context;
}

/* Remembers the picture that takes most. */
static void weigh_image(struct look *look, fz_context *context, fz_image *image, fz_matrix place) {
    struct largest *largest = &look->largest;
    int samples = image->n + (image->colorspace && !image->use_colorkey ? 0 : 1);
    if (image->decoded) {
        samples = 0;
    } else if (image->colorspace && fz_colorspace_is_indexed(context, image->colorspace)) {
        samples = 4; /* the numbers and the colours at once */
    }
    float pixels = (float)image->w * (float)image->h;
    if (image->mask) {
        pixels += (float)image->mask->w * (float)image->mask->h;
    }
    if (pixels * (float)(samples + 1) > largest->width * largest->height * (largest->samples + 1)) {
        float across = hypotf(place.a, place.b), down = hypotf(place.c, place.d);
        *largest = (struct largest){(float)image->w, pixels / (float)image->w, (float)samples, across, down};
    }
}

static void see_image(fz_context *context, fz_device *device, fz_image *image, fz_matrix place, float alpha,
                      fz_color_params parameters) {
    struct look *look = look_of(device);
    fz_rect box = box_of(device), seen = fz_intersect_rect(fz_transform_rect(fz_unit_rect, place), box);
    float across = hypotf(place.a, place.b), down = hypotf(place.c, place.d);
    if (area(seen) > 0.8F * area(box) && across > 0 && down > 0) {
        float dpi = 72 * fmaxf((float)image->w / across, (float)image->h / down);
        look->layout.own_dpi = fmaxf(look->layout.own_dpi, dpi);
    } else {
        look->layout.more = true;
    }
    weigh_image(look, context, image, place);
    (void)alpha, (void)parameters;
}

static void see_mask(fz_context *context, fz_device *device, fz_image *image, fz_matrix place, fz_colorspace *space,
                     const float *colour, float alpha, fz_color_params parameters) {
    see_image(context, device, image, place, alpha, parameters);
    (void)space, (void)colour;
}

static void see_text(fz_context *context, fz_device *device, const fz_text *text, fz_matrix place, fz_colorspace *space,
                     const float *colour, float alpha, fz_color_params parameters) {
    look_of(device)->layout.more = true;
    (void)context, (void)text, (void)place, (void)space, (void)colour, (void)alpha, (void)parameters;
}

static void see_path(fz_context *context, fz_device *device, const fz_path *path, int even_odd, fz_matrix place,
                     fz_colorspace *space, const float *colour, float alpha, fz_color_params parameters) {
    look_of(device)->layout.more = true;
    (void)context, (void)path, (void)even_odd, (void)place, (void)space, (void)colour, (void)alpha, (void)parameters;
}

/* Most paths that clip are rectangles, which take nothing. */
static void see_clip_path(fz_context *context, fz_device *device, const fz_path *path, int even_odd, fz_matrix place,
                          fz_rect scissor) {
    open_nest(device, fz_empty_rect, 0);
    (void)context, (void)path, (void)even_odd, (void)place, (void)scissor;
}

static void see_clip_stroke(fz_context *context, fz_device *device, const fz_path *path, const fz_stroke_state *stroke,
                            fz_matrix place, fz_rect scissor) {
    open_nest(device, fz_bound_path(context, path, stroke, place), 4);
    (void)scissor;
}

static void see_clip_text(fz_context *context, fz_device *device, const fz_text *text, fz_matrix place,
                          fz_rect scissor) {
    open_nest(device, fz_bound_text(context, text, NULL, place), 4);
    (void)scissor;
}

/* The mask, its scaled picture, and what is drawn through it. */
static void see_clip_image(fz_context *context, fz_device *device, fz_image *image, fz_matrix place, fz_rect scissor) {
    weigh_image(look_of(device), context, image, place);
    open_nest(device, fz_transform_rect(fz_unit_rect, place), 5);
    (void)scissor;
}

static void see_soft_mask(fz_context *context, fz_device *device, fz_rect rect, int luminosity, fz_colorspace *space,
                          const float *backdrop, fz_color_params parameters) {
    open_nest(device, rect, luminosity ? 6 : 5);
    (void)context, (void)space, (void)backdrop, (void)parameters;
}

/* Colours and alpha; the outermost group is converted to the colours of the bitmap when it closes. */
static void see_group(fz_context *context, fz_device *device, fz_rect rect, fz_colorspace *space, int isolated,
                      int knockout, int blend, float alpha) {
    int colours = space ? fz_colorspace_n(context, space) : 3;
    open_nest(device, rect, colours + 1 + (look_of(device)->nest.depth == 0 ? 2 : 0));
    (void)isolated, (void)knockout, (void)blend, (void)alpha;
}

static void set_eyes(struct looker *looker) {
    looker->super.fill_image = see_image;
    looker->super.fill_image_mask = see_mask;
    looker->super.fill_text = see_text;
    looker->super.fill_path = see_path;
    looker->super.clip_path = see_clip_path;
    looker->super.clip_stroke_path = see_clip_stroke;
    looker->super.clip_text = see_clip_text;
    looker->super.clip_image_mask = see_clip_image;
    looker->super.pop_clip = close_nest;
    looker->super.begin_mask = see_soft_mask;
    looker->super.begin_group = see_group;
    looker->super.end_group = close_nest;
}

static void step_look(struct pdf *pdf, void *argument) {
    struct looker *looker = (struct looker *)fz_new_device_of_size(pdf->context, sizeof(*looker));
    looker->pdf = pdf;
    set_eyes(looker);
    fz_try(pdf->context) {
        run_page(pdf, fz_new_test_device(pdf->context, &pdf->look.colour, 0.02F, 0, &looker->super));
        fz_close_device(pdf->context, &looker->super);
    }
    fz_always(pdf->context) { fz_drop_device(pdf->context, &looker->super); }
    fz_catch(pdf->context) { fz_rethrow(pdf->context); }
    (void)argument;
}

static volatile int *late; /* the cookie's abort flag while the clock runs */

static void on_late(int signal_number) {
    (void)signal_number;
    *late = 1;
}

/*
 * Finds out whether the page has colour, whether it is one picture and what memory it takes, by running it into a
 * device that draws nothing. Coloured pictures count as colour without a look at their pixels; so does a page that
 * takes long: it is not worth running twice.
 */
static void look_at(struct pdf *pdf) {
    struct itimerval clock = {.it_value = {.tv_usec = LOOK_MILLISECONDS * 1000L}};
    struct notes *notes = pdf->notes;
    size_t before = heap_use().held;
    pdf->notes = NULL; /* all remarks come again when it is drawn */
    late = (volatile int *)&pdf->drawing.cookie.abort;
    signal(SIGALRM, on_late);
    setitimer(ITIMER_REAL, &clock, NULL);
    attempt(pdf, step_look, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    if (pdf->drawing.cookie.abort) {
        pdf->look.colour = 1;
        pdf->look.layout.more = true;
        pdf->look.cut = true;
    }
    pdf->drawing.cookie = (fz_cookie){0};
    pdf->notes = notes;
    struct heap_use use = heap_use();
    pdf->look.held = use.held > before ? use.held - before : 0;
    pdf->look.peak = use.peak > before ? use.peak - before : 0;
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
    float dpi = layout_fit(layout, wanted, pdf->limits.max_pixels, &shape->width, &shape->height);
    if (dpi < wanted) {
        notes_add(pdf->notes, "drawn at %.3g dpi instead of %.3g: the page is very large", (double)dpi, (double)wanted);
    }
    pdf->drawing.place = fz_concat(fz_translate(-box->x0, -box->y0), fz_scale(dpi / 72, dpi / 72));
    shape->channels = pdf->look.colour ? 3 : 1;
    shape->dpi = dpi;
    return 0;
}

/* Loads a page, looks at it unless that was done before, and lays it out. */
static int prepare(struct pdf *pdf, uint32_t number, struct notes *notes) {
    pdf->notes = notes;
    if (pdf->drawing.number == number) {
        return 0;
    }
    drop_drawing(pdf);
    pdf->drawing.place = fz_identity;
    int result = attempt(pdf, step_load, &number);
    if (result == 0 && pdf->look.number != number) {
        const fz_rect *box = &pdf->drawing.box;
        pdf->look = (struct look){.layout = {.width = box->x1 - box->x0, .height = box->y1 - box->y0}};
        look_at(pdf);
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

/* A pixmap over the canvas, white all over; the caller drops it. */
static fz_pixmap *white_pixmap(fz_context *context, struct canvas *canvas) {
    const struct bitmap *bitmap = &canvas->bitmap;
    fz_colorspace *space = bitmap->channels == 1 ? fz_device_gray(context) : fz_device_rgb(context);
    memset(canvas->pixels, 255, canvas->bytes);
    return fz_new_pixmap_with_data(context, space, (int)bitmap->width, (int)bitmap->height, NULL, 0,
                                   (int)(bitmap->width * bitmap->channels), canvas->pixels);
}

static void step_draw(struct pdf *pdf, void *argument) {
    fz_pixmap *pixmap = white_pixmap(pdf->context, &pdf->drawing.canvas);
    fz_try(pdf->context) { run_page(pdf, fz_new_draw_device(pdf->context, fz_identity, pixmap)); }
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
