#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "model/onnx.h"
#include "model/tokenizer.h"

struct mapping {
    uint8_t *bytes;
    size_t length;
};

static void drop_mapping(struct mapping *mapping) {
    if (mapping->bytes) {
        munmap(mapping->bytes, mapping->length);
    }
}

static int map_file(const struct model_spec *spec, const char *path, struct mapping *ret) {
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        return fail(ERR_NO_MODEL, "%s: %s", path, strerror(errno));
    }
    if (status.st_size == 0) {
        return fail(ERR_BAD_MODEL, "%s is empty", path);
    }
    if (spec->sha256 && (uint64_t)status.st_size != spec->bytes) {
        return fail(ERR_BAD_MODEL, "%s has %lld bytes, %llu expected", path, (long long)status.st_size,
                    (unsigned long long)spec->bytes);
    }
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) {
        return fail(ERR_NO_MEMORY, "%s: %s", path, strerror(errno));
    }
    *ret = (struct mapping){.bytes = bytes, .length = (size_t)status.st_size};
    return 0;
}

static int check_hash(const struct model_spec *spec, const char *path, const struct mapping *mapping) {
    char text[DIGEST_BYTES];
    if (!spec->sha256) {
        return 0;
    }
    struct digest *digest = digest_new();
    digest_add(digest, mapping->bytes, mapping->length);
    digest_take(&digest, text);
    if (strcmp(text, spec->sha256) != 0) {
        return fail(ERR_BAD_MODEL, "%s has sha256 %s, %s expected", path, text, spec->sha256);
    }
    return 0;
}

/* Cuts the metadata's lines apart. */
static int read_characters(const struct mapping *mapping, struct model *model) {
    const char *text;
    size_t length;
    int result = onnx_metadata(mapping->bytes, mapping->length, "character", &text, &length);
    if (result != 0 || !text) {
        return result;
    }
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    model->characters = alloc(lines, sizeof(*model->characters));
    for (size_t start = 0; start <= length;) {
        const char *stop = memchr(text + start, '\n', length - start);
        size_t end = stop ? (size_t)(stop - text) : length;
        if (stop || end > start) { /* a last newline ends a line, it does not begin one */
            model->characters[model->character_count++] = copy_bytes(text + start, end - start);
        }
        start = end + 1;
    }
    return 0;
}

int model_check(const struct model_spec *spec, const char *folder) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, spec->file);
    struct mapping mapping cleanup(drop_mapping) = {0};
    int result = map_file(spec, path, &mapping);
    if (result == 0 && !catalog_has(spec, folder)) {
        return fail(ERR_NO_MODEL, "%s is not in %s", spec->tokenizer, folder);
    }
    return result != 0 ? result : check_hash(spec, path, &mapping);
}

/* The bytes of each token. */
static int read_tokenizer(const struct model_spec *spec, const char *folder, struct model *model) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, spec->tokenizer);
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    int result = file_read_path(path, TOKENIZER_BYTES, &text, &length);
    if (result != 0) {
        return fail(ERR_NO_MODEL, "%s", error_detail());
    }
    result = tokenizer_read(text, length, &model->characters, &model->character_count);
    return result == 0 ? 0 : fail(result, "%s: %s", path, error_detail());
}

/* Checks the file and takes the alphabet from it, or from the one beside it. */
static int read_file(const struct model_spec *spec, const char *folder, const char *path, struct model *model) {
    struct mapping mapping cleanup(drop_mapping) = {0};
    int result = map_file(spec, path, &mapping);
    if (result == 0) {
        result = check_hash(spec, path, &mapping);
    }
    if (result != 0) {
        return result;
    }
    return spec->tokenizer ? read_tokenizer(spec, folder, model) : read_characters(&mapping, model);
}

int model_open(const struct model_spec *spec, const char *folder, const struct engine_kind *kind, struct engine *engine,
               int runners, const char *cache, struct model *ret) {
    bool languages = spec->only_tesseract;
    char *path cleanup(drop_memory) = languages ? copy_string(spec->file) : format("%s/%s", folder, spec->file);
    struct model model = {.spec = spec, .kind = kind};
    int result = languages ? 0 : read_file(spec, folder, path, &model);
    if (result == 0) {
        result = kind->network_load(engine, path, runners, cache, &model.network);
    }
    if (result != 0) {
        model_close(&model);
        return fail(result, "model %s: %s", spec->id, error_detail());
    }
    *ret = model;
    return 0;
}

void model_close(struct model *model) {
    if (model->network) {
        model->kind->network_unload(model->network);
    }
    for (size_t i = 0; i < model->character_count; i++) {
        free(model->characters[i]);
    }
    free(model->characters);
    *model = (struct model){0};
}
