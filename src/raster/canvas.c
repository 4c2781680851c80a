#include "raster/canvas.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "raster/heap.h"

/* Exif 2.3, tag 0x0112: which stored corner is the visual top left, and whether rows are columns. */
static void aim(struct canvas *canvas, uint32_t width, uint32_t height, int orientation) {
    bool transposed = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t stride = (ptrdiff_t)canvas->bitmap.width;
    canvas->step_x = (transposed ? stride : 1) * (from_right ? -1 : 1);
    canvas->step_y = (transposed ? 1 : stride) * (from_bottom ? -1 : 1);
    canvas->origin = (from_right ? -canvas->step_x * ((ptrdiff_t)width - 1) : 0) +
                     (from_bottom ? -canvas->step_y * ((ptrdiff_t)height - 1) : 0);
}

int canvas_new(uint32_t width, uint32_t height, uint32_t channels, int orientation, struct canvas *ret) {
    struct canvas canvas = {
        .fd = -1, .row_width = width, .bitmap = {.width = width, .height = height, .channels = channels}};
    if (orientation >= 5) {
        canvas.bitmap.width = height;
        canvas.bitmap.height = width;
    }
    aim(&canvas, width, height, orientation);
    int result = bitmap_bytes(&canvas.bitmap, &canvas.bytes);
    void *pixels;
    if (result == 0 && !heap_take(canvas.bytes)) {
        result = fail(ERR_NO_MEMORY, "a bitmap of %zu bytes is more than was granted", canvas.bytes);
    }
    if (result != 0) {
        return result;
    }
    result = file_memory_new("octavo-page", canvas.bytes, &canvas.fd, &pixels);
    if (result != 0) {
        heap_give(canvas.bytes);
        return result;
    }
    canvas.pixels = pixels;
    *ret = canvas;
    return 0;
}

static void scatter(uint8_t *target, ptrdiff_t step, const uint8_t *row, size_t width, size_t channels) {
    for (size_t x = 0; x < width; x++) {
        for (size_t c = 0; c < channels; c++) {
            target[c] = row[c];
        }
        target += step;
        row += channels;
    }
}

void canvas_row(struct canvas *canvas, uint32_t y, const uint8_t *row) {
    ptrdiff_t channels = (ptrdiff_t)canvas->bitmap.channels;
    uint8_t *target = canvas->pixels + (canvas->origin + (ptrdiff_t)y * canvas->step_y) * channels;
    if (canvas->step_x == 1) {
        memcpy(target, row, canvas->row_width * (size_t)channels);
    } else {
        scatter(target, canvas->step_x * channels, row, canvas->row_width, (size_t)channels);
    }
}

int canvas_finish(struct canvas *canvas, struct bitmap *ret_bitmap, int *ret_fd) {
    int result = file_memory_seal(canvas->fd, canvas->pixels, canvas->bytes);
    heap_give(canvas->bytes);
    canvas->pixels = NULL;
    if (result != 0) {
        return result;
    }
    *ret_bitmap = canvas->bitmap;
    *ret_fd = take_fd(&canvas->fd);
    return 0;
}

void canvas_drop(struct canvas *canvas) {
    if (canvas->pixels) {
        munmap(canvas->pixels, canvas->bytes);
        heap_give(canvas->bytes);
        canvas->pixels = NULL;
    }
    drop_fd(&canvas->fd);
}
