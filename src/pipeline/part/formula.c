#include "pipeline/part/formula.h"

#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "pipeline/part/latex.h"

#define INK                                                                                                            \
    200 /* of 255, the shades of the picture stretched: what is darker is no margin (PP-FormulaNet's crop_margin) */
#define MOST_PIXELS 1048576.0F /* of a side of an image */
#define END 2                  /* the token after which nothing counts */

/* Weights of blue, green and red in that order on red, green and blue: so were the pictures that it was trained with.
 */
static uint8_t grey_at(const struct image *image, uint32_t x, uint32_t y) {
    const uint8_t *pixel = image->pixels + y * image->stride + (size_t)x * image->channels;
    return image->channels == 1 ? pixel[0] : (uint8_t)((29 * pixel[0] + 150 * pixel[1] + 77 * pixel[2] + 128) >> 8);
}

static void find_shades(const struct image *image, int *darkest, int *brightest) {
    *darkest = 255;
    *brightest = 0;
    for (uint32_t y = 0; y < image->height; y++) {
        for (uint32_t x = 0; x < image->width; x++) {
            int grey = grey_at(image, x, y);
            *darkest = grey < *darkest ? grey : *darkest;
            *brightest = grey > *brightest ? grey : *brightest;
        }
    }
}

/* The part that has ink; all of a picture of one shade. */
static struct image without_margins(const struct image *image) {
    int darkest, brightest;
    find_shades(image, &darkest, &brightest);
    uint32_t left = image->width, top = image->height, right = 0, bottom = 0;
    for (uint32_t y = 0; y < image->height && darkest < brightest; y++) {
        for (uint32_t x = 0; x < image->width; x++) {
            if ((grey_at(image, x, y) - darkest) * 255 < INK * (brightest - darkest)) {
                left = x < left ? x : left;
                right = x + 1 > right ? x + 1 : right;
                top = y < top ? y : top;
                bottom = y + 1;
            }
        }
    }
    return right > left ? image_part(image, left, top, right - left, bottom - top) : *image;
}

static uint32_t whole(float pixels) { return pixels >= 1 ? (uint32_t)fminf(pixels, MOST_PIXELS) : 0; }

int formula_picture(const struct image *page, const struct area *area, uint32_t width, uint32_t height,
                    struct image *ret) {
    uint32_t left = whole(area->left), top = whole(area->top);
    uint32_t right = whole(area->right), bottom = whole(area->bottom);
    struct image part = image_part(page, left, top, right > left ? right - left : 1, bottom > top ? bottom - top : 1);
    struct image scaled cleanup(image_done) = {0}, picture cleanup(image_done) = {0};
    part = without_margins(&part);
    float ratio = fminf((float)width / (float)part.width, (float)height / (float)part.height);
    uint32_t across = whole(fmaxf(roundf((float)part.width * ratio), 1));
    uint32_t down = whole(fmaxf(roundf((float)part.height * ratio), 1));
    int result = image_scale(&part, across < width ? across : width, down < height ? down : height, &scaled);
    result = result ? result : image_new(width, height, 1, &picture);
    if (result != 0) {
        return result;
    }
    memset(picture.owned, 0, picture.stride * height);
    uint8_t *corner = picture.owned + (height - scaled.height) / 2 * picture.stride + (width - scaled.width) / 2;
    for (uint32_t y = 0; y < scaled.height; y++) {
        for (uint32_t x = 0; x < scaled.width; x++) {
            corner[y * picture.stride + x] = grey_at(&scaled, x, y);
        }
    }
    *ret = picture;
    picture = (struct image){0};
    return 0;
}

char *formula_text(const float *ids, size_t count, char *const *words, size_t word_count) {
    struct buffer text cleanup(buffer_done) = {0};
    for (size_t i = 0; i < count && ids[i] != END; i++) {
        if (ids[i] >= 0 && ids[i] < (float)word_count) {
            buffer_add_string(&text, words[(size_t)ids[i]]);
        }
    }
    return latex_clean(text.data ? text.data : "");
}

int formula_read(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
                 char **ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_FORMULA);
    struct image picture cleanup(image_done) = {0};
    struct hand_run run cleanup(hand_run_end) = {0};
    int64_t start = clock_now();
    int result = formula_picture(page, area, spec->width, spec->height, &picture);
    stage_add(stages, STAGE_PREPARE, clock_seconds(clock_now() - start), 0);
    if (result == 0) {
        result = hand_run(hand, ROLE_FORMULA, STAGE_FORMULA, &picture, spec->width, spec->height, stages, &run);
    }
    if (result != 0) {
        return result;
    }
    const struct tensor *ids = &run.run.output.tensor[0];
    if (ids->rank != 2 || ids->shape[0] != 1) {
        return fail(ERR_BAD_MODEL, "model %s: its output must be one row of token ids", spec->id);
    }
    const struct model *model = model_of(&run.handle);
    start = clock_now();
    *ret = formula_text(ids->data, (size_t)ids->shape[1], model->characters, model->character_count);
    stage_add(stages, STAGE_DECODE, clock_seconds(clock_now() - start), 1);
    return 0;
}
