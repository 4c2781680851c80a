/*
 * From models, engines and the memory there is to the plan of the worker: the costs are what the predictor knows
 * (memory/predict.h), the choice is memory/plan.h's. One thread.
 */
#ifndef OCTAVO_WORKER_PLANNER_H
#define OCTAVO_WORKER_PLANNER_H

#include "catalog/catalog.h"
#include "document/page.h"
#include "memory/plan.h"
#include "memory/predict.h"
#include "model/model.h"

enum { PLANNER_ENGINES = 2 };

#define PLANNER_LIBRARY UINT64_C(12000000) /* bytes of Tesseract's library and what it links, as PSS */

struct planner {
    struct predictor *predictor;                      /* borrowed */
    const struct model_spec *specs[ROLE_COUNT];       /* NULL: not used */
    const struct engine_kind *kinds[PLANNER_ENGINES]; /* in the order of wish; those that may be taken */
    double prices[PLANNER_ENGINES];                   /* theirs, as of calibrate_choose() */
    size_t kind_count;
    int threads; /* wished for */
    int tiles;   /* at least so many; 0: as few as fit */
    bool both;   /* another engine is open beside, or will be */
};

struct planned {
    struct plan plan;
    const struct engine_kind *kind;
    uint64_t floor, comfort; /* bytes (memory/plan.h) */
    struct page_plan told;   /* as results tell it */
};

/* ERR_NO_MEMORY naming needed and available bytes. */
int planner_choose(const struct planner *planner, uint64_t bytes, struct planned *ret);

/* Input elements of the model's largest usual run, a page cut into so many tiles. */
uint64_t planner_largest(const struct model_spec *spec, int tiles);

/* The engine that runs the model, NULL for none, where all that can run on kind do. */
const struct engine_kind *planner_kind(const struct model_spec *spec, const struct engine_kind *kind);

/* Whether one of the models, by their role, needs ONNX Runtime beside kind. */
bool planner_second(const struct model_spec *const specs[ROLE_COUNT], const struct engine_kind *kind);

/* What a process takes with the engine (second: and the other one beside it) open and no model, and what it took.
 * Bytes.
 */
uint64_t planner_baseline(struct predictor *predictor, const struct engine_kind *kind, bool second);
void planner_learn_baseline(struct predictor *predictor, const struct engine_kind *kind, bool second, uint64_t bytes);

#endif
