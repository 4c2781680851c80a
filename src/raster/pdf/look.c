/* What a PDF page is made of, before it is drawn. */
#include <math.h>
#include <signal.h>
#include <sys/time.h>

#include "raster/heap.h"
#include "raster/pdf/inside.h"

enum { LOOK_MILLISECONDS = 150 }; /* to find it out */

/* A device that draws nothing and notes what it sees. */
struct looker {
    fz_device super;
    struct pdf *pdf;
};

static struct look *look_of(fz_device *device) { return &((struct looker *)device)->pdf->look; }
static fz_rect box_of(fz_device *device) { return ((struct looker *)device)->pdf->drawing.box; }

float area(fz_rect rect) { return fz_is_empty_rect(rect) ? 0 : (rect.x1 - rect.x0) * (rect.y1 - rect.y0); }

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
        pdf_run_drawing(pdf, fz_new_test_device(pdf->context, &pdf->look.colour, 0.02F, 0, &looker->super));
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
void pdf_look_at(struct pdf *pdf) {
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
