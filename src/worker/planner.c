#include "worker/planner.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "model/run.h"
#include "pipeline/detect.h"
#include "pipeline/reading.h"
#include "pipeline/tiles.h"

#define USUAL_WIDTH                                                                                                    \
    1600 /* pixels; lines that are wider as the network sees them are rare: their runs wait for room                   \
          */

#define USUAL_PAGE 4000000 /* pixels of a page that is read as a whole: A4 at 200 dpi; larger runs wait likewise */

/* Of a worker that has opened the engine; measured as PSS. */
static struct prior baseline_prior(const struct engine_kind *kind, bool second) {
    if (kind == &engine_tesseract) {
        return (struct prior){.a = second ? 65e6 : 20e6};
    }
    return (struct prior){.a = second ? 100e6 : kind == &engine_openvino ? 75e6 : 40e6};
}

static char *baseline_key(const struct engine_kind *kind, bool second) {
    return second ? copy_string("worker/openvino+onnxruntime/cpu/1/baseline")
                  : format("worker/%s/cpu/1/baseline", kind->name);
}

const struct engine_kind *planner_kind(const struct model_spec *spec, const struct engine_kind *kind) {
    return !spec                                  ? kind
           : spec->only_tesseract                 ? &engine_tesseract
           : spec->only_onnxruntime || kind->read ? &engine_onnxruntime
                                                  : kind;
}

uint64_t planner_baseline(struct predictor *predictor, const struct engine_kind *kind, bool second) {
    char *key cleanup(drop_memory) = baseline_key(kind, second);
    return predict(predictor, key, baseline_prior(kind, second), 0);
}

void planner_learn_baseline(struct predictor *predictor, const struct engine_kind *kind, bool second, uint64_t bytes) {
    char *key cleanup(drop_memory) = baseline_key(kind, second);
    predict_learn(predictor, key, 0, bytes, 0);
}

uint64_t planner_largest(const struct model_spec *spec, int tiles) {
    switch (spec->role) {
    case ROLE_ORIENT:
    case ROLE_TABLE_CLASS:
        return UINT64_C(3) * (spec->only_tesseract ? USUAL_PAGE : (uint64_t)spec->crop * spec->crop);
    case ROLE_DETECT: {
        struct tiles cut = tiles_cut(spec->long_side, spec->long_side, spec->multiple, (uint32_t)tiles, DETECT_OVERLAP);
        return UINT64_C(3) * cut.width * cut.height;
    }
    case ROLE_UNWARP:
    case ROLE_CLASSIFY:
    case ROLE_LAYOUT:
    case ROLE_CELLS:
    case ROLE_CELLS_OPEN:
        return UINT64_C(3) * spec->width * spec->height;
    case ROLE_FORMULA:
        return (uint64_t)spec->width * spec->height;
    case ROLE_RECOGNISE:
        return UINT64_C(3) * (spec->max_width < USUAL_WIDTH ? spec->max_width : USUAL_WIDTH) * spec->height;
    case ROLE_SEAL: /* a square one, as large as is needed */
        return UINT64_C(3) * spec->short_side * spec->short_side;
    case ROLE_TABLE:
    case ROLE_TABLE_RULED:
        return UINT64_C(3) * spec->long_side * spec->long_side;
    case ROLE_READ:
        return UINT64_C(3) * USUAL_PAGE;
    case ROLE_COUNT:
        break;
    }
    return 0;
}

bool planner_second(const struct model_spec *const specs[ROLE_COUNT], const struct engine_kind *kind) {
    bool second = false;
    for (int role = 0; role < ROLE_COUNT; role++) {
        second = second || (planner_kind(specs[role], kind) != kind && !specs[role]->only_tesseract);
    }
    return second;
}

static struct plan_costs costs_of(const struct planner *planner, const struct engine_kind *kind) {
    bool second = planner->both || planner_second(planner->specs, kind);
    struct plan_costs costs = {
        .engine = kind->name, .baseline = planner_baseline(planner->predictor, kind, second), .keeps = kind->keeps};
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct model_spec *spec = planner->specs[role];
        if (!spec) {
            continue;
        }
        struct plan_model *model = &costs.model[costs.models++];
        const struct engine_kind *runs = planner_kind(spec, kind);
        costs.baseline += runs->read && runs != kind ? PLANNER_LIBRARY : 0;
        model->weights = weights_predict(planner->predictor, spec, runs);
        model->loading = loading_predict(planner->predictor, spec, runs);
        model->by_line = role_reads_lines((enum role)role);
        model->own_weights = runs->exclusive && model->by_line;
        for (int tiles = 1; tiles <= PLAN_TILES; tiles++) {
            int least = tiles > planner->tiles ? tiles : planner->tiles;
            model->run[tiles - 1] = run_predict(planner->predictor, spec, runs, false, planner_largest(spec, least));
        }
        model->further = run_predict(planner->predictor, spec, runs, runs->keeps, planner_largest(spec, 1));
    }
    return costs;
}

static struct page_plan tell(const struct planner *planner, const struct plan *plan, const struct engine_kind *kind) {
    struct page_plan told = {.threads = (uint32_t)plan->threads,
                             .tiles = (uint32_t)(plan->tiles > planner->tiles ? plan->tiles : planner->tiles),
                             .swapping = plan->swapping,
                             .reduced = plan->engine > 0 || plan->threads < planner->threads || plan->swapping ||
                                        (plan->tiles > 1 && plan->tiles > planner->tiles)};
    snprintf(told.engine, sizeof(told.engine), "%s", kind->name);
    return told;
}

int planner_choose(const struct planner *planner, uint64_t bytes, struct planned *ret) {
    struct plan_costs costs[PLANNER_ENGINES];
    struct plan plan;
    for (size_t i = 0; i < planner->kind_count; i++) {
        costs[i] = costs_of(planner, planner->kinds[i]);
        costs[i].price = planner->prices[i];
    }
    int result = plan_choose(costs, planner->kind_count, planner->threads, bytes, &plan);
    if (result != 0) {
        return result;
    }
    const struct engine_kind *kind = planner->kinds[plan.engine];
    *ret = (struct planned){.plan = plan,
                            .kind = kind,
                            .floor = plan_floor(&costs[plan.engine], &plan),
                            .comfort = plan_comfort(&costs[plan.engine], &plan),
                            .told = tell(planner, &plan, kind)};
    return 0;
}
