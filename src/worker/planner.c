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

/* Of a worker that has opened the engine; measured as PSS. */
static struct prior baseline_prior(const struct engine_kind *kind) {
    return (struct prior){.a = kind == &engine_openvino ? 75e6 : 40e6};
}

static char *baseline_key(const struct engine_kind *kind) { return format("worker/%s/cpu/1/baseline", kind->name); }

uint64_t planner_baseline(struct predictor *predictor, const struct engine_kind *kind) {
    char *key cleanup(drop_memory) = baseline_key(kind);
    return predict(predictor, key, baseline_prior(kind), 0);
}

void planner_learn_baseline(struct predictor *predictor, const struct engine_kind *kind, uint64_t bytes) {
    char *key cleanup(drop_memory) = baseline_key(kind);
    predict_learn(predictor, key, 0, bytes, 0);
}

uint64_t planner_largest(const struct model_spec *spec, int tiles) {
    switch (spec->role) {
    case ROLE_ORIENT:
        return UINT64_C(3) * spec->crop * spec->crop;
    case ROLE_DETECT: {
        struct tiles cut = tiles_cut(spec->long_side, spec->long_side, spec->multiple, (uint32_t)tiles, DETECT_OVERLAP);
        return UINT64_C(3) * cut.width * cut.height;
    }
    case ROLE_CLASSIFY:
        return UINT64_C(3) * spec->width * spec->height;
    case ROLE_RECOGNISE:
        return UINT64_C(3) * (spec->max_width < USUAL_WIDTH ? spec->max_width : USUAL_WIDTH) * spec->height;
    case ROLE_COUNT:
        break;
    }
    return 0;
}

static struct plan_costs costs_of(const struct planner *planner, const struct engine_kind *kind) {
    struct plan_costs costs = {
        .engine = kind->name, .baseline = planner_baseline(planner->predictor, kind), .keeps = kind->keeps};
    for (int role = 0; role < ROLE_COUNT; role++) {
        const struct model_spec *spec = planner->specs[role];
        if (!spec) {
            continue;
        }
        struct plan_model *model = &costs.model[costs.models++];
        model->weights = weights_predict(planner->predictor, spec, kind);
        model->loading = loading_predict(planner->predictor, spec, kind);
        model->by_line = role_reads_lines((enum role)role);
        for (int tiles = 1; tiles <= PLAN_TILES; tiles++) {
            int least = tiles > planner->tiles ? tiles : planner->tiles;
            model->run[tiles - 1] = run_predict(planner->predictor, spec, kind, planner_largest(spec, least));
        }
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
