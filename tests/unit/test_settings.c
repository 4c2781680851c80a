/* From settings to the pool: presets are those of the parts, every setting arrives, and some follow while it is open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "conf/settings.h"
#include "memory/guard.h"
#include "pool/pool.h"
#include "pool/settings.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define MB (UINT64_C(1) << 20)

/* The settings of a command line whose words are parted by blanks; the caller frees both. */
static struct options parse(const char *line, char **ret_words) {
    char *argv[32];
    int argc = 0;
    *ret_words = copy_string(line);
    for (char *rest = NULL, *word = strtok_r(*ret_words, " ", &rest); word && argc < 31;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    struct options options;
    assert_int_equal(options_parse(FOR_OCR, argc, argv, &options), 0);
    options.files = NULL;
    settings_complete(&options, 4);
    return options;
}

static void presets_are_those_of_the_parts(void **state) {
    (void)state;
    char *words cleanup(drop_memory) = NULL;
    struct options options cleanup(options_done) = parse("ocr x", &words);
    struct pool_conf conf = settings_of_pool(&options);
    assert_memory_equal(&conf.thresholds, &judge_presets, sizeof(judge_presets));
    assert_memory_equal(&conf.thresholds.reserve, &reserve_presets, sizeof(reserve_presets));
    assert_int_equal(conf.guard_period * POOL_SECOND, GUARD_PERIOD);
    assert_int_equal(conf.guard_calm * POOL_SECOND, LADDER_CALM);
    assert_int_equal(conf.threads, 4);
    assert_int_equal(conf.jobs, 5);
    assert_int_equal(conf.instances, 1);
    assert_int_equal(conf.seats, 4);
    assert_false(conf.per_task);
}

static void every_setting_arrives(void **state) {
    (void)state;
    static const char *const variables[][2] = {{"OCTAVO_GUARD_ELEVATED", "90"},
                                               {"OCTAVO_GUARD_HIGH", "95.5"},
                                               {"OCTAVO_GUARD_CRITICAL", "99"},
                                               {"OCTAVO_GUARD_MARGIN", "2"},
                                               {"OCTAVO_GUARD_HOLD", "7"},
                                               {"OCTAVO_GUARD_STALL", "30"},
                                               {"OCTAVO_GUARD_PERIOD", "3"},
                                               {"OCTAVO_GUARD_CALM", "11"},
                                               {"OCTAVO_MEMORY_RESERVE", "10"},
                                               {"OCTAVO_MEMORY_RESERVE_LEAST", "8M"},
                                               {"OCTAVO_MODELS_RESIDENCY", "9"},
                                               {"OCTAVO_POOL_MODE", "per_task"},
                                               {"OCTAVO_POOL_JOBS", "3"},
                                               {"OCTAVO_POOL_INSTANCES", "5"},
                                               {"OCTAVO_PREDICT_MAX_CONCURRENT", "2"},
                                               {"OCTAVO_PIPELINE_DPI", "200"}};
    for (size_t i = 0; i < array_length(variables); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    char *words cleanup(drop_memory) = NULL;
    struct options options cleanup(options_done) = parse("ocr --model-idle 40 --deadline 50 x", &words);
    struct pool_conf conf = settings_of_pool(&options);
    assert_true(conf.thresholds.elevated == 0.90 && conf.thresholds.high == 0.955 && conf.thresholds.critical == 0.99);
    assert_true(conf.thresholds.margin == 0.02 && conf.thresholds.psi == 30);
    assert_int_equal(conf.thresholds.hold, 7 * POOL_SECOND);
    assert_int_equal(conf.thresholds.reserve.percent, 10);
    assert_int_equal(conf.thresholds.reserve.least, 8 * MB);
    assert_int_equal(conf.guard_period, 3);
    assert_int_equal(conf.guard_calm, 11);
    assert_int_equal(conf.residency, 9);
    assert_int_equal(conf.model_idle, 40);
    assert_int_equal(conf.jobs, 3);
    assert_int_equal(conf.instances, 5);
    assert_int_equal(conf.seats, 2);
    assert_true(conf.per_task);
    struct job_wish wish = settings_of_job(&options);
    assert_true(wish.dpi == 200);
    assert_int_equal(wish.deadline, 50);
    for (size_t i = 0; i < array_length(variables); i++) {
        unsetenv(variables[i][0]);
    }
}

static void note(void *context, const char *text) { (void)context, (void)text; }

static enum pressure level_of(const struct pool *pool) {
    struct guard_state state;
    guard_read(pool->guard, &state);
    return state.level;
}

static void an_open_pool_follows(void **state) {
    (void)state;
    static struct pool pool;
    const struct pool_events events = {.note = note};
    char *words cleanup(drop_memory) = NULL;
    struct options options cleanup(options_done) = parse("ocr --memory 500M x", &words);
    struct pool_conf conf = settings_of_pool(&options);
    conf.thresholds.elevated = 0; /* any reading is above it; and below 2 */
    conf.thresholds.high = conf.thresholds.critical = 2;
    assert_int_equal(pool_open(&pool, &conf, &events), 0);
    assert_int_equal(level_of(&pool), PRESSURE_ELEVATED);
    assert_int_equal(pool.budget, 480 * MB);
    conf.thresholds.elevated = 2;
    conf.thresholds.psi = 1000;
    conf.memory = 300 * MB;
    conf.thresholds.reserve.percent = 10;
    conf.worker_idle = 5;
    conf.threads = 9; /* cannot change any more */
    assert_int_equal(pool_follow(&pool, &conf), 0);
    assert_int_equal(pool_step(&pool, clock_now()), 0);
    assert_int_equal(pool.budget, 270 * MB);
    assert_int_equal(pool.conf.worker_idle, 5);
    assert_int_equal(pool.conf.threads, options.threads);
    assert_int_equal(level_of(&pool), PRESSURE_OK);
    assert_int_equal(pool_settle(&pool, true), 0);
    pool_done(&pool);
}

static size_t threads_of(const struct pool *pool, size_t instance) { return pool->workers[instance].threads; }

/* Threads and places are divided, each has one thread at the least, none is without a place; the budget is one's alone.
 */
static void instances_share(void **state) {
    (void)state;
    static struct pool pool;
    const struct pool_events events = {.note = note};
    char *words cleanup(drop_memory) = NULL;
    struct options options cleanup(options_done) = parse("ocr --memory 500M --threads 3 --jobs 4 x", &words);
    struct pool_conf conf = settings_of_pool(&options);
    conf.instances = 2;
    assert_int_equal(pool_open(&pool, &conf, &events), 0);
    assert_int_equal(pool.leases.instance_count, 2);
    assert_true(threads_of(&pool, 0) == 2 && threads_of(&pool, 1) == 1);
    assert_true(pool.leases.instances[0].open && !pool.leases.instances[1].open);
    assert_true(pool.leases.instances[0].places == 4 && pool.leases.instances[1].places == 0);
    assert_true(pool.core.stakes[0].floor > 0 && pool.core.stakes[1].floor == 0);
    assert_int_equal(pool_settle(&pool, true), 0);
    pool_done(&pool);
    conf.instances = 16;
    assert_int_equal(pool_open(&pool, &conf, &events), 0);
    assert_int_equal(pool.leases.instance_count, 4);
    assert_int_equal(threads_of(&pool, 3), 1);
    assert_int_equal(pool_settle(&pool, true), 0);
    pool_done(&pool);
}

int main(void) {
    setenv("OCTAVO_CONFIG", "/dev/null", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_those_of_the_parts),
        cmocka_unit_test(every_setting_arrives),
        cmocka_unit_test(an_open_pool_follows),
        cmocka_unit_test(instances_share),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
