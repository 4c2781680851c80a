#include "document/bitmap.h"

#include "base/error.h"
#include "base/json.h"

#define MAX_SIDE (1 << 20)

int bitmap_bytes(const struct bitmap *bitmap, size_t *ret) {
    size_t bytes;
    if (__builtin_mul_overflow((size_t)bitmap->width * bitmap->channels, (size_t)bitmap->height, &bytes)) {
        return fail(ERR_TOO_LARGE, "%u x %u pixels", bitmap->width, bitmap->height);
    }
    *ret = bytes;
    return 0;
}

void bitmap_to_json(const struct bitmap *bitmap, struct json *object) {
    json_set_int(object, "width", bitmap->width);
    json_set_int(object, "height", bitmap->height);
    json_set_int(object, "channels", bitmap->channels);
    json_set_real(object, "dpi", (double)bitmap->dpi, 2);
}

int bitmap_from_json(const struct json *object, struct bitmap *ret) {
    int64_t width = json_int(object, "width", 0), height = json_int(object, "height", 0);
    int64_t channels = json_int(object, "channels", 0);
    if (width < 1 || width > MAX_SIDE || height < 1 || height > MAX_SIDE || (channels != 1 && channels != 3)) {
        return fail(ERR_PROTOCOL, "a bitmap of %lld x %lld pixels in %lld channels", (long long)width,
                    (long long)height, (long long)channels);
    }
    double dpi = json_real(object, "dpi", 0);
    *ret = (struct bitmap){.width = (uint32_t)width,
                           .height = (uint32_t)height,
                           .channels = (uint32_t)channels,
                           .dpi = dpi > 0 && dpi < 1e6 ? (float)dpi : 0};
    return 0;
}
