/*
 * Tesseract through its C API; the only file that includes its header. It is the system's library unless there is one
 * in the engine's folder.
 *
 * A network is a language set, FOLDER/LANGUAGE+LANGUAGE as its path, or FOLDER/osd, which sees how pages lie by the
 * classifier that was before the neural networks. An instance (TessBaseAPI) belongs to one thread at a time and has
 * weights of its own: a runner is one. The load makes the first, so that bad data is known then.
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <tesseract/capi.h>
#pragma GCC diagnostic pop

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "catalog/tessdata.h"
#include "engine/engine.h"
#include "engine/library.h"

enum { MOST_SIDE = 32767 /* pixels: coordinates have 16 bits */, LEPTONICA_SILENT = 6 };

/* The functions used; FUNCTION(name) becomes a pointer in struct api and a line in its look-up. */
#define FUNCTIONS                                                                                                      \
    FUNCTION(TessVersion)                                                                                              \
    FUNCTION(TessDeleteText)                                                                                           \
    FUNCTION(TessBaseAPICreate)                                                                                        \
    FUNCTION(TessBaseAPIDelete)                                                                                        \
    FUNCTION(TessBaseAPIInit2)                                                                                         \
    FUNCTION(TessBaseAPISetVariable)                                                                                   \
    FUNCTION(TessBaseAPISetPageSegMode)                                                                                \
    FUNCTION(TessBaseAPISetImage)                                                                                      \
    FUNCTION(TessBaseAPISetSourceResolution)                                                                           \
    FUNCTION(TessBaseAPIRecognize)                                                                                     \
    FUNCTION(TessBaseAPIDetectOrientationScript)                                                                       \
    FUNCTION(TessBaseAPIGetIterator)                                                                                   \
    FUNCTION(TessBaseAPIClear)                                                                                         \
    FUNCTION(TessBaseAPIClearAdaptiveClassifier)                                                                       \
    FUNCTION(TessBaseAPIEnd)                                                                                           \
    FUNCTION(TessBaseAPIClearPersistentCache)                                                                          \
    FUNCTION(TessResultIteratorDelete)                                                                                 \
    FUNCTION(TessResultIteratorGetPageIterator)                                                                        \
    FUNCTION(TessResultIteratorNext)                                                                                   \
    FUNCTION(TessResultIteratorGetUTF8Text)                                                                            \
    FUNCTION(TessResultIteratorConfidence)                                                                             \
    FUNCTION(TessPageIteratorIsAtBeginningOf)                                                                          \
    FUNCTION(TessPageIteratorBoundingBox)                                                                              \
    FUNCTION(TessMonitorCreate)                                                                                        \
    FUNCTION(TessMonitorDelete)                                                                                        \
    FUNCTION(TessMonitorSetCancelFunc)                                                                                 \
    FUNCTION(TessMonitorSetCancelThis)

struct api {
#define FUNCTION(name) __typeof__(&name) name;
    FUNCTIONS
#undef FUNCTION
    int (*setMsgSeverity)(int); /* of leptonica, which comes with it */
};

struct engine {
    struct api api;
    pthread_mutex_t making; /* instances come and go one at a time: they share a cache of dictionaries */
};

struct network {
    struct engine *engine;
    char *folder, *languages;
    _Atomic(struct runner *) first; /* made by the load; NULL: somebody has it */
};

struct runner {
    struct network *network;
    TessBaseAPI *instance;
};

/* What is only told on standard error is not told: the answer is what counts. */
static void silence(const struct api *api) {
    TessBaseAPI *any = api->TessBaseAPICreate();
    api->TessBaseAPISetVariable(any, "debug_file", "/dev/null");
    api->TessBaseAPIDelete(any);
    api->setMsgSeverity(LEPTONICA_SILENT);
}

static int load_api(const char *folder, struct api *ret) {
    const struct library_symbol symbols[] = {
#define FUNCTION(name) {#name, &ret->name},
        FUNCTIONS
#undef FUNCTION
        {"setMsgSeverity", &ret->setMsgSeverity},
    };
    void *library;
    return library_load(folder, "libtesseract.so.5", true, symbols, array_length(symbols), &library);
}

static void tesseract_close(struct engine *engine) {
    pthread_mutex_destroy(&engine->making);
    free(engine);
}

static int tesseract_open(const char *folder, struct engine **ret) {
    setenv("OMP_THREAD_LIMIT", "1",
           0); /* one core for each run, and nothing that spins; the worker's main() has set it */
    struct engine *engine = alloc(1, sizeof(*engine));
    pthread_mutex_init(&engine->making, NULL);
    int result = load_api(folder, &engine->api);
    if (result != 0) {
        tesseract_close(engine);
        return fail(result, "Tesseract 5 cannot be used (%s): install the package libtesseract5", error_detail());
    }
    silence(&engine->api);
    *ret = engine;
    return 0;
}

static const char *tesseract_version(const struct engine *engine) { return engine->api.TessVersion(); }

static void drop_instance(const struct api *api, TessBaseAPI *instance) {
    api->TessBaseAPIEnd(instance);
    api->TessBaseAPIClearPersistentCache(instance);
    api->TessBaseAPIDelete(instance);
}

static int make_runner(struct network *network, struct runner **ret) {
    const struct api *api = &network->engine->api;
    pthread_mutex_lock(&network->engine->making);
    TessBaseAPI *instance = api->TessBaseAPICreate();
    bool reads = strcmp(network->languages, TESSDATA_ORIENTATION) != 0;
    int failed = api->TessBaseAPIInit2(instance, network->folder, network->languages,
                                       reads ? OEM_LSTM_ONLY : OEM_TESSERACT_ONLY);
    if (failed) {
        drop_instance(api, instance);
    }
    pthread_mutex_unlock(&network->engine->making);
    if (failed) {
        return fail(ERR_BAD_MODEL, "Tesseract cannot load %s from %s: install the languages again", network->languages,
                    network->folder);
    }
    api->TessBaseAPISetPageSegMode(instance, PSM_AUTO);
    struct runner *runner = alloc(1, sizeof(*runner));
    *runner = (struct runner){.network = network, .instance = instance};
    *ret = runner;
    return 0;
}

static void tesseract_runner_free(struct runner *runner) {
    struct engine *engine = runner->network->engine;
    pthread_mutex_lock(&engine->making);
    drop_instance(&engine->api, runner->instance);
    pthread_mutex_unlock(&engine->making);
    free(runner);
}

static void tesseract_network_unload(struct network *network) {
    struct runner *first = atomic_load(&network->first);
    if (first) {
        tesseract_runner_free(first);
    }
    free(network->folder);
    free(network->languages);
    free(network);
}

static int tesseract_network_load(struct engine *engine, const char *path, int runners, const char *cache,
                                  struct network **ret) {
    (void)runners; /* each is made when it is asked for */
    (void)cache;
    const char *slash = strrchr(path, '/');
    struct network *network = alloc(1, sizeof(*network));
    network->engine = engine;
    network->folder = slash ? copy_bytes(path, (size_t)(slash - path)) : copy_string(".");
    network->languages = copy_string(slash ? slash + 1 : path);
    struct runner *first = NULL;
    int result = make_runner(network, &first);
    atomic_store(&network->first, first);
    if (result != 0) {
        tesseract_network_unload(network);
        return result;
    }
    *ret = network;
    return 0;
}

static int tesseract_runner_new(struct network *network, struct runner **ret) {
    struct runner *first = atomic_exchange(&network->first, NULL);
    if (first) {
        *ret = first;
        return 0;
    }
    return make_runner(network, ret);
}

static void tesseract_output_free(struct runner *runner) {
    const struct api *api = &runner->network->engine->api;
    api->TessBaseAPIClear(runner->instance);
    api->TessBaseAPIClearAdaptiveClassifier(runner->instance); /* no page is read by what another one taught */
}

/* Taking the result apart */

/* Where the reading stands. */
struct walk {
    const struct api *api;
    TessResultIterator *at;
    const TessPageIterator *place; /* the same */
    float width, height;
    struct line *lines;
    size_t count;
    uint32_t block;
};

static float within(int at, float most) { return at > 0 ? ((float)at < most ? (float)at : most) : 0; }

static struct quad quad_at(const struct walk *walk, TessPageIteratorLevel level) {
    int left = 0, top = 0, right = 0, bottom = 0;
    walk->api->TessPageIteratorBoundingBox(walk->place, level, &left, &top, &right, &bottom);
    float x0 = within(left, walk->width), x1 = within(right, walk->width);
    float y0 = within(top, walk->height), y1 = within(bottom, walk->height);
    return (struct quad){{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}};
}

static float score_at(const struct walk *walk, TessPageIteratorLevel level) {
    float percent = walk->api->TessResultIteratorConfidence(walk->at, level);
    return percent > 0 ? (percent < 100 ? percent / 100 : 1) : 0;
}

/* Without the white at its ends. Caller frees. */
static char *text_at(const struct walk *walk, TessPageIteratorLevel level) {
    static const char white[] = " \t\r\n\f";
    char *text = walk->api->TessResultIteratorGetUTF8Text(walk->at, level);
    const char *begin = text ? text + strspn(text, white) : "";
    size_t length = strlen(begin);
    while (length > 0 && strchr(white, begin[length - 1])) {
        length--;
    }
    char *copy = copy_bytes(begin, length);
    walk->api->TessDeleteText(text);
    return copy;
}

static void begin_line(struct walk *walk) {
    walk->block += walk->count > 0 && walk->api->TessPageIteratorIsAtBeginningOf(walk->place, RIL_PARA);
    walk->lines = resize(walk->lines, walk->count + 1, sizeof(*walk->lines));
    walk->lines[walk->count] = (struct line){.text = text_at(walk, RIL_TEXTLINE),
                                             .score = score_at(walk, RIL_TEXTLINE),
                                             .quad = quad_at(walk, RIL_TEXTLINE),
                                             .block = walk->block,
                                             .row = (uint32_t)walk->count};
    walk->count++;
}

/* The word is found in its line behind the word before. */
static void add_word(const struct walk *walk) {
    struct line *line = &walk->lines[walk->count - 1];
    const struct word *last = line->word_count > 0 ? &line->words[line->word_count - 1] : NULL;
    char *text cleanup(drop_memory) = text_at(walk, RIL_WORD);
    const char *found = *text ? strstr(line->text + (last ? last->start + last->length : 0), text) : NULL;
    if (found) {
        line->words = resize(line->words, line->word_count + 1, sizeof(*line->words));
        line->words[line->word_count++] = (struct word){.start = (uint32_t)(found - line->text),
                                                        .length = (uint32_t)strlen(text),
                                                        .score = score_at(walk, RIL_WORD),
                                                        .quad = quad_at(walk, RIL_WORD)};
    }
}

/* White that was taken for a line says nothing. */
static size_t drop_empty(struct line *lines, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (lines[i].text[0]) {
            lines[kept++] = lines[i];
        } else {
            free(lines[i].text);
        }
    }
    return kept;
}

static void take_lines(const struct api *api, TessResultIterator *at, const struct image *picture, struct line **ret,
                       size_t *ret_count) {
    struct walk walk = {.api = api,
                        .at = at,
                        .place = api->TessResultIteratorGetPageIterator(at),
                        .width = (float)picture->width,
                        .height = (float)picture->height};
    do {
        if (walk.count == 0 || api->TessPageIteratorIsAtBeginningOf(walk.place, RIL_TEXTLINE)) {
            begin_line(&walk);
        }
        add_word(&walk);
    } while (api->TessResultIteratorNext(at, RIL_WORD));
    *ret = walk.lines;
    *ret_count = drop_empty(walk.lines, walk.count);
}

/* Asked by Tesseract between words. */
static bool is_cancelled(void *cancel, int words) {
    (void)words;
    return atomic_load((const atomic_bool *)cancel);
}

static int recognise(const struct api *api, TessBaseAPI *instance, const atomic_bool *cancel) {
    ETEXT_DESC *monitor = api->TessMonitorCreate();
    if (cancel) {
        api->TessMonitorSetCancelFunc(monitor, is_cancelled);
        api->TessMonitorSetCancelThis(monitor, (void *)(uintptr_t)cancel);
    }
    int failed = api->TessBaseAPIRecognize(instance, monitor);
    api->TessMonitorDelete(monitor);
    if (cancel && atomic_load(cancel)) {
        return fail(ERR_INTERRUPTED, "cancelled");
    }
    return failed ? fail(ERR_ENGINE, "Tesseract gave the picture up") : 0;
}

/* Lays the picture before the instance. */
static int set_picture(struct runner *runner, const struct image *picture, float dpi) {
    const struct api *api = &runner->network->engine->api;
    if (picture->width > MOST_SIDE || picture->height > MOST_SIDE) {
        return fail(ERR_TOO_LARGE, "Tesseract reads pictures of at most %d pixels a side, this one has %u x %u",
                    MOST_SIDE, picture->width, picture->height);
    }
    api->TessBaseAPISetImage(runner->instance, picture->pixels, (int)picture->width, (int)picture->height,
                             (int)picture->channels, (int)picture->stride);
    if (dpi > 0) {
        api->TessBaseAPISetSourceResolution(runner->instance, (int)(dpi + 0.5F));
    }
    return 0;
}

static int tesseract_read(struct runner *runner, const struct image *picture, float dpi, const atomic_bool *cancel,
                          struct line **ret, size_t *ret_count) {
    const struct api *api = &runner->network->engine->api;
    int result = set_picture(runner, picture, dpi);
    if (result != 0) {
        return result;
    }
    result = recognise(api, runner->instance, cancel);
    if (result != 0) {
        tesseract_output_free(runner);
        return result;
    }
    *ret = NULL;
    *ret_count = 0;
    TessResultIterator *at = api->TessBaseAPIGetIterator(runner->instance);
    if (at) {
        take_lines(api, at, picture, ret, ret_count);
        api->TessResultIteratorDelete(at);
    }
    return 0;
}

static int tesseract_orient(struct runner *runner, const struct image *picture, float dpi, struct orientation *ret) {
    const struct api *api = &runner->network->engine->api;
    struct orientation seen = {0};
    int result = set_picture(runner, picture, dpi);
    if (result != 0) {
        return result;
    }
    bool told = api->TessBaseAPIDetectOrientationScript(runner->instance, &seen.angle, &seen.sureness, NULL, NULL);
    *ret = told ? seen : (struct orientation){0};
    return 0;
}

const struct engine_kind engine_tesseract = {
    .name = "tesseract",
    .runs_in_caller = true,
    .spare = UINT64_MAX,
    .exclusive = true,
    .open = tesseract_open,
    .close = tesseract_close,
    .version = tesseract_version,
    .network_load = tesseract_network_load,
    .network_unload = tesseract_network_unload,
    .runner_new = tesseract_runner_new,
    .runner_free = tesseract_runner_free,
    .output_free = tesseract_output_free,
    .read = tesseract_read,
    .orient = tesseract_orient,
};
