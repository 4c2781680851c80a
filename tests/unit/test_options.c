/* The command line's options: presets, bounds, and one clear line for everything that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "conf/options.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { MOST_WORDS = 32 };

/* Parses the words of a command line; they are kept in a copy that the caller frees. */
static int parse(int command, const char *line, char **ret_words, struct options *ret) {
    static char *argv[MOST_WORDS + 1];
    int argc = 0;
    *ret_words = copy_string(line);
    for (char *rest = NULL, *word = strtok_r(*ret_words, " ", &rest); word && argc < MOST_WORDS;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return options_parse(command, argc, argv, ret);
}

static void presets_hold(void **state) {
    (void)state;
    struct options options;
    char *words;
    assert_int_equal(parse(FOR_OCR, "ocr a.pdf", &words, &options), 0);
    assert_string_equal(options.format, "text");
    assert_string_equal(options.engine, "auto");
    assert_null(options.output);
    assert_null(options.models);
    assert_int_equal(options.pages.count, 0);
    assert_int_equal(options.dpi, 0);
    assert_int_equal(options.max_pages, 1000);
    assert_int_equal(options.max_pixels, 100 << 20);
    assert_int_equal(options.page_timeout, 60);
    assert_false(options.timing);
    assert_int_equal(options.file_count, 1);
    assert_string_equal(options.files[0], "a.pdf");
    options_done(&options);
    free(words);
}

static void all_options_are_read(void **state) {
    (void)state;
    struct options options;
    char *words;
    assert_int_equal(parse(FOR_OCR,
                           "ocr x.png -f json,text -o out --pages 2-3 --dpi=200 --engine openvino --threads 8 "
                           "--memory 4G --timing -q",
                           &words, &options),
                     0);
    assert_true(options_list_has(options.format, "json"));
    assert_true(options_list_has(options.format, "text"));
    assert_false(options_list_has(options.format, "tex"));
    assert_string_equal(options.output, "out");
    assert_int_equal(options.pages.count, 1);
    assert_int_equal(options.dpi, 200);
    assert_string_equal(options.engine, "openvino");
    assert_int_equal(options.threads, 8);
    assert_int_equal(options.memory, INT64_C(4) << 30);
    assert_true(options.timing);
    assert_true(options.quiet);
    assert_string_equal(options.files[0], "x.png"); /* options may follow files */
    options_done(&options);
    free(words);
}

static void after_two_dashes_all_are_files(void **state) {
    (void)state;
    struct options options;
    char *words;
    assert_int_equal(parse(FOR_OCR, "ocr - -- -o --dpi", &words, &options), 0);
    assert_int_equal(options.file_count, 3);
    assert_string_equal(options.files[0], "-");
    assert_string_equal(options.files[1], "-o");
    options_done(&options);
    free(words);
}

static void last_one_counts(void **state) {
    (void)state;
    struct options options;
    char *words;
    assert_int_equal(parse(FOR_OCR, "ocr --pages 1 --pages 4-5,9 --dpi 100 --dpi 300 x", &words, &options), 0);
    assert_int_equal(options.pages.count, 2);
    assert_int_equal(options.dpi, 300);
    options_done(&options);
    free(words);
}

#define BEHIND ", alone or with one of k, M, G, T behind it"

static void wrong_ones_are_named(void **state) {
    (void)state;
    static const struct {
        const char *line, *detail;
    } wrong[] = {
        {"ocr --dpi 20", "--dpi 20: a whole number from 36 to 1200 is expected"},
        {"ocr --dpi 1201", "--dpi 1201: a whole number from 36 to 1200 is expected"},
        {"ocr --dpi 300dpi", "--dpi 300dpi: a whole number from 36 to 1200 is expected"},
        {"ocr --dpi +300", "--dpi +300: a whole number from 36 to 1200 is expected"},
        {"ocr --dpi 99999999999999999999", "--dpi 99999999999999999999: a whole number from 36 to 1200 is expected"},
        {"ocr --threads 0", "--threads 0: a whole number from 1 to 256 is expected"},
        {"ocr --threads -3", "--threads -3: a whole number from 1 to 256 is expected"},
        {"ocr --memory 4X", "--memory 4X: a whole number from 1M to 1024T is expected" BEHIND},
        {"ocr --memory 4GB", "--memory 4GB: a whole number from 1M to 1024T is expected" BEHIND},
        {"ocr --memory 9999999T", "--memory 9999999T: a whole number from 1M to 1024T is expected" BEHIND},
        {"ocr --engine abacus", "--engine abacus: one of auto|openvino|onnxruntime|tesseract is expected"},
        {"ocr --engine auto|openvino",
         "--engine auto|openvino: one of auto|openvino|onnxruntime|tesseract is expected"},
        {"ocr --lang eng+", "--lang eng+: it is no list of at most 16 languages: eng or eng+deu is expected"},
        {"ocr --lang eng,deu", "--lang eng,deu: it is no list of at most 16 languages: eng or eng+deu is expected"},
        {"ocr -f odt", "--format odt: text|json|markdown|html|hocr|alto|page|csv|xlsx|pdf|png|zip is expected, several "
                       "with commas and no blanks"},
        {"ocr -f text,", "--format text,: text|json|markdown|html|hocr|alto|page|csv|xlsx|pdf|png|zip is expected, "
                         "several with commas and no blanks"},
        {"ocr -f tex", "--format tex: text|json|markdown|html|hocr|alto|page|csv|xlsx|pdf|png|zip is expected, several "
                       "with commas and no blanks"},
        {"ocr --output=", "--output: DIR must not be empty"},
        {"ocr --pages 3-1", "--pages 3-1: page numbers from 1 are expected, as in 1-3,7 or 5- or -3"},
        {"ocr --nonsense", "--nonsense: there is no such option, or it is short for several"},
        {"ocr --max", "--max: there is no such option, or it is short for several"},
        {"ocr -x", "-x: there is no such option"},
        {"ocr --timing=1", "--timing takes no value"},
        {"ocr --dpi", "--dpi: N is missing after it"},
        {"ocr x -o", "--output: DIR is missing after it"},
    };
    for (size_t i = 0; i < array_length(wrong); i++) {
        struct options options;
        char *words;
        assert_int_equal(parse(FOR_OCR, wrong[i].line, &words, &options), ERR_USAGE);
        assert_string_equal(error_detail(), wrong[i].detail);
        free(words);
    }
}

static void commands_have_their_own(void **state) {
    (void)state;
    struct options options;
    char *words;
    assert_int_equal(parse(FOR_DOCTOR, "doctor --json --models dir", &words, &options), 0);
    assert_true(options.json);
    options_done(&options);
    free(words);
    assert_int_equal(parse(FOR_DOCTOR, "doctor --dpi 300", &words, &options), ERR_USAGE);
    free(words);
    assert_int_equal(parse(FOR_OCR, "ocr --json x", &words, &options), ERR_USAGE);
    free(words);
}

static void help_fits_80_columns(void **state) {
    (void)state;
    struct buffer help = {0};
    options_help(FOR_OCR, &help);
    for (const char *line = help.data; *line;) {
        size_t length = strcspn(line, "\n");
        assert_true(length <= 80);
        line += length + 1;
    }
    assert_non_null(strstr(help.data, "  -o, --output DIR "));
    assert_non_null(strstr(help.data, "(default: 100M)"));
    assert_null(strstr(help.data, "--json"));
    buffer_done(&help);
}

static void sizes_are_written_as_they_are_read(void **state) {
    (void)state;
    static const struct {
        int64_t size;
        const char *text;
    } sizes[] = {
        {0, "0"}, {77, "77"}, {1024, "1k"}, {1500, "1500"}, {INT64_C(100) << 20, "100M"}, {INT64_C(4) << 30, "4G"}};
    for (size_t i = 0; i < array_length(sizes); i++) {
        char *text = options_size_text(sizes[i].size);
        assert_string_equal(text, sizes[i].text);
        free(text);
    }
}

int main(void) {
    setenv("OCTAVO_CONFIG", "/dev/null", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_hold),
        cmocka_unit_test(all_options_are_read),
        cmocka_unit_test(after_two_dashes_all_are_files),
        cmocka_unit_test(last_one_counts),
        cmocka_unit_test(wrong_ones_are_named),
        cmocka_unit_test(commands_have_their_own),
        cmocka_unit_test(help_fits_80_columns),
        cmocka_unit_test(sizes_are_written_as_they_are_read),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
