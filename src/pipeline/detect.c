#include "pipeline/detect.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"

#define MIN_SIDE 3.0F  /* cells; smaller components are specks (PP-OCR's min_size) */
#define MAX_BOXES 3000 /* PP-OCRv6's max_candidates */

/* Size of the page as the network sees it. */
static void scaled_size(const struct image *page, const struct model_spec *spec, uint32_t *ret_width,
                        uint32_t *ret_height) {
    uint32_t longest = page->width > page->height ? page->width : page->height;
    float ratio = fminf((float)spec->long_side / (float)longest, spec->enlarge);
    *ret_width = (uint32_t)fmaxf(1, roundf((float)page->width * ratio));
    *ret_height = (uint32_t)fmaxf(1, roundf((float)page->height * ratio));
}

static uint32_t round_up(uint32_t size, uint32_t multiple) { return (size + multiple - 1) / multiple * multiple; }

/* Map cells to page pixels, kept inside the page. */
static void to_page(struct text_box *box, const struct image *page, float scale_x, float scale_y) {
    for (int i = 0; i < 4; i++) {
        struct point *corner = &box->quad.corner[i];
        corner->x = fminf(fmaxf(corner->x * scale_x, 0), (float)page->width);
        corner->y = fminf(fmaxf(corner->y * scale_y, 0), (float)page->height);
    }
}

static int boxes_of(const struct tensor *map, const struct image *scaled, const struct image *page,
                    const struct model_spec *spec, struct text_box **ret, size_t *ret_count) {
    const struct contour_options options = {.threshold = spec->threshold,
                                            .box_threshold = spec->box_threshold,
                                            .unclip = spec->unclip,
                                            .min_side = MIN_SIDE,
                                            .max_boxes = MAX_BOXES,
                                            .dilate = spec->dilate};
    struct text_box *boxes;
    size_t count;
    int result =
        contour_boxes(map->data, scaled->width, scaled->height, (size_t)map->shape[3], &options, &boxes, &count);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < count; i++) {
        to_page(&boxes[i], page, (float)page->width / (float)scaled->width,
                (float)page->height / (float)scaled->height);
    }
    *ret = boxes;
    *ret_count = count;
    return 0;
}

int detect_lines(struct hand *hand, const struct image *page, struct stages *stages, struct text_box **ret,
                 size_t *ret_count) {
    const struct model_spec *spec = hand->models->role[ROLE_DETECT].spec;
    struct image scaled cleanup(image_done) = {0};
    struct tensor map;
    uint32_t width, height;
    scaled_size(page, spec, &width, &height);
    int64_t start = clock_now();
    int result = image_scale(page, width, height, &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_DETECT, STAGE_DETECT, &scaled, round_up(width, spec->multiple),
                          round_up(height, spec->multiple), stages, &map);
    }
    if (result != 0) {
        return result;
    }
    if (map.rank != 4 || map.shape[2] < height || map.shape[3] < width) {
        return fail(ERR_BAD_MODEL, "model %s gives a map smaller than its input", spec->id);
    }
    start = clock_now();
    result = boxes_of(&map, &scaled, page, spec, ret, ret_count);
    stage_add(stages, STAGE_BOXES, clock_seconds(clock_now() - start), 1);
    return result;
}
