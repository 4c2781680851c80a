#include "pipeline/detect.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/tiles.h"

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

/* Map cells to page pixels, kept inside the page. */
static void to_page(struct text_box *box, const struct image *page, float scale_x, float scale_y) {
    for (int i = 0; i < 4; i++) {
        struct point *corner = &box->quad.corner[i];
        corner->x = fminf(fmaxf(corner->x * scale_x, 0), (float)page->width);
        corner->y = fminf(fmaxf(corner->y * scale_y, 0), (float)page->height);
    }
}

static int boxes_of(const float *map, size_t stride, const struct image *scaled, const struct image *page,
                    const struct model_spec *spec, struct text_box **ret, size_t *ret_count) {
    const struct contour_options options = {.threshold = spec->threshold,
                                            .box_threshold = spec->box_threshold,
                                            .unclip = spec->unclip,
                                            .min_side = MIN_SIDE,
                                            .max_boxes = MAX_BOXES,
                                            .dilate = spec->dilate};
    struct text_box *boxes;
    size_t count;
    int result = contour_boxes(map, scaled->width, scaled->height, stride, &options, &boxes, &count);
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

/* Runs the network on a part of the scaled page; the caller ends the run. */
static int run_part(const struct hand *hand, const struct image *part, const struct tiles *tiles, struct stages *stages,
                    struct hand_run *ret) {
    struct hand_run run;
    int result = hand_run(hand, ROLE_DETECT, STAGE_DETECT, part, tiles->width, tiles->height, stages, &run);
    if (result != 0) {
        return result;
    }
    const struct tensor *map = &run.run.output.tensor[0];
    if (map->rank != 4 || map->shape[2] < tiles->height || map->shape[3] < tiles->width) {
        hand_run_end(&run);
        return fail(ERR_BAD_MODEL, "model %s gives a map smaller than its input", hand_spec(hand, ROLE_DETECT)->id);
    }
    *ret = run;
    return 0;
}

/* Runs the network on one piece after the other and joins their maps into one, whose rows are tight. */
static int run_tiles(const struct hand *hand, const struct image *scaled, const struct tiles *tiles,
                     struct stages *stages, float **ret) {
    void *block;
    int result = try_alloc((size_t)scaled->width * scaled->height, sizeof(float), &block);
    float *map cleanup(drop_memory) = result == 0 ? block : NULL;
    for (uint32_t i = 0; result == 0 && i < tiles->count; i++) {
        uint32_t start = tiles_at(tiles, i).start;
        struct image part =
            image_part(scaled, tiles->beside ? start : 0, tiles->beside ? 0 : start, tiles->width, tiles->height);
        struct hand_run run cleanup(hand_run_end) = {0};
        result = run_part(hand, &part, tiles, stages, &run);
        if (result == 0) {
            const struct tensor *piece = &run.run.output.tensor[0];
            tiles_stitch(tiles, i, piece->data, (size_t)piece->shape[3], scaled->width, scaled->height, map);
        }
    }
    if (result == 0) {
        *ret = take(map);
    }
    return result;
}

int detect_lines(const struct hand *hand, const struct image *page, struct stages *stages, struct text_box **ret,
                 size_t *ret_count) {
    const struct model_spec *spec = hand_spec(hand, ROLE_DETECT);
    struct image scaled cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    float *joined cleanup(drop_memory) = NULL;
    uint32_t width, height;
    scaled_size(page, spec, &width, &height);
    int64_t start = clock_now();
    int result = image_scale(page, width, height, &scaled);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result != 0) {
        return result;
    }
    struct tiles cut = tiles_cut(width, height, spec->multiple, (uint32_t)hand->tiles, DETECT_OVERLAP);
    if (cut.count == 1) {
        result = run_part(hand, &scaled, &cut, stages, &run);
    } else {
        result = run_tiles(hand, &scaled, &cut, stages, &joined);
    }
    if (result != 0) {
        return result;
    }
    start = clock_now();
    const struct tensor *map = &run.run.output.tensor[0];
    result = joined ? boxes_of(joined, width, &scaled, page, spec, ret, ret_count)
                    : boxes_of(map->data, (size_t)map->shape[3], &scaled, page, spec, ret, ret_count);
    stage_add(stages, STAGE_BOXES, clock_seconds(clock_now() - start), 1);
    return result;
}
