#include "catalog/tessdata.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "catalog/places.h"
#include "conf/option.h"

#define SUFFIX ".traineddata"

/* Debian, Fedora, Arch and openSUSE; built from source. */
static const char *const usual[] = {"/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract/tessdata",
                                    "/usr/share/tessdata", "/usr/local/share/tessdata"};

static size_t language_length(const char *name) {
    size_t length = strlen(name), suffix = strlen(SUFFIX);
    return length > suffix && strcmp(name + length - suffix, SUFFIX) == 0 ? length - suffix : 0;
}

/* Orientation and script, and formulas: no text models. */
static bool is_text(const char *name, size_t length) {
    return !(length == 3 && (strncmp(name, TESSDATA_ORIENTATION, 3) == 0 || strncmp(name, "equ", 3) == 0));
}

static int chosen(const struct dirent *entry) {
    size_t length = language_length(entry->d_name);
    return length > 0 && is_text(entry->d_name, length);
}

/* Bytes of a file, 0 if there is none. */
static uint64_t size_of(const char *folder, const char *name) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
}

/* Takes folder, which becomes the data's if it has any. */
static bool look_in(char *folder, struct tessdata *ret) {
    struct dirent **entries;
    int count = scandir(folder, &entries, chosen, alphasort);
    struct tessdata data = {.folder = folder, .orientation = size_of(folder, TESSDATA_ORIENTATION SUFFIX)};
    if (count > 0) {
        data.languages = alloc((size_t)count, sizeof(*data.languages));
        data.bytes = alloc((size_t)count, sizeof(*data.bytes));
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        uint64_t bytes = size_of(folder, name);
        if (bytes > 0) {
            data.bytes[data.count] = bytes;
            data.languages[data.count++] = copy_bytes(name, language_length(name));
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    if (data.count == 0 && data.orientation == 0) {
        tessdata_done(&data);
        return false;
    }
    *ret = data;
    return true;
}

void tessdata_find(const char *own, struct tessdata *ret) {
    const char *prefix = getenv("TESSDATA_PREFIX");
    *ret = (struct tessdata){0};
    if (prefix && *prefix) {
        (void)(look_in(copy_string(prefix), ret) || look_in(format("%s/tessdata", prefix), ret));
        return;
    }
    bool found = look_in(copy_string(own), ret);
    for (size_t i = 0; i < array_length(usual) && !found; i++) {
        found = look_in(copy_string(usual[i]), ret);
    }
}

void tessdata_done(struct tessdata *data) {
    for (size_t i = 0; i < data->count; i++) {
        free(data->languages[i]);
    }
    free(data->languages);
    free(data->bytes);
    free(data->folder);
    *data = (struct tessdata){0};
}

static const uint64_t *find_language(const struct tessdata *data, const char *name, size_t length) {
    for (size_t i = 0; i < data->count; i++) {
        if (strlen(data->languages[i]) == length && strncmp(data->languages[i], name, length) == 0) {
            return &data->bytes[i];
        }
    }
    return NULL;
}

static int refuse(const struct tessdata *data, const char *name, size_t length) {
    struct buffer known cleanup(buffer_done) = {0};
    for (size_t i = 0; i < data->count; i++) {
        buffer_add_format(&known, "%s%s", i > 0 ? ", " : "", data->languages[i]);
    }
    if (data->count == 0) {
        return fail(ERR_NO_MODEL,
                    "Tesseract has no language data: install that of \"%.*s\", or set TESSDATA_PREFIX to its folder",
                    (int)length, name);
    }
    return fail(ERR_NO_MODEL, "Tesseract has no language \"%.*s\" in %s, only %s: install it, or take one of them",
                (int)length, name, data->folder, known.data);
}

int tessdata_check(const struct tessdata *data, const char *wish, uint64_t *ret_bytes) {
    uint64_t bytes = 0;
    int result = option_check_languages(wish);
    if (result != 0) {
        return result;
    }
    for (const char *name = wish; name;) {
        size_t length = strcspn(name, "+");
        const uint64_t *found = find_language(data, name, length);
        if (!found) {
            return refuse(data, name, length);
        }
        bytes += *found;
        name = name[length] ? name + length + 1 : NULL;
    }
    *ret_bytes = bytes;
    return 0;
}

int tessdata_ask(const char *models, const char *wish) {
    struct places places cleanup(places_done) = {0};
    struct tessdata data cleanup(tessdata_done) = {0};
    uint64_t bytes;
    int result = places_find(models, &places);
    if (result != 0) {
        return result;
    }
    char *own cleanup(drop_memory) = format("%s/tessdata", places.models);
    tessdata_find(own, &data);
    return tessdata_check(&data, wish, &bytes);
}
