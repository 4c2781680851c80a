/* Settings from file and environment: the table is sound, who goes before whom, what is told of what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "conf/settings.h"
#include "conf/yaml.h"

#include <cmocka.h> /* last: it has a macro fail() */

static char folder[] = "/tmp/octavo-test-config-XXXXXX";

static int set_up(void **state) {
    (void)state;
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("OCTAVO_CONFIG");
    return mkdtemp(folder) && setenv("HOME", folder, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    char *path cleanup(drop_memory) = format("%s/octavo.yaml", folder);
    unlink(path);
    return rmdir(folder);
}

/* The path of a file with this text; there is one at a time. Caller frees. */
static char *put(const char *text, size_t length) {
    char *path = format("%s/octavo.yaml", folder);
    assert_int_equal(file_replace(path, text, length), 0);
    return path;
}

/* Loads settings from a file with this text; both are the caller's to end. */
static void load(const char *text, size_t length, struct options *options, struct problems *problems) {
    char *path cleanup(drop_memory) = put(text, length);
    *options = (struct options){.config = path};
    *problems = (struct problems){0};
    settings_load(options, problems);
}

/* The words of a command line, parted by blanks, into argv (which ends with NULL); returns how many. */
static int split(char *line, char *argv[], int most) {
    int count = 0;
    for (char *rest = NULL, *word = strtok_r(line, " ", &rest); word && count + 1 < most;
         word = strtok_r(NULL, " ", &rest)) {
        argv[count++] = word;
    }
    argv[count] = NULL;
    return count;
}

/* The table */

static void table_is_sound(void **state) {
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        assert_true(row->name || row->key);
        assert_true((row->key != NULL) == (row->reload != NO_KEY));
        if (!row->key) {
            continue;
        }
        assert_true(row->kind != LIST && row->kind != PAGES);
        size_t word = strspn(row->key, letters);
        assert_true(word > 0 && (row->key[word] == '\0' || row->key[word] == '.'));
        assert_true(row->key[word] == '\0' || strlen(row->key) == word + 1 + strspn(row->key + word + 1, letters));
        assert_true(strlen(row->key) < 40);
        assert_false(option_is_section(row->key));
        assert_ptr_equal(option_find(row->key), row);
        char *otherwise cleanup(drop_memory) = option_otherwise(row);
        assert_true((row->preset != NULL) != (otherwise != NULL));
        assert_true(row->kind == FLAG || row->argument);
    }
}

static void presets_are_right(void **state) {
    (void)state;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        struct options options = {0};
        if (row->preset) {
            assert_int_equal(option_read(row, row->preset, (char *)&options + row->offset), 0);
        }
    }
}

static void variables_are_of_one_setting_each(void **state) {
    (void)state;
    static const char *const others[] = {"OCTAVO_CONFIG",   "OCTAVO_RUNTIME",   "OCTAVO_BIN",
                                         "OCTAVO_FAULT",    "OCTAVO_FAKE",      "OCTAVO_ENGINES",
                                         "OCTAVO_PACKAGES", "OCTAVO_FAULT_LOG", "OCTAVO_BUILD"};
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char *name cleanup(drop_memory) = option_rows[i].key ? option_variable(&option_rows[i]) : NULL;
        for (size_t k = 0; name && k < array_length(others); k++) {
            assert_string_not_equal(name, others[k]);
        }
        for (size_t k = 0; name && k < i; k++) {
            char *other cleanup(drop_memory) = option_rows[k].key ? option_variable(&option_rows[k]) : NULL;
            assert_true(!other || strcmp(name, other) != 0);
        }
    }
    char *name cleanup(drop_memory) = option_variable(option_find("memory.limit"));
    assert_string_equal(name, "OCTAVO_MEMORY_LIMIT");
}

static void a_switch_in_a_file_is_true_or_false(void **state) {
    (void)state;
    const struct option_row row = {.kind = FLAG};
    bool value = false;
    assert_int_equal(option_read(&row, NULL, &value), 0);
    assert_true(value);
    assert_int_equal(option_read(&row, "false", &value), 0);
    assert_false(value);
    assert_int_equal(option_read(&row, "true", &value), 0);
    assert_true(value);
    assert_int_equal(option_read(&row, "yes", &value), ERR_USAGE);
    assert_string_equal(error_detail(), "true or false is expected");
}

static void nearest_keys_are_found(void **state) {
    (void)state;
    static const struct {
        const char *key, *nearest;
    } rows[] = {{"memory.limt", "memory.limit"},
                {"memroy.limit", "memory.limit"},
                {"Memory.Limit", "memory.limit"},
                {"limit", "memory.limit"},
                {"max-pages", "limits.pages"},
                {"limits.max_pages", "limits.pages"},
                {"worker.jobs", "pool.jobs"},
                {"limits.page", "limits.pages"},
                {"model-idle", "models.idle_timeout"},
                {"colour.of.the.house", NULL},
                {"x", NULL}};
    for (size_t i = 0; i < array_length(rows); i++) {
        const char *nearest = option_nearest(rows[i].key);
        if ((nearest == NULL) != (rows[i].nearest == NULL) || (nearest && strcmp(nearest, rows[i].nearest) != 0)) {
            print_error("%s: %s\n", rows[i].key, nearest ? nearest : "none");
        }
        assert_true(rows[i].nearest ? nearest && strcmp(nearest, rows[i].nearest) == 0 : !nearest);
    }
    char very_long[5000];
    memset(very_long, 'a', sizeof(very_long) - 1);
    very_long[sizeof(very_long) - 1] = '\0';
    assert_null(option_nearest(very_long));
}

/* Who goes before whom */

static void flags_go_before_variables_before_the_file_before_presets(void **state) {
    (void)state;
    static const char text[] = "worker:\n  threads: 3\nlimits:\n  pages: 30\n  deadline: 300\n";
    char *path cleanup(drop_memory) = put(text, strlen(text));
    char *line cleanup(drop_memory) = format("ocr --config %s x --threads 1", path), *argv[8];
    int argc = split(line, argv, array_length(argv));
    setenv("OCTAVO_WORKER_THREADS", "2", 1);
    setenv("OCTAVO_LIMITS_PAGES", "20", 1);
    setenv("OCTAVO_LIMITS_PIXELS", "", 1);
    for (int round = 0; round < 2; round++) { /* as a server does, with the same arguments */
        struct options options;
        assert_int_equal(options_parse(FOR_OCR, argc, argv, &options), 0);
        assert_int_equal(options.threads, 1);
        assert_int_equal(options.max_pages, 20);
        assert_int_equal(options.deadline, 300);
        assert_int_equal(options.max_pixels, 100 << 20);
        assert_string_equal(options.files[0], "x");
        char *origins[] = {settings_origin(&options, &option_rows[OPTION_INDEX_threads]),
                           settings_origin(&options, &option_rows[OPTION_INDEX_max_pages]),
                           settings_origin(&options, &option_rows[OPTION_INDEX_deadline]),
                           settings_origin(&options, &option_rows[OPTION_INDEX_max_pixels])};
        char *place cleanup(drop_memory) = format("%s:5", path);
        assert_string_equal(origins[0], "--threads");
        assert_string_equal(origins[1], "OCTAVO_LIMITS_PAGES");
        assert_string_equal(origins[2], place);
        assert_string_equal(origins[3], "preset");
        for (size_t i = 0; i < array_length(origins); i++) {
            free(origins[i]);
        }
        options_done(&options);
    }
    unsetenv("OCTAVO_WORKER_THREADS");
    unsetenv("OCTAVO_LIMITS_PAGES");
    unsetenv("OCTAVO_LIMITS_PIXELS");
}

static void help_is_there_whatever_the_file_is(void **state) {
    (void)state;
    char *path cleanup(drop_memory) = put("nonsense: 1\n", 12);
    char *line cleanup(drop_memory) = format("ocr --config %s --help", path), *argv[8];
    int argc = split(line, argv, array_length(argv));
    struct options options;
    assert_int_equal(options_parse(FOR_OCR, argc, argv, &options), 0);
    assert_true(options.help);
    options_done(&options);
    assert_int_equal(options_parse(FOR_OCR, argc - 1, argv, &options), ERR_CONFIG);
}

/* What is wrong */

static const struct {
    const char *text, *told; /* after the file's name */
} wrong_files[] = {
    {"limits:\n  pages: 0\n", ":2: limits.pages: 0: a whole number from 1 to 1000000 is expected"},
    {"\n\nlimits.pages: many\n", ":3: limits.pages: many: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: 1e3", ":1: limits.pages: 1e3: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: 10.0", ":1: limits.pages: 10.0: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: -5", ":1: limits.pages: -5: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: true", ":1: limits.pages: true: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: 0x10", ":1: limits.pages: 0x10: a whole number from 1 to 1000000 is expected"},
    {"limits.pages: ''", ":1: limits.pages: a whole number from 1 to 1000000 is expected"},
    {"memory.limit: 512MB",
     ":1: memory.limit: 512MB: a whole number from 1M to 1024T is expected, alone or with one of k, M, G, T behind it"},
    {"memory.limit: 1k",
     ":1: memory.limit: 1k: a whole number from 1M to 1024T is expected, alone or with one of k, M, G, T behind it"},
    {"guard.high: 98,5", ":1: guard.high: 98,5: a number from 50 to 100 is expected"},
    {"guard.high: .5", ":1: guard.high: .5: a number from 50 to 100 is expected"},
    {"guard.high: 98.", ":1: guard.high: 98.: a number from 50 to 100 is expected"},
    {"guard.high: 100.5", ":1: guard.high: 100.5: a number from 50 to 100 is expected"},
    {"guard.high: nan", ":1: guard.high: nan: a number from 50 to 100 is expected"},
    {"engine: abacus", ":1: engine: abacus: one of auto|openvino|onnxruntime|tesseract is expected"},
    {"engine: auto|openvino", ":1: engine: auto|openvino: one of auto|openvino|onnxruntime|tesseract is expected"},
    {"models.folder: \"\"", ":1: models.folder: DIR must not be empty"},
    {"limits:\n  page: 3", ":2: limits.page: there is no such key; is limits.pages meant?"},
    {"colour: red", ":1: colour: there is no such key"},
    {"limits: 3", ":1: limits: it is a section: keys are expected below it"},
    {"limits: [pages]", ":1: limits: it is a section: keys are expected below it"},
    {"engine:\n  name: auto", ":2: engine: it is a value: no keys are expected below it"},
    {"engine: [auto]", ":1: engine: it is a list: one of auto|openvino|onnxruntime|tesseract is expected"},
    {"limits:\n  pages:\n", ":2: limits.pages: it has no value: a whole number from 1 to 1000000 is expected, or no "
                            "such line"},
    {"limits:\n  pages: 1\n\nlimits.pages: 2\n", ":4: limits.pages: it is given twice, first in line 2"},
    {"guard:\n  elevated: 99\n", ":2: guard.elevated: 99 must be less than guard.high, which is 98.5 (preset)"},
    {"guard.high: 99.5\n", ":1: guard.high: 99.5 must be less than guard.critical, which is 99.5 (preset)"},
    {"- a\n- b\n", ":1: keys with values are expected"},
    {"just text", ":1: keys with values are expected"},
    {"limits:\n  pages: 1\n---\nlimits:\n", ":3: a second document begins"},
    {"limits:\n\tpages: 1\n", ":2: found character that cannot start any token"},
    {"limits: {pages: 1\n", ":2: did not find expected ',' or '}'"},
    {"engine: *none\n", ":1: found undefined alias"},
    {"engine: \xFF\n", ":1: invalid leading UTF-8 octet"},
    {"# one\n# two\nengine: a\xC3(\n", ":3: invalid trailing UTF-8 octet"},
    {"engine: \x01\n", ":1: control characters are not allowed"},
    {"engine: \"au\\0to\"", ":1: engine: a value must not hold a NUL"},
    {"[a, b]: 1", ":1: a key must be a word"},
    {"? \n: 1", ":1: a key must be a word"},
};

static void wrong_files_are_told_with_line_and_key(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(wrong_files); i++) {
        struct options options;
        struct problems problems;
        load(wrong_files[i].text, strlen(wrong_files[i].text), &options, &problems);
        char *told cleanup(drop_memory) = format("%s%s", options.path, wrong_files[i].told);
        assert_int_equal(problems.count, 1);
        assert_false(problems.list[0].warning);
        assert_string_equal(problems.list[0].text, told);
        assert_string_equal(problems_first(&problems), told);
        options_done(&options);
        problems_done(&problems);
    }
}

static void right_files_are_taken(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "# nothing\n",
        "---\n",
        "---\n...\n",
        "~",
        "limits:\nmemory:\n",
        "\xEF\xBB\xBFlimits.pages: 5\n", /* a byte order mark */
        "limits: {pages: \"5\"}\r\n",
        "limits: &a {pages: 5}\n",
        "{}",
    };
    for (size_t i = 0; i < array_length(texts); i++) {
        struct options options;
        struct problems problems;
        load(texts[i], strlen(texts[i]), &options, &problems);
        assert_null(problems_first(&problems));
        assert_int_equal(options.max_pages, strstr(texts[i], "pages") ? 5 : 1000);
        options_done(&options);
    }
}

static void everything_that_is_wrong_is_told(void **state) {
    (void)state;
    static const char text[] = "limits:\n  pages: 0\n  page: 1\nguard.elevated: 99\nguard.hihg: 98\nengine: x\n";
    static const char *const told[] = {
        "OCTAVO_WORKER_THREADS=none: a whole number from 1 to 256 is expected",
        ":2: limits.pages: 0: ",
        ":3: limits.page: ",
        ":5: guard.hihg: there is no such key; is guard.high meant?",
        ":6: engine: x: ",
        ":4: guard.elevated: 99 must be less than guard.high",
    };
    struct options options;
    struct problems problems;
    setenv("OCTAVO_WORKER_THREADS", "none", 1);
    load(text, strlen(text), &options, &problems);
    unsetenv("OCTAVO_WORKER_THREADS");
    assert_int_equal(problems.count, array_length(told));
    for (size_t i = 0; i < array_length(told); i++) {
        assert_non_null(strstr(problems.list[i].text, told[i]));
    }
    problems_done(&problems);
    options_done(&options);
}

static void there_is_an_end_to_what_is_told(void **state) {
    (void)state;
    struct buffer text cleanup(buffer_done) = {0};
    for (int i = 0; i < 5000; i++) {
        buffer_add_format(&text, "k%d: 1\n", i);
    }
    struct options options;
    struct problems problems;
    load(text.data, text.length, &options, &problems);
    assert_int_equal(problems.count, 100);
    assert_true(problems.more);
    problems_done(&problems);
    options_done(&options);
}

static void misspelt_variables_are_warned_of(void **state) {
    (void)state;
    static const char *const names[] = {"OCTAVO_MEMORY_LIMT", "OCTAVO_MEMORY", "OCTAVO_GUARD_COLOUR_OF_ALL",
                                        "OCTAVO_RUNTIME",     "OCTAVO_BIN",    "OCTAVO_ENGINES",
                                        "OCTAVO_FAULT_LOG",   "OCTAVO_"};
    for (size_t i = 0; i < array_length(names); i++) {
        setenv(names[i], "512M", 1);
    }
    struct options options;
    struct problems problems;
    load("", 0, &options, &problems);
    assert_null(problems_first(&problems));
    assert_int_equal(problems.count, 3);
    bool seen[3] = {0};
    for (size_t i = 0; i < problems.count; i++) { /* in the order of the environment */
        const char *told = problems.list[i].text;
        assert_true(problems.list[i].warning);
        seen[0] |= strcmp(told, "OCTAVO_MEMORY_LIMT: there is no such setting; is OCTAVO_MEMORY_LIMIT meant?") == 0;
        seen[1] |= strcmp(told, "OCTAVO_MEMORY: there is no such setting; is OCTAVO_MEMORY_LIMIT meant?") == 0;
        seen[2] |= strcmp(told, "OCTAVO_GUARD_COLOUR_OF_ALL: there is no such setting") == 0;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    for (size_t i = 0; i < array_length(names); i++) {
        unsetenv(names[i]);
    }
    problems_done(&problems);
    options_done(&options);
}

/* Files made to do harm */

static void count_leaf(void *context, const struct yaml_leaf *leaf) {
    (void)leaf;
    ++*(size_t *)context;
}

static void bombs_end_early(void **state) {
    (void)state;
    struct buffer text cleanup(buffer_done) = {0};
    buffer_add_string(&text, "a0: &a0 {k: 1, l: 2}\n");
    for (int i = 1; i < 30; i++) {
        buffer_add_format(&text, "a%d: &a%d {k: *a%d, l: *a%d}\n", i, i, i - 1, i - 1);
    }
    size_t leaves = 0;
    assert_int_equal(yaml_walk(text.data, text.length, count_leaf, &leaves), ERR_USAGE);
    assert_non_null(strstr(error_detail(), "nested too deep or grown too large"));
    assert_true(leaves <= 100000);
    struct buffer deep cleanup(buffer_done) = {0};
    for (int i = 0; i < 40; i++) {
        buffer_add_string(&deep, "{a: ");
    }
    buffer_add_string(&deep, "1");
    for (int i = 0; i < 40; i++) {
        buffer_add_string(&deep, "}");
    }
    assert_int_equal(yaml_walk(deep.data, deep.length, count_leaf, &leaves), ERR_USAGE);
    assert_string_equal(error_detail(), "1: nested too deep or grown too large");
    static const char self[] = "a: &a {b: *a}\n";
    assert_int_equal(yaml_walk(self, strlen(self), count_leaf, &leaves), ERR_USAGE);
    assert_string_equal(error_detail(), "1: nested too deep or grown too large");
    struct buffer wide cleanup(buffer_done) = {0};
    buffer_add_format(&wide, "\n%0200d: 1\n", 0);
    assert_int_equal(yaml_walk(wide.data, wide.length, count_leaf, &leaves), ERR_USAGE);
    assert_string_equal(error_detail(), "2: a key is longer than 120 bytes");
}

static void files_that_cannot_be_read_are_told(void **state) {
    (void)state;
    struct buffer large cleanup(buffer_done) = {0};
    buffer_add_format(&large, "#%070000d\n", 0);
    static const struct {
        const char *path, *told;
    } rows[] = {{"/no/such/octavo.yaml", "/no/such/octavo.yaml: No such file or directory"},
                {"/proc", "/proc: Is a directory"},
                {"/dev/zero", "/dev/zero: more than 65536 bytes"}};
    struct options options;
    struct problems problems;
    load(large.data, large.length, &options, &problems);
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.list[0].text, "octavo.yaml: more than 65536 bytes"));
    problems_done(&problems);
    options_done(&options);
    for (size_t i = 0; i < array_length(rows); i++) {
        options = (struct options){.config = rows[i].path};
        settings_load(&options, &problems);
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.list[0].text, rows[i].told);
        problems_done(&problems);
        options_done(&options);
    }
}

/* Writing */

static void sample_is_right_and_says_the_presets(void **state) {
    (void)state;
    char *sample cleanup(drop_memory) = settings_sample();
    struct options options, presets;
    struct problems problems;
    load("", 0, &presets, &problems);
    load(sample, strlen(sample), &options, &problems);
    assert_int_equal(problems.count, 0);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *row = &option_rows[i];
        if (row->key) {
            char *own cleanup(drop_memory) = option_text(row, &options);
            char *preset cleanup(drop_memory) = option_text(row, &presets);
            assert_true(own && preset ? strcmp(own, preset) == 0 : own == preset);
            assert_int_equal(options.origins[i], row->preset ? ORIGIN_FILE : ORIGIN_NONE);
            const char *last = strrchr(row->key, '.');
            char *line cleanup(drop_memory) = format("%s%s: ", row->preset ? "" : "# ", last ? last + 1 : row->key);
            assert_non_null(strstr(sample, line));
        }
    }
    options_done(&options);
    options_done(&presets);
}

static void keep_text(void *context, const struct yaml_leaf *leaf) {
    char **kept = context;
    free(*kept);
    *kept = leaf->kind == YAML_LEAF_TEXT ? copy_string(leaf->text) : NULL;
}

static void quoted_text_is_read_as_it_was(void **state) {
    (void)state;
    static const char *const texts[] = {"plain",
                                        "/a/b.c",
                                        "two words",
                                        "a: b",
                                        "# no comment",
                                        "null",
                                        "-",
                                        "\"",
                                        "back\\",
                                        "a\nb\tc",
                                        "\x01\x7F",
                                        "j\xC3\xBCrgen",
                                        "*alias",
                                        "&a",
                                        "{}",
                                        "'",
                                        "%",
                                        "\xE2\x80\xAE",
                                        "trail ",
                                        " lead",
                                        "~",
                                        "Null",
                                        "---",
                                        "\xF0\x9F\x98\x80",
                                        "\xC2\x85",
                                        "@x",
                                        "-x",
                                        "PP-OCRv4",
                                        "!tag",
                                        "\xEF\xBB\xBF"};
    for (size_t i = 0; i < array_length(texts); i++) {
        char *quoted cleanup(drop_memory) = settings_quoted(texts[i]), *read cleanup(drop_memory) = NULL;
        char *line cleanup(drop_memory) = format("key: %s # comment\n", quoted);
        assert_int_equal(yaml_walk(line, strlen(line), keep_text, &read), 0);
        assert_non_null(read);
        assert_string_equal(read, texts[i]);
    }
}

/* Reading again */

static void a_running_server_takes_what_it_can(void **state) {
    (void)state;
    static const char before[] = "limits.pages: 5\nworker.threads: 2\npool.mode: shared\n";
    static const char after[] = "limits.pages: 7\nworker.threads: 4\nengine: openvino\npool.mode: shared\n";
    struct options options, fresh;
    struct problems problems;
    struct buffer kept cleanup(buffer_done) = {0};
    load(before, strlen(before), &options, &problems);
    load(after, strlen(after), &fresh, &problems);
    options_follow(&options, &fresh, &kept);
    options_done(&fresh);
    assert_string_equal(kept.data, "engine, worker.threads");
    assert_int_equal(options.max_pages, 7);
    assert_int_equal(options.threads, 2);
    assert_string_equal(options.engine, "auto");
    assert_int_equal(options.lines[OPTION_INDEX_max_pages], 1);
    options_done(&options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sound),
        cmocka_unit_test(presets_are_right),
        cmocka_unit_test(variables_are_of_one_setting_each),
        cmocka_unit_test(a_switch_in_a_file_is_true_or_false),
        cmocka_unit_test(nearest_keys_are_found),
        cmocka_unit_test(flags_go_before_variables_before_the_file_before_presets),
        cmocka_unit_test(help_is_there_whatever_the_file_is),
        cmocka_unit_test(wrong_files_are_told_with_line_and_key),
        cmocka_unit_test(right_files_are_taken),
        cmocka_unit_test(everything_that_is_wrong_is_told),
        cmocka_unit_test(there_is_an_end_to_what_is_told),
        cmocka_unit_test(misspelt_variables_are_warned_of),
        cmocka_unit_test(bombs_end_early),
        cmocka_unit_test(files_that_cannot_be_read_are_told),
        cmocka_unit_test(sample_is_right_and_says_the_presets),
        cmocka_unit_test(quoted_text_is_read_as_it_was),
        cmocka_unit_test(a_running_server_takes_what_it_can),
    };
    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
