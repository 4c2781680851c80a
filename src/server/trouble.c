#include "server/trouble.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

static const int64_t SECOND = 1000000000;
enum { FIRST_PAUSE = 1, LONGEST_PAUSE = 30 };

void trouble_note(struct trouble *trouble, int error, const char *detail) {
    char *copy = copy_string(detail);
    if (trouble->error != error) {
        log_line(LOG_ERROR, "%s: %s; %s", error_sentence(error), copy, error_advice(error));
        trouble->pause = FIRST_PAUSE;
    } else if (trouble->pause < LONGEST_PAUSE) {
        trouble->pause *= 2;
    }
    trouble->error = error;
    free(trouble->detail);
    trouble->detail = copy;
    trouble->resume_at = clock_now() + trouble->pause * SECOND;
}

void trouble_over(struct trouble *trouble) {
    if (trouble->error != 0) {
        log_line(LOG_INFO, "work goes on: %s", error_sentence(trouble->error));
        trouble->error = 0;
    }
}

void trouble_done(struct trouble *trouble) {
    free(trouble->detail);
    *trouble = (struct trouble){0};
}
