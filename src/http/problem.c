#include "http/problem.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

struct json *problem_to_json(int error, const char *detail, const char *request_id) {
    struct json *problem = json_object_new();
    char *type cleanup(drop_memory) = format("urn:octavo:error:%s", error_word(error));
    json_set_string(problem, "type", type);
    json_set_string(problem, "title", error_sentence(error));
    json_set_int(problem, "status", error_http_status(error));
    json_set_string(problem, "detail", detail ? detail : "");
    json_set_string(problem, "code", error_word(error));
    json_set_string(problem, "advice", error_advice(error));
    json_set_string(problem, "request_id", request_id);
    return problem;
}

int problem_read(const char *text, size_t length, struct json **ret) {
    struct json *problem cleanup(json_drop) = NULL;
    const char *word = json_parse(text, length, &problem) == 0 ? json_string(problem, "code") : NULL;
    if (!word) {
        return 0;
    }
    int error = error_from_word(word);
    const char *detail = json_string(problem, "detail");
    error = strcmp(error_word(error), word) == 0 ? fail(error, "%s", detail ? detail : "")
                                                 : fail(ERR_REFUSED, "%.60s", word);
    *ret = take(problem);
    return error;
}
