#include "api/paddlex.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

enum kind { TRUTH, WHOLE, NUMBER, WORD, ANYTHING };
enum calls { OCR = 1, LAYOUT = 2, BOTH = 3 };
enum effect {
    EFFECT_IGNORED,
    EFFECT_LACKING,
    EFFECT_FILE,
    EFFECT_FILE_TYPE,
    EFFECT_LOG_ID,
    EFFECT_ORIENT,
    EFFECT_UNWARP,
    EFFECT_LINE_ORIENT,
    EFFECT_LAYOUT,
    EFFECT_FORMULA,
    EFFECT_SEAL,
    EFFECT_CHART,
    EFFECT_TABLES,
    EFFECT_WORDS,
    EFFECT_IMAGES,
    EFFECT_PICTURES,
    EFFECT_SCORE,
    EFFECT_FORMATS,
};

static const struct field {
    const char *word;
    enum kind kind;
    enum calls calls;
    enum effect effect;
} fields[] = {
#define FIELD(word, kind, calls, effect) {word, kind, calls, EFFECT_##effect},
#include "table/paddlex.def"
#undef FIELD
};

/* A value as its kind has it. */
struct value {
    bool truth;
    double number;
    const char *word;
    const struct json *json;
};

void paddlex_request_done(struct paddlex_request *request) {
    free(request->log_id);
    wish_done(&request->wish);
}

/* Failures, in the words of the library that PaddleX checks requests with. */

static int refuse(const char *type, const char *field, const char *message) {
    struct json *list cleanup(json_drop) = json_array_new(), *error = json_object_new(), *place = json_array_new();
    json_set_string(error, "type", type);
    json_append_string(place, "body");
    if (field) {
        json_append_string(place, field);
    }
    json_set(error, "loc", place);
    json_set_string(error, "msg", message);
    json_append(list, error);
    char *text cleanup(drop_memory) = json_text(list, false);
    return fail(ERR_UNPROCESSABLE, "%s", text);
}

/* Reading values */

static int refuse_kind(const struct field *field) {
    static const char *const refusals[][2] = {
        [TRUTH] = {"bool_parsing", "Input should be a valid boolean"},
        [WHOLE] = {"int_parsing", "Input should be a valid integer"},
        [NUMBER] = {"float_parsing", "Input should be a valid number"},
        [WORD] = {"string_type", "Input should be a valid string"},
    };
    return refuse(refusals[field->kind][0], field->word, refusals[field->kind][1]);
}

static bool is_word_of(const char *list, const char *word) {
    size_t length = strlen(word);
    for (const char *at = list; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        if (length > 0 && strcspn(at, " ") == length && strncasecmp(at, word, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_truth(const struct json *object, const char *key, const char *word, double number, bool *ret) {
    bool truth = json_bool(object, key, false);
    if (truth == json_bool(object, key, true)) {
        *ret = truth;
        return true;
    }
    *ret = word ? is_word_of("true 1 yes on t y", word) : number == 1;
    return *ret || (word ? is_word_of("false 0 no off f n", word) : number == 0);
}

/* Words stand for what they read as. */
static double read_number(const struct json *json, const char *word) {
    char *end = NULL;
    double number = word && *word ? strtod(word, &end) : json_as_real(json, NAN);
    return end && *end ? (double)NAN : number;
}

static int read_value(const struct json *object, const struct field *field, struct value *ret) {
    const struct json *json = json_at(object, field->word);
    struct value value = {.json = json, .word = json_as_string(json)};
    bool sound = true;
    value.number = read_number(json, value.word);
    switch (field->kind) {
    case TRUTH:
        sound = read_truth(object, field->word, value.word, value.number, &value.truth);
        break;
    case WHOLE:
        sound = isfinite(value.number) && value.number == trunc(value.number);
        break;
    case NUMBER:
        sound = isfinite(value.number);
        break;
    case WORD:
        sound = value.word != NULL;
        break;
    case ANYTHING:
        break;
    }
    *ret = value;
    return sound ? 0 : refuse_kind(field);
}

/* What they do */

static int set_file_type(struct paddlex_request *request, double number) {
    if (number != PADDLEX_PDF && number != PADDLEX_IMAGE) {
        return refuse("literal_error", "fileType", "Input should be 0 or 1");
    }
    request->file_type = (int)number;
    return 0;
}

static int set_formats(const struct json *list) {
    return json_first(list)
               ? fail(ERR_UNPROCESSABLE, "outputFormats: none is available here: an empty list is expected")
               : 0;
}

static int refuse_lacking(const struct field *field, bool wanted) {
    return wanted ? fail(ERR_NO_MODEL, "%s: there is no model for it", field->word) : 0;
}

static int apply(struct paddlex_request *request, const struct field *field, const struct value *value) {
    struct paddlex_terms *terms = &request->terms;
    switch (field->effect) {
    case EFFECT_LACKING:
        return refuse_lacking(field, value->truth);
    case EFFECT_FILE_TYPE:
        return set_file_type(request, value->number);
    case EFFECT_LOG_ID:
        request->log_id = copy_string(value->word);
        return 0;
    case EFFECT_ORIENT:
        return wish_set(&request->wish, "orient", value->truth ? "on" : "off");
    case EFFECT_UNWARP:
        return wish_set(&request->wish, "unwarp", value->truth ? "on" : "off");
    case EFFECT_LINE_ORIENT:
        return wish_set(&request->wish, "line_orient", value->truth ? "on" : "off");
    case EFFECT_LAYOUT:
        return wish_set(&request->wish, "layout", value->truth ? "on" : "off");
    case EFFECT_FORMULA:
        return wish_set(&request->wish, "formula", value->truth ? "on" : "off");
    case EFFECT_SEAL:
        return wish_set(&request->wish, "seal", value->truth ? "on" : "off");
    case EFFECT_CHART:
        return wish_set(&request->wish, "chart", value->truth ? "on" : "off");
    case EFFECT_TABLES:
        terms->tables = value->truth;
        return 0;
    case EFFECT_WORDS:
        terms->words = value->truth;
        return 0;
    case EFFECT_IMAGES:
        terms->images = value->truth;
        return 0;
    case EFFECT_PICTURES:
        return wish_set(&request->wish, "png", value->truth ? "1" : "0");
    case EFFECT_SCORE:
        terms->score = value->number;
        return 0;
    case EFFECT_FORMATS:
        return set_formats(value->json);
    case EFFECT_IGNORED:
    case EFFECT_FILE:
        break;
    }
    return 0;
}

/* All of it */

/* By the ending of the URL's path. */
static int guess_type(const char *url) {
    const char *path = strstr(url, "://") + 3;
    size_t length = strcspn(path, "?#");
    const char *dot = memrchr(path, '.', length);
    char *ending cleanup(drop_memory) = dot ? copy_bytes(dot + 1, length - (size_t)(dot + 1 - path)) : NULL;
    if (ending && strcasecmp(ending, "pdf") == 0) {
        return PADDLEX_PDF;
    }
    return ending && is_word_of("bmp gif jp2 jpe jpeg jpg pbm pgm png pnm ppm tif tiff webp", ending) ? PADDLEX_IMAGE
                                                                                                      : -1;
}

static int find_type(struct paddlex_request *request, const char *url) {
    if (request->file_type >= 0) {
        return 0;
    }
    request->file_type = url ? guess_type(url) : -1;
    return request->file_type >= 0
               ? 0
               : fail(ERR_UNPROCESSABLE, url ? "Unsupported file type" : "File type cannot be determined");
}

/* As PaddleX does by itself: 144 dpi, of several pages in one image the first, pictures beside Markdown. */
static int wish_usual(struct paddlex_request *request, int64_t pages) {
    bool pdf = request->file_type == PADDLEX_PDF;
    char *most cleanup(drop_memory) = format("-%lld", pdf ? (long long)pages : 1);
    int result = wish_set(&request->wish, "pages", most);
    result = result == 0 && pdf ? wish_set(&request->wish, "dpi", "144") : result;
    result =
        result == 0 && request->layout && request->terms.images ? wish_set(&request->wish, "figures", "1") : result;
    bool told = request->wish.layout != NULL;
    return result || told ? result : wish_set(&request->wish, "layout", request->layout ? "on" : "off");
}

int paddlex_request_read(const struct json *object, const char *url, int64_t pages, struct paddlex_request *ret) {
    ret->file_type = -1;
    ret->terms = (struct paddlex_terms){.tables = true, .images = true};
    if (!object) {
        return refuse("json_invalid", NULL, "JSON decode error");
    }
    if (!json_at(object, "file")) {
        return refuse("missing", "file", "Field required");
    }
    for (size_t i = 0; i < array_length(fields); i++) {
        const struct field *field = &fields[i];
        const struct json *json = json_at(object, field->word);
        bool taken = json && (!json_is_null(json) || field->effect == EFFECT_FILE);
        struct value value;
        int result = 0;
        if (taken && (field->calls & (ret->layout ? LAYOUT : OCR))) {
            result = read_value(object, field, &value);
            result = result ? result : apply(ret, field, &value);
        }
        if (result != 0) {
            return result;
        }
    }
    int result = find_type(ret, url);
    return result ? result : wish_usual(ret, pages);
}

/* Answers */

char *paddlex_log_id(void) {
    unsigned char b[16] = {0}; /* where there are no random ones, ids are alike: nothing rests on them */
    ssize_t got = getrandom(b, sizeof(b), 0);
    (void)got;
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    return format("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4],
                  b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

struct json *paddlex_problem(int error, const char *detail, int *status) {
    struct json *answer = json_object_new();
    char *id cleanup(drop_memory) = paddlex_log_id();
    bool lacks = error == ERR_NO_MODEL || error == ERR_NO_STAGE;
    detail = detail ? detail : "";
    char *message cleanup(drop_memory) = error == ERR_UNPROCESSABLE ? copy_string(detail)
                                         : lacks ? format("the input params for model settings are invalid! %s", detail)
                                                 : format("%s%s%s", error_sentence(error), *detail ? ": " : "", detail);
    *status = lacks ? 500 : *status; /* as there: what is missing will still be missing later */
    json_set_string(answer, "logId", id);
    json_set_int(answer, "errorCode", *status);
    json_set_string(answer, "errorMsg", message);
    return answer;
}
