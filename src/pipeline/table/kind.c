#include "pipeline/table/kind.h"

#include "base/error.h"
#include "base/memory.h"
#include "pipeline/area.h"
#include "pipeline/lcnet.h"

enum { RULED, OPEN, KINDS }; /* the classes: PaddleX's wired_table, wireless_table */

int kind_find(const struct hand *hand, const struct image *page, const struct area *area, struct stages *stages,
              bool *ret) {
    const struct model_spec *spec = hand_spec(hand, ROLE_TABLE_CLASS);
    if (!spec) {
        return 0;
    }
    struct point corner;
    struct image part = area_view(page, area, &corner);
    struct hand_run run cleanup(hand_run_end) = {0};
    size_t best, count;
    int result = lcnet_run(hand, ROLE_TABLE_CLASS, STAGE_TABLE, &part, stages, &run, &best, &count);
    if (result != 0) {
        return result;
    }
    if (count != KINDS) {
        return fail(ERR_BAD_MODEL, "model %s gives %zu classes for ruled and other tables", spec->id, count);
    }
    *ret = best == RULED;
    return 0;
}
