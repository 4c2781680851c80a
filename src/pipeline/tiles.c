#include "pipeline/tiles.h"

#include <string.h>

static uint32_t round_up(uint32_t size, uint32_t multiple) { return (size + multiple - 1) / multiple * multiple; }

static uint32_t smaller(uint32_t a, uint32_t b) { return a < b ? a : b; }

struct tiles tiles_cut(uint32_t width, uint32_t height, uint32_t multiple, uint32_t wanted, uint32_t overlap) {
    struct tiles tiles = {.count = 1,
                          .width = round_up(width, multiple),
                          .height = round_up(height, multiple),
                          .multiple = multiple,
                          .beside = width > height};
    uint32_t *side = tiles.beside ? &tiles.width : &tiles.height, whole = *side;
    uint32_t length = round_up((whole + (wanted - 1) * overlap + wanted - 1) / wanted, multiple);
    if (length >= whole) {
        return tiles;
    }
    /* Rounding up may have made the pieces so long that fewer are enough. */
    tiles.count = 1 + (whole - length + length - overlap - 1) / (length - overlap);
    tiles.last = whole - length;
    *side = length;
    return tiles;
}

static uint32_t start_of(const struct tiles *tiles, uint32_t index) {
    return tiles->count == 1 ? 0 : tiles->last * index / (tiles->count - 1) / tiles->multiple * tiles->multiple;
}

struct tile tiles_at(const struct tiles *tiles, uint32_t index) {
    uint32_t length = tiles->beside ? tiles->width : tiles->height, start = start_of(tiles, index);
    struct tile tile = {.start = start, .from = start, .to = start + length};
    /* The middle of what two pieces share is as far from the edge of the one as from that of the other. */
    if (index > 0) {
        tile.from = (start_of(tiles, index - 1) + length + start) / 2;
    }
    if (index + 1 < tiles->count) {
        tile.to = (start + length + start_of(tiles, index + 1)) / 2;
    }
    return tile;
}

void tiles_stitch(const struct tiles *tiles, uint32_t index, const float *piece, size_t stride, uint32_t width,
                  uint32_t height, float *map) {
    struct tile tile = tiles_at(tiles, index);
    uint32_t left = tiles->beside ? tile.from : 0, right = tiles->beside ? smaller(tile.to, width) : width;
    uint32_t top = tiles->beside ? 0 : tile.from, bottom = tiles->beside ? height : smaller(tile.to, height);
    piece -= tiles->beside ? tile.start : tile.start * stride;
    for (uint32_t y = top; y < bottom && left < right; y++) {
        memcpy(map + (size_t)y * width + left, piece + y * stride + left, (right - left) * sizeof(*map));
    }
}
