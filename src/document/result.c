#include "document/result.h"

#include <stdlib.h>

#include "base/memory.h"

void result_warn(struct result *result, const char *warning) {
    result->warnings = resize(result->warnings, result->warning_count + 1, sizeof(*result->warnings));
    result->warnings[result->warning_count++] = copy_string(warning);
}

void result_done(struct result *result) {
    for (size_t i = 0; i < result->page_count; i++) {
        page_done(&result->pages[i]);
    }
    for (size_t i = 0; i < result->warning_count; i++) {
        free(result->warnings[i]);
    }
    free(result->pages);
    free(result->warnings);
    free(result->name);
    free(result->format);
    free(result->engine);
    *result = (struct result){0};
}
