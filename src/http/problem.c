#include "http/problem.h"

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
