#include "worker/languages.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "catalog/tessdata.h"

static void find(const struct places *places, struct tessdata *ret) {
    char *own cleanup(drop_memory) = format("%s/tessdata", places->models);
    tessdata_find(own, ret);
}

int languages_choose(const struct places *places, const char *languages, struct model_spec *ret) {
    struct tessdata data cleanup(tessdata_done) = {0};
    uint64_t bytes = 0;
    find(places, &data);
    int result = tessdata_check(&data, languages, &bytes);
    if (result != 0) {
        return result;
    }
    double size = (double)bytes, count = 1;
    for (const char *plus = strchr(languages, '+'); plus; plus = strchr(plus + 1, '+')) {
        count++;
    }
    *ret = (struct model_spec){
        .id = format("tesseract-%s", languages),
        .version = copy_string("Tesseract"),
        .file = format("%s/%s", data.folder, languages),
        .role = ROLE_READ,
        .only_tesseract = true,
        .bytes = bytes,
        .tesseract = {.weights = 11e6 * count + 2 * size, .loading = 4e6 + size, .run = {14e6, 2.5}}};
    return 0;
}

bool languages_choose_orientation(const struct places *places, struct model_spec *ret) {
    struct tessdata data cleanup(tessdata_done) = {0};
    find(places, &data);
    if (data.orientation == 0) {
        return false;
    }
    *ret = (struct model_spec){
        .id = copy_string("tesseract-" TESSDATA_ORIENTATION),
        .version = copy_string("Tesseract"),
        .file = format("%s/" TESSDATA_ORIENTATION, data.folder),
        .role = ROLE_ORIENT,
        .only_tesseract = true,
        .bytes = data.orientation,
        .tesseract = {.weights = 33e6, .loading = 4e6 + (double)data.orientation, .run = {14e6, 2.5}}};
    return true;
}

bool languages_beyond(const char *languages) {
    static const char *const beyond[] = {
        "amh", "ara", "asm", "aze_cyrl", "bel", "ben", "bod", "bul", "chr", "div", "dzo", "ell",      "fas",
        "guj", "heb", "hin", "hye",      "iku", "kan", "kat", "kaz", "khm", "kir", "kor", "kor_vert", "lao",
        "mal", "mar", "mkd", "mon",      "mya", "nep", "ori", "pan", "pus", "rus", "san", "sin",      "snd",
        "srp", "syr", "tam", "tat",      "tel", "tgk", "tha", "tir", "uig", "ukr", "urd", "uzb_cyrl", "yid",
    };
    for (const char *name = languages; name;) {
        size_t length = strcspn(name, "+");
        for (size_t i = 0; i < array_length(beyond); i++) {
            if (strlen(beyond[i]) == length && strncmp(beyond[i], name, length) == 0) {
                return true;
            }
        }
        name = name[length] ? name + length + 1 : NULL;
    }
    return false;
}

void languages_done(struct model_spec *spec) {
    free(spec->id);
    free(spec->version);
    free(spec->file);
    *spec = (struct model_spec){0};
}

static void describe_file(const struct tessdata *data, const char *name, enum role role, uint64_t bytes,
                          struct json *list) {
    struct json *entry = json_object_new();
    char *id cleanup(drop_memory) = format("tesseract-%s", name);
    char *file cleanup(drop_memory) = format("%s/%s.traineddata", data->folder, name);
    json_set_string(entry, "id", id);
    json_set_string(entry, "role", role_word(role));
    json_set_string(entry, "version", "Tesseract");
    json_set_string(entry, "file", file);
    json_set_bool(entry, "installed", true);
    json_set_int(entry, "bytes", (int64_t)bytes);
    json_append(list, entry);
}

void languages_describe(const struct places *places, struct json *list) {
    struct tessdata data cleanup(tessdata_done) = {0};
    find(places, &data);
    for (size_t i = 0; i < data.count; i++) {
        describe_file(&data, data.languages[i], ROLE_READ, data.bytes[i], list);
    }
    if (data.orientation > 0) {
        describe_file(&data, TESSDATA_ORIENTATION, ROLE_ORIENT, data.orientation, list);
    }
}
