#include "raster/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "document/album.h"
#include "raster/cut.h"
#include "raster/marks.h"
#include "raster/png.h"

static int to_file(void *context, const void *bytes, size_t length) {
    return file_write(*(const int *)context, bytes, length);
}

/* The bitmap of a page that was drawn once more, what is cut out of it, and what is drawn over that. */
struct sheet {
    const struct bitmap *bitmap;
    const uint8_t *pixels;
    const struct cut *cut;
    struct marks marks;
};

static int write_png(const struct sheet *sheet, int fd) {
    const struct cut *cut = sheet->cut;
    struct png *png cleanup(png_drop) = NULL;
    void *row cleanup(drop_memory) = NULL;
    int result = try_alloc(cut->width, 3, &row);
    result = result ? result : png_new(cut->width, cut->height, to_file, &fd, &png);
    for (uint32_t y = 0; y < cut->height && result == 0; y++) {
        cut_row(cut, sheet->bitmap, sheet->pixels, y, row);
        marks_draw(&sheet->marks, y, cut->width, row);
        result = png_row(png, row);
    }
    return result ? result : png_end(png);
}

/* A picture with its head, in which the length is known last. */
static int add_png(uint32_t page, uint32_t region, const struct sheet *sheet, int fd) {
    unsigned char head[ALBUM_HEAD] = {0};
    off_t start = lseek(fd, 0, SEEK_CUR);
    int result = start < 0 ? fail(ERR_OUTPUT, "%s", strerror(errno)) : file_write(fd, head, sizeof(head));
    result = result ? result : write_png(sheet, fd);
    if (result != 0) {
        return result;
    }
    album_head(page, region, (uint64_t)(lseek(fd, 0, SEEK_CUR) - start - ALBUM_HEAD), head);
    bool written = pwrite(fd, head, sizeof(head), start) == (ssize_t)sizeof(head);
    return written ? 0 : fail(ERR_OUTPUT, "%s", strerror(errno));
}

static int add_picture(const struct page *page, const struct bitmap *bitmap, const uint8_t *pixels, int fd) {
    const struct cut whole = {
        .right = bitmap->width, .bottom = bitmap->height, .width = bitmap->width, .height = bitmap->height};
    struct sheet sheet = {.bitmap = bitmap, .pixels = pixels, .cut = &whole};
    marks_of(page, bitmap, &sheet.marks);
    int result = add_png(page->number, 0, &sheet, fd);
    marks_done(&sheet.marks);
    return result;
}

static int add_figures(const struct page *page, const struct bitmap *bitmap, const uint8_t *pixels, int fd) {
    int result = 0;
    for (size_t i = 0; i < page->region_count && result == 0; i++) {
        struct cut cut;
        const struct region *region = &page->regions[i];
        if (region_is_figure(region) && cut_of(page, region, bitmap, &cut)) {
            const struct sheet sheet = {.bitmap = bitmap, .pixels = pixels, .cut = &cut};
            result = add_png(page->number, (uint32_t)i + 1, &sheet, fd);
        }
    }
    return result;
}

static int draw_and_add(const struct document_kind *kind, struct document *document, const struct page *page,
                        enum made made, int fd, struct notes *notes) {
    struct bitmap bitmap = {0};
    int drawn cleanup(drop_fd) = -1;
    const void *pixels;
    size_t length;
    int result = kind->page(document, page->number, notes, &bitmap, &drawn);
    result = result ? result : file_memory_map(drawn, SIZE_MAX, &pixels, &length);
    if (result != 0) {
        return result;
    }
    result = (made == MADE_FIGURE ? add_figures : add_picture)(page, &bitmap, pixels, fd);
    munmap((void *)(uintptr_t)pixels, length);
    return result;
}

static bool has_figures(const struct page *page) {
    for (size_t i = 0; i < page->region_count; i++) {
        if (region_is_figure(&page->regions[i])) {
            return true;
        }
    }
    return false;
}

int show_page(const struct document_kind *kind, struct document *document, const struct page *page, enum made made,
              int fd, uint64_t granted, uint64_t *ret_needs) {
    struct notes told cleanup(notes_done) = {0}; /* when the page was read */
    size_t need = 0;
    *ret_needs = 0;
    if (made == MADE_FIGURE && !has_figures(page)) {
        return 0;
    }
    document->shrink = 1;
    int result = kind->need(document, page->number, &told, &need);
    *ret_needs = result == 0 && granted > 0 && need > granted ? need : 0;
    if (result == 0 && *ret_needs == 0) {
        result = draw_and_add(kind, document, page, made, fd, &told);
    }
    kind->rest(document);
    return result;
}
