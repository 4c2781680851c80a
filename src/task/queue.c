#include "task/queue.h"

enum { UNMEASURED_SECONDS = 5, LONGEST_SECONDS = 600 };

bool queue_before(const struct queue_place *a, const struct queue_place *b) {
    int64_t score_a = a->priority * QUEUE_AGEING - a->since, score_b = b->priority * QUEUE_AGEING - b->since;
    return score_a != score_b ? score_a > score_b : a->number < b->number;
}

int64_t queue_retry_after(double seconds_per_task, int64_t tasks) {
    double seconds = (seconds_per_task > 0 ? seconds_per_task : UNMEASURED_SECONDS) * (double)(tasks > 1 ? tasks : 1);
    return seconds >= LONGEST_SECONDS ? LONGEST_SECONDS : seconds < 1 ? 1 : (int64_t)seconds;
}
