/* The page of the health check: drawn, charged, judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "pool/health.h"

#include <cmocka.h>

static struct core core_with(uint64_t budget) {
    struct core core = {0};
    assert_int_equal(ledger_create("cpu", budget, 1, &core.ledger), 0);
    assert_int_equal(roster_create(&core.roster), 0);
    assert_int_equal(ledger_open_account(core.ledger, "front", getpid(), &core.account), 0);
    return core;
}

static void drop(struct core *core) {
    roster_drop(&core->roster);
    ledger_drop(&core->ledger);
}

static void page_is_charged_while_it_is_there(void **state) {
    (void)state;
    struct core core = core_with(1 << 20);
    struct sheet sheet;
    assert_int_equal(health_sheet(&core, &sheet), 0);
    const void *pixels;
    size_t length, dark = 0;
    assert_int_equal(file_memory_map(sheet.fd, sheet.bytes, &pixels, &length), 0);
    assert_true(length == sheet.bytes && length == (size_t)sheet.bitmap.width * sheet.bitmap.height);
    for (size_t i = 0; i < length; i++) {
        dark += ((const unsigned char *)pixels)[i] < 0x80;
    }
    assert_true(dark > length / 20 && dark < length / 4);
    munmap((void *)(uintptr_t)pixels, length);
    assert_true(ledger_held(core.ledger, core.account, CHARGE_BITMAP) == length);
    sheet_done(&sheet, &core);
    assert_true(ledger_held(core.ledger, core.account, CHARGE_COUNT) == 0);
    drop(&core);
}

static void without_memory_there_is_no_page(void **state) {
    (void)state;
    struct core core = core_with(1 << 20);
    const struct ledger_request all = {.kind = CHARGE_RESULT, .bytes = (1 << 20) - 100};
    struct sheet sheet;
    assert_int_equal(ledger_charge(core.ledger, core.account, &all), 0);
    assert_int_equal(health_sheet(&core, &sheet), ERR_TIMEOUT); /* and it did not wait */
    assert_true(ledger_held(core.ledger, core.account, CHARGE_BITMAP) == 0);
    drop(&core);
}

static char *judge_lines(char *const *texts, size_t count) {
    struct line lines[2] = {0};
    for (size_t i = 0; i < count; i++) {
        lines[i].text = texts[i];
    }
    return health_judge(&(struct page){.lines = lines, .line_count = count});
}

static void only_the_word_is_right(void **state) {
    (void)state;
    char right[] = HEALTH_WORD, wrong[] = "LOFT";
    char *none cleanup(drop_memory) = judge_lines(NULL, 0),
               *other cleanup(drop_memory) = judge_lines((char *[]){wrong}, 1);
    char *more cleanup(drop_memory) = judge_lines((char *[]){right, wrong}, 2);
    assert_null(judge_lines((char *[]){right}, 1));
    assert_string_equal(none, "the page with \"LEFT\" was read as 0 lines, \"\" first");
    assert_string_equal(other, "the page with \"LEFT\" was read as 1 lines, \"LOFT\" first");
    assert_string_equal(more, "the page with \"LEFT\" was read as 2 lines, \"LEFT\" first");
}

static int add(struct roster *roster, const char *id, const char *role) {
    struct roster_name name = {.instance = 1, .device = "cpu", .engine = "onnxruntime"};
    snprintf(name.id, sizeof(name.id), "%s", id);
    snprintf(name.role, sizeof(name.role), "%s", role);
    return roster_add(roster, &name);
}

static void note(struct roster *roster, int place, enum model_state model_state) {
    roster_note(roster, place, &(struct roster_state){.state = model_state});
}

static void a_check_is_free_while_what_it_needs_is_loaded(void **state) {
    (void)state;
    const char *engine = "onnxruntime 1.22.0";
    struct core core = core_with(1 << 20);
    assert_false(health_is_free(&core, 1, engine)); /* there is no model at all */
    int detect = add(core.roster, "a", "detect"), line = add(core.roster, "b", "recognise");
    add(core.roster, "c", "table");
    note(core.roster, detect, MODEL_READY);
    assert_false(health_is_free(&core, 1, engine));
    note(core.roster, line, MODEL_READY);
    assert_true(health_is_free(&core, 1, engine)); /* a table is not needed */
    assert_false(health_is_free(&core, 1, "openvino 2026.4.1"));
    assert_false(health_is_free(&core, 0, engine)); /* another instance's */
    note(core.roster, detect, MODEL_DRAINING);
    assert_false(health_is_free(&core, 1, engine));
    drop(&core);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_charged_while_it_is_there),
        cmocka_unit_test(without_memory_there_is_no_page),
        cmocka_unit_test(only_the_word_is_right),
        cmocka_unit_test(a_check_is_free_while_what_it_needs_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
