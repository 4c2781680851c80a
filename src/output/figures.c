#include "output/figures.h"

#include <string.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "base/memory.h"

char *figures_folder(const char *stem) { return format("%s_files", stem); }

char *figures_file(const char *stem, const struct album_entry *figure) {
    return format("%s_files/page-%u-region-%u.png", stem, figure->page, figure->region);
}

char *figures_url(const char *stem, const struct album_entry *figure) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char *file cleanup(drop_memory) = figures_file(stem, figure);
    struct buffer url = {0};
    for (const char *at = file; *at; at++) {
        if (strchr(plain, *at)) {
            buffer_add(&url, at, 1);
        } else {
            buffer_add_format(&url, "%%%02X", (unsigned char)*at);
        }
    }
    return buffer_take(&url);
}

int figures_data(const struct album *album, const struct album_entry *figure, char **ret) {
    struct buffer picture cleanup(buffer_done) = {0}, url = {0};
    int result = album_read(album, figure, &picture);
    if (result == 0) {
        buffer_add_string(&url, "data:image/png;base64,");
        base64_add(picture.data, picture.length, &url);
        *ret = buffer_take(&url);
    }
    return result;
}
