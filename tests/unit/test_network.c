/* SLANet's outputs, made by hand: tokens to cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "grid_text.h"
#include "pipeline/table/network.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { STEPS = 40 };

static const char *const words[] = {"<thead>", "</thead>",       "<tr>",           "</tr>",           "<td",      ">",
                                    "</td>",   " colspan=\"2\"", " rowspan=\"2\"", " colspan=\"20\"", "<td></td>"};
enum { WORDS = array_length(words), CLASSES = WORDS + 2 };

struct answer {
    float areas[STEPS][8], tokens[STEPS][CLASSES];
    struct outputs outputs;
};

/* The tokens, one blank between, as an answer of the network; every cell lies at a tenth of its step. */
static struct answer *answer_of(const char *text) {
    struct answer *answer = alloc(1, sizeof(*answer));
    char *copy cleanup(drop_memory) = copy_string(text), *rest = NULL;
    int step = 0;
    answer->tokens[step++][0] = 1;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest), step++) {
        for (int i = 0; i < (int)WORDS; i++) {
            if (strcmp(words[i] + (words[i][0] == ' '), word) == 0) {
                answer->tokens[step][i + 1] = 0.75F;
            }
        }
        for (int i = 0; i < 8; i++) {
            answer->areas[step][i] = (float)step / 10 + (i == 2 || i == 4 || i == 5 || i == 7 ? 0.05F : 0);
        }
    }
    for (; step < STEPS; step++) {
        answer->tokens[step][CLASSES - 1] = 1;
    }
    answer->outputs = (struct outputs){.count = 2};
    answer->outputs.tensor[0] = (struct tensor){.data = answer->areas[0], .shape = {1, STEPS, 8, 1}, .rank = 3};
    answer->outputs.tensor[1] = (struct tensor){.data = answer->tokens[0], .shape = {1, STEPS, CLASSES, 1}, .rank = 3};
    return answer;
}

static char *grid_of(const char *tokens) {
    struct answer *answer cleanup(drop_memory) = answer_of(tokens);
    struct table_grid grid;
    assert_int_equal(network_decode(&answer->outputs, words, WORDS, 100, (struct point){7, 9}, 2, &grid), 0);
    char *text = grid_text(&grid);
    table_grid_done(&grid);
    return text;
}

static void tokens_become_cells(void **state) {
    (void)state;
    static const struct {
        const char *tokens, *grid;
    } cases[] = {
        {"<thead> <tr> <td></td> <td></td> </tr> </thead> <tr> <td></td> <td></td> </tr>",
         "2x2 0,0:1x1 0,1:1x1 1,0:1x1 1,1:1x1"},
        {"<tr> <td colspan=\"2\" > </td> <td></td> </tr> <tr> <td></td> <td></td> <td></td> </tr>",
         "2x3 0,0:1x2 0,2:1x1 1,0:1x1 1,1:1x1 1,2:1x1"},
        {"<tr> <td rowspan=\"2\" > </td> <td></td> </tr> <tr> <td></td> </tr>", "2x2 0,0:2x1 0,1:1x1 1,1:1x1"},
        /* a row that is too short; a span below the last row; cells before any row; a cell that is not ended */
        {"<tr> <td></td> <td></td> </tr> <tr> <td></td> </tr>", "2x2 0,0:1x1 0,1:1x1 1,0:1x1 1,1:1x1*"},
        {"<tr> <td rowspan=\"2\" > </td> </tr>", "1x1 0,0:1x1"},
        {"<td></td> <td></td>", "1x2 0,0:1x1 0,1:1x1"},
        {"<tr> <td colspan=\"2\" <td></td>", "1x3 0,0:1x2 0,2:1x1"},
        /* a span over a cell from above is cut there */
        {"<tr> <td></td> <td rowspan=\"2\" > </td> </tr> <tr> <td colspan=\"2\" > </td> </tr>",
         "2x2 0,0:1x1 0,1:2x1 1,0:1x1"},
        {"colspan=\"2\" > </td> </tr>", "0x0"},
        {"", "0x0"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *grid cleanup(drop_memory) = grid_of(cases[i].tokens);
        assert_string_equal(grid, cases[i].grid);
    }
}

static void areas_are_on_the_page(void **state) {
    (void)state;
    struct answer *answer cleanup(drop_memory) = answer_of("<tr> <td></td> </tr>");
    struct table_grid grid;
    assert_int_equal(network_decode(&answer->outputs, words, WORDS, 100, (struct point){7, 9}, 2, &grid), 0);
    assert_float_equal(grid.cells[0].area.left, 7 + 2 * 20, 0.01);
    assert_float_equal(grid.cells[0].area.top, 9 + 2 * 20, 0.01);
    assert_float_equal(grid.cells[0].area.right, 7 + 2 * 25, 0.01);
    assert_float_equal(grid.cells[0].area.bottom, 9 + 2 * 25, 0.01);
    assert_float_equal(grid.score, 0.75, 1e-6);
    table_grid_done(&grid);
}

static void other_shapes_are_refused(void **state) {
    (void)state;
    struct answer *answer cleanup(drop_memory) = answer_of("<tr> <td></td> </tr>");
    const struct outputs good = answer->outputs;
    for (int kind = 0; kind < 4; kind++) {
        answer->outputs = good;
        answer->outputs.count -= kind == 0;
        answer->outputs.tensor[0].shape[1] -= kind == 1;
        answer->outputs.tensor[1].shape[2] -= kind == 2;
        answer->outputs.tensor[0].rank = kind == 3 ? 4 : 3;
        struct table_grid grid = {.rows = 77};
        assert_int_equal(network_decode(&answer->outputs, words, WORDS, 100, (struct point){0, 0}, 1, &grid),
                         ERR_BAD_MODEL);
        assert_int_equal(grid.rows, 77);
    }
}

/* Any tokens in any order give a grid whose cells cover it once. */
static void any_tokens_give_a_grid(void **state) {
    (void)state;
    struct answer *answer cleanup(drop_memory) = answer_of("");
    uint32_t random = 1;
    for (int round = 0; round < 5000; round++) {
        for (int step = 0; step < STEPS; step++) {
            random = random * 1664525 + 1013904223;
            memset(answer->tokens[step], 0, sizeof(answer->tokens[step]));
            answer->tokens[step][(random >> 16) % (CLASSES - (step < STEPS / 2))] = 1;
        }
        struct table_grid grid;
        assert_int_equal(network_decode(&answer->outputs, words, WORDS, 100, (struct point){0, 0}, 1, &grid), 0);
        assert_true(grid_is_covered(&grid));
        table_grid_done(&grid);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tokens_become_cells), cmocka_unit_test(areas_are_on_the_page),
                                       cmocka_unit_test(other_shapes_are_refused),
                                       cmocka_unit_test(any_tokens_give_a_grid)};
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
