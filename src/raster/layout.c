#include "raster/layout.h"

#include <math.h>

/* When the asker leaves the resolution to us (docs/performance.md); and the pixels of a page of Letter or A4 then. */
#define DEFAULT_DPI 150.0F
#define DEFAULT_PIXELS (DEFAULT_DPI * DEFAULT_DPI * 93)

enum { MAX_SIDE = 1 << 20 }; /* of a bitmap (document/bitmap.h) */

float layout_dpi(const struct layout *layout) {
    if (layout->own_dpi <= 0) {
        return DEFAULT_DPI;
    }
    float dpi = fmaxf(DEFAULT_DPI, 72 * sqrtf(DEFAULT_PIXELS / (layout->width * layout->height)));
    if (dpi > layout->own_dpi) {
        dpi = layout->more ? fmaxf(layout->own_dpi, DEFAULT_DPI) : layout->own_dpi;
    }
    return dpi;
}

static void measure(const struct layout *layout, float dpi, double *ret_width, double *ret_height) {
    double scale = (double)dpi / 72;
    *ret_width = fmax(1, round((double)layout->width * scale));
    *ret_height = fmax(1, round((double)layout->height * scale));
}

float layout_fit(const struct layout *layout, float dpi, uint64_t max_pixels, uint32_t *ret_width,
                 uint32_t *ret_height) {
    double width, height;
    measure(layout, dpi, &width, &height);
    while (width * height > (double)max_pixels || width > MAX_SIDE || height > MAX_SIDE) {
        dpi *= 0.99F;
        measure(layout, dpi, &width, &height);
    }
    *ret_width = (uint32_t)width;
    *ret_height = (uint32_t)height;
    return dpi;
}
