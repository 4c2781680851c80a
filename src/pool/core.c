#include "pool/core.h"

#include <stdarg.h>
#include <stdio.h>

void core_note(const struct core *core, const char *pattern, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, pattern);
    vsnprintf(text, sizeof(text), pattern, arguments);
    va_end(arguments);
    core->events->note(core->events->context, text);
}

void core_results(struct core *core, int64_t more) {
    core->results += (uint64_t)more;
    ledger_note(core->ledger, core->account, CHARGE_RESULT, core->results);
}

void core_uploads(struct core *core, uint64_t bytes) {
    core->uploads = bytes;
    ledger_note(core->ledger, core->account, CHARGE_UPLOAD, bytes);
}
