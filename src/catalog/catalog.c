#include "catalog/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "conf/yaml.h"

#define MAX_BYTES (1 << 20)

static const char *const role_words[] = {
#define ROLE(symbol, word) word,
#include "table/roles.def"
#undef ROLE
};

const char *role_word(enum role role) { return role_words[role]; }

/* Reading one entry: the first missing or bad key ends it, later ones keep silent. */
struct entry {
    const struct json *json;
    const char *id;
    int result;
};

static void refuse(struct entry *entry, const char *key, const char *expected) {
    if (entry->result == 0) {
        entry->result = fail(ERR_BAD_MODEL, "catalog entry %s: %s must be %s", entry->id, key, expected);
    }
}

static char *read_text(struct entry *entry, const char *key) {
    const char *text = json_string(entry->json, key);
    if (!text) {
        refuse(entry, key, "a word");
    }
    return copy_string(text);
}

/* Of a file in the folder of models. */
static char *read_file_name(struct entry *entry, const char *key) {
    char *name = read_text(entry, key);
    if (name && strchr(name, '/')) {
        refuse(entry, key, "a name without folder");
    }
    return name;
}

static uint32_t read_size(struct entry *entry, const char *key, uint32_t most) {
    int64_t number = json_int(entry->json, key, 0);
    if (number < 1 || number > most) {
        char expected[40];
        snprintf(expected, sizeof(expected), "a number from 1 to %u", most);
        refuse(entry, key, expected);
        return 1;
    }
    return (uint32_t)number;
}

static float read_ratio(struct entry *entry, const char *key, double most) {
    double number = json_real(entry->json, key, 0);
    if (number <= 0 || number > most) {
        refuse(entry, key, "above 0 and not too large");
        return 1;
    }
    return (float)number;
}

static void read_triple(struct entry *entry, const char *key, float ret[3]) {
    const struct json *item = json_first(json_at(entry->json, key));
    for (int i = 0; i < 3; i++) {
        ret[i] = item ? (float)json_as_real(item, -1) : -1;
        if (ret[i] < 0 || ret[i] > 1) {
            refuse(entry, key, "three numbers from 0 to 1");
            ret[i] = 1;
        }
        item = item ? json_next(item) : NULL;
    }
}

static void read_role(struct entry *entry, struct model_spec *spec) {
    const char *word = json_string(entry->json, "role");
    for (size_t i = 0; word && i < array_length(role_words); i++) {
        if (strcmp(word, role_words[i]) == 0) {
            spec->role = (enum role)i;
            return;
        }
    }
    refuse(entry, "role", "one that this version knows");
}

static struct label *find_label(const struct model_spec *spec, const char *word) {
    for (size_t i = 0; word && i < spec->label_count; i++) {
        if (strcmp(spec->labels[i].word, word) == 0) {
            return &spec->labels[i];
        }
    }
    return NULL;
}

/* The classes, which of them have a threshold of their own, and which are large. */
static void read_labels(struct entry *entry, struct model_spec *spec) {
    const struct json *labels = json_at(entry->json, "labels"), *item;
    for (item = json_first(labels); item; item = json_next(item)) {
        const char *word = json_as_string(item);
        if (!word || find_label(spec, word)) {
            refuse(entry, "labels", "a list of different words");
            return;
        }
        spec->labels = resize(spec->labels, spec->label_count + 1, sizeof(*spec->labels));
        spec->labels[spec->label_count++] = (struct label){.word = copy_string(word), .threshold = spec->threshold};
    }
    for (item = json_first(json_at(entry->json, "thresholds")); item; item = json_next(item)) {
        struct label *label = find_label(spec, json_key(item));
        double threshold = json_as_real(item, -1);
        if (!label || threshold <= 0 || threshold > 1) {
            refuse(entry, "thresholds", "numbers above 0, 1 at most, by their labels");
            return;
        }
        label->threshold = (float)threshold;
    }
    for (item = json_first(json_at(entry->json, "large")); item; item = json_next(item)) {
        struct label *label = find_label(spec, json_as_string(item));
        if (!label) {
            refuse(entry, "large", "a list of some of the labels");
            return;
        }
        label->large = true;
    }
    if (labels && !spec->label_count) {
        refuse(entry, "labels", "a list of different words");
    }
}

static void read_sides(struct entry *entry, struct model_spec *spec) {
    spec->width = read_size(entry, "width", 2048);
    spec->height = read_size(entry, "height", 2048);
}

static void read_geometry(struct entry *entry, struct model_spec *spec) {
    switch (spec->role) {
    case ROLE_ORIENT:
    case ROLE_TABLE_CLASS:
        spec->short_side = read_size(entry, "short_side", 2048);
        spec->crop = read_size(entry, "crop", spec->short_side);
        break;
    case ROLE_DETECT:
        spec->long_side = read_size(entry, "long_side", 8192);
        spec->enlarge = read_ratio(entry, "enlarge", 16);
        spec->multiple = read_size(entry, "multiple", 512);
        spec->threshold = read_ratio(entry, "threshold", 1);
        spec->box_threshold = read_ratio(entry, "box_threshold", 1);
        spec->unclip = read_ratio(entry, "unclip", 10);
        spec->dilate = json_bool(entry->json, "dilate", false);
        break;
    case ROLE_UNWARP:
    case ROLE_CLASSIFY:
        read_sides(entry, spec);
        break;
    case ROLE_RECOGNISE:
        spec->height = read_size(entry, "height", 512);
        spec->max_width = read_size(entry, "max_width", 16384);
        spec->bucket = read_size(entry, "bucket", spec->max_width);
        break;
    case ROLE_LAYOUT:
        read_sides(entry, spec);
        spec->threshold = read_ratio(entry, "threshold", 1);
        read_labels(entry, spec);
        break;
    case ROLE_CELLS:
    case ROLE_CELLS_OPEN:
        read_sides(entry, spec);
        spec->threshold = read_ratio(entry, "threshold", 1);
        break;
    case ROLE_TABLE:
    case ROLE_TABLE_RULED:
        spec->long_side = read_size(entry, "long_side", 2048);
        spec->places = json_bool(entry->json, "places", true);
        break;
    case ROLE_FORMULA:
        read_sides(entry, spec);
        spec->tokenizer = read_file_name(entry, "tokenizer");
        break;
    case ROLE_SEAL:
        spec->long_side = read_size(entry, "long_side", 8192);
        spec->short_side = read_size(entry, "short_side", spec->long_side);
        spec->multiple = read_size(entry, "multiple", spec->short_side);
        spec->threshold = read_ratio(entry, "threshold", 1);
        spec->box_threshold = read_ratio(entry, "box_threshold", 1);
        spec->unclip = read_ratio(entry, "unclip", 10);
        spec->dilate = json_bool(entry->json, "dilate", false);
        break;
    case ROLE_READ: /* its models are what Tesseract's folder has */
    case ROLE_COUNT:
        refuse(entry, "role", "one of a model with a file");
        break;
    }
}

static struct memory_prior read_prior(struct entry *entry, const char *engine) {
    const struct json *memory = json_at(json_at(entry->json, "memory"), engine);
    const struct json *first = json_first(json_at(memory, "run"));
    const struct json *second = first ? json_next(first) : NULL;
    struct memory_prior prior = {
        .weights = 1e6 * json_real(memory, "weights", -1),
        .loading = 1e6 * json_real(memory, "loading", -1),
        .run = {.a = first ? 1e6 * json_as_real(first, -1) : -1, .b = second ? json_as_real(second, -1) : -1}};
    if (!(prior.weights >= 0 && prior.loading >= 0 && prior.run.a >= 0 && prior.run.b >= 0)) {
        refuse(entry, "memory", "weights, loading and run of each engine, not negative");
    }
    return prior;
}

static void read_normalisation(struct entry *entry, struct model_spec *spec) {
    const char *channels = json_string(entry->json, "channels");
    spec->blue_first = channels && strcmp(channels, "bgr") == 0;
    spec->grey = channels && strcmp(channels, "grey") == 0;
    if (!channels || (!spec->blue_first && !spec->grey && strcmp(channels, "rgb") != 0)) {
        refuse(entry, "channels", "bgr, rgb or grey");
    }
    float deviation[3];
    read_triple(entry, "mean", spec->mean);
    read_triple(entry, "deviation", deviation);
    for (int i = 0; i < 3; i++) {
        if (deviation[i] <= 0) {
            refuse(entry, "deviation", "above 0");
            deviation[i] = 1;
        }
        spec->mean[i] *= 255;
        spec->scale[i] = 1 / (255 * deviation[i]);
    }
}

/* Most models run on every engine and do not say anything. */
static void read_engine(struct entry *entry, struct model_spec *spec) {
    const char *engine = json_string(entry->json, "engine");
    spec->only_onnxruntime = engine && strcmp(engine, "onnxruntime") == 0;
    if (json_at(entry->json, "engine") && !spec->only_onnxruntime) {
        refuse(entry, "engine", "onnxruntime, or left out");
    }
}

static int read_spec(const struct json *json, struct model_spec *ret) {
    struct entry entry = {.json = json, .id = json_string(json, "id")};
    if (!entry.id) {
        entry.id = "(without id)";
    }
    ret->id = read_text(&entry, "id");
    ret->version = read_text(&entry, "version");
    ret->file = read_file_name(&entry, "file");
    if (json_at(json, "sha256") || json_at(json, "bytes")) {
        ret->sha256 = read_text(&entry, "sha256");
        ret->bytes = read_size(&entry, "bytes", UINT32_MAX);
    }
    ret->idle = json_at(json, "idle") ? read_size(&entry, "idle", 86400) : 0;
    read_role(&entry, ret);
    read_normalisation(&entry, ret);
    read_geometry(&entry, ret);
    read_engine(&entry, ret);
    if (ret->labels && !ret->only_onnxruntime) {
        refuse(&entry, "engine", "onnxruntime where there are labels");
    }
    if (!ret->only_onnxruntime) {
        ret->openvino = read_prior(&entry, "openvino");
    }
    ret->onnxruntime = read_prior(&entry, "onnxruntime");
    return entry.result;
}

int catalog_load(const char *path, struct catalog *ret) {
    char *text cleanup(drop_memory) = NULL;
    size_t length;
    struct json *json cleanup(json_drop) = NULL;
    int result = file_read_path(path, MAX_BYTES, &text, &length);
    if (result != 0) {
        return fail(ERR_BAD_MODEL, "catalog %s", error_detail());
    }
    if (yaml_parse(text, length, &json) != 0) {
        return fail(ERR_BAD_MODEL, "catalog %s:%s", path, error_detail());
    }
    struct catalog catalog = {0};
    const struct json *entry = json_first(json_at(json, "models"));
    for (; result == 0 && entry; entry = json_next(entry)) {
        catalog.specs = resize(catalog.specs, catalog.count + 1, sizeof(*catalog.specs));
        memset(&catalog.specs[catalog.count], 0, sizeof(*catalog.specs));
        result = read_spec(entry, &catalog.specs[catalog.count++]);
    }
    if (result != 0) {
        catalog_done(&catalog);
        return result;
    }
    *ret = catalog;
    return 0;
}

void catalog_done(struct catalog *catalog) {
    for (size_t i = 0; i < catalog->count; i++) {
        struct model_spec *spec = &catalog->specs[i];
        free(spec->id);
        free(spec->version);
        free(spec->file);
        free(spec->sha256);
        for (size_t k = 0; k < spec->label_count; k++) {
            free(spec->labels[k].word);
        }
        free(spec->labels);
        free(spec->tokenizer);
    }
    free(catalog->specs);
    *catalog = (struct catalog){0};
}

bool catalog_has(const struct model_spec *spec, const char *folder) {
    char *path cleanup(drop_memory) = format("%s/%s", folder, spec->file);
    char *tokenizer cleanup(drop_memory) = spec->tokenizer ? format("%s/%s", folder, spec->tokenizer) : NULL;
    return access(path, R_OK) == 0 && (!tokenizer || access(tokenizer, R_OK) == 0);
}

/* Whether one before it has the same role and version. */
static bool is_told(const struct catalog *catalog, size_t place) {
    const struct model_spec *spec = &catalog->specs[place];
    for (size_t i = 0; i < place; i++) {
        if (catalog->specs[i].role == spec->role && strcmp(catalog->specs[i].version, spec->version) == 0) {
            return true;
        }
    }
    return false;
}

static int refuse_version(const struct catalog *catalog, enum role role, const char *version) {
    struct buffer known cleanup(buffer_done) = {0};
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->specs[i].role == role && !is_told(catalog, i)) {
            buffer_add_format(&known, "%s%s", known.length ? ", " : "", catalog->specs[i].version);
        }
    }
    return fail(ERR_NO_MODEL, "the catalog has no model of role %s, version %s; it has %s", role_word(role),
                version ? version : "any", known.length ? known.data : "none");
}

int catalog_choose(const struct catalog *catalog, enum role role, const char *version, const char *folder,
                   const struct model_spec **ret) {
    struct buffer known cleanup(buffer_done) = {0};
    for (size_t i = 0; i < catalog->count; i++) {
        const struct model_spec *spec = &catalog->specs[i];
        if (spec->role != role || (version && strcmp(version, spec->version) != 0)) {
            continue;
        }
        if (catalog_has(spec, folder)) {
            *ret = spec;
            return 0;
        }
        buffer_add_format(&known, "%s%s", known.length ? " or " : "", spec->file);
        buffer_add_format(&known, "%s%s", spec->tokenizer ? " with " : "", spec->tokenizer ? spec->tokenizer : "");
    }
    if (known.length == 0) {
        return refuse_version(catalog, role, version);
    }
    return fail(ERR_NO_MODEL, "a model of role %s: %s is not in %s", role_word(role), known.data, folder);
}
