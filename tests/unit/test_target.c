/* Names of results, and text for terminals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/target.h"
#include "cli/terminal.h"
#include "conf/options.h"
#include "output/output.h"

#include <cmocka.h> /* last: it has a macro fail() */

enum { MOST_FILES = 6 };

static void names_do_not_collide(void **state) {
    (void)state;
    static const struct {
        bool page_files;
        const char *files[MOST_FILES], *names[MOST_FILES];
    } cases[] = {
        {false, {"x/a.pdf", "b.tar.gz"}, {"a", "b.tar"}},
        {false, {"a.png", "a.pdf", "b.png"}, {"a.png", "a.pdf", "b"}},
        {false, {"x/a.png", "y/a.png", "z/a.png"}, {"a.png", "a.png~2", "a.png~3"}},
        {false, {"a.png", "a.png"}, {"a.png", "a.png~2"}},
        {false, {"a.png", "a.pdf", "x/a.png.txt"}, {"a.png", "a.pdf", "a.png~2"}},
        {false, {"x/a", "y/a", "a-2.png"}, {"a", "a~2", "a-2"}},
        {false, {"-", "noext", ".hidden", "dir.d/file"}, {"stdin", "noext", ".hidden", "file"}},
        {false, {"-", "stdin.png"}, {"stdin", "stdin.png"}},
        {false, {"x/a", "y/a", "a~2.png"}, {"a", "a~3", "a~2"}},
        {false, {"a.pdf", "a-1.png"}, {"a", "a-1"}},
        {true, {"a.pdf", "a-1.png", "b.pdf"}, {"a.pdf", "a-1.png", "b"}},
        {true, {"a-10.png", "x/a.pdf"}, {"a-10.png", "a.pdf"}},
        {true, {"x/a.pdf", "y/a.pdf", "a.pdf-1"}, {"a.pdf", "a.pdf~2", "a.pdf-1~2"}},
        {true, {"a", "a-1", "a-1-2"}, {"a", "a-1~2", "a-1-2"}},
        {true, {"a.png", "a-.png", "a-b.png", "a-1b.png", "a1.png"}, {"a", "a-", "a-b", "a-1b", "a1"}},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *files[MOST_FILES], *names[MOST_FILES];
        size_t count = 0;
        for (; count < MOST_FILES && cases[i].files[count]; count++) {
            files[count] = copy_string(cases[i].files[count]);
        }
        target_names(files, count, cases[i].page_files, names);
        for (size_t k = 0; k < count; k++) {
            assert_string_equal(names[k], cases[i].names[k]);
            free(names[k]);
            free(files[k]);
        }
    }
}

static void a_name_that_comes_later_collides_with_none(void **state) {
    (void)state;
    static const struct {
        const char *file, *name;
        bool page_files;
    } cases[] = {
        {"b.pdf", "b", false},          {"a.pdf", "a.pdf", false},    {"y/a.png", "a.png~2", false},
        {"a-1.png", "a-1", false},      {"a-1.png", "a-1.png", true}, {"a.png-3.tif", "a.png-3.tif", true},
        {"a.png-3", "a.png-3~2", true}, {"c.png", "c", false},        {"c.png", "c.png", true},
    };
    char *taken[] = {copy_string("a"), copy_string("a.png"), copy_string("c-12")};
    for (size_t i = 0; i < array_length(cases); i++) {
        char *name = target_name(cases[i].file, taken, array_length(taken), cases[i].page_files);
        assert_string_equal(name, cases[i].name);
        free(name);
    }
    for (size_t i = 0; i < array_length(taken); i++) {
        free(taken[i]);
    }
}

static void text_is_made_safe(void **state) {
    (void)state;
    static const struct {
        const char *text, *safe;
    } cases[] = {
        {"plain.pdf", "plain.pdf"},
        {"größe 漢.pdf", "größe 漢.pdf"},
        {"a\nb\tc", "a\\x0Ab\\x09c"},
        {"\033[2J", "\\x1B[2J"},
        {"\x7F", "\\x7F"},
        {"\xC2\x9B", "\\x9B"}, /* the one-character CSI */
        {"\xFF"
         "x",
         "\\xFFx"},
        {"gpj.\xE2\x80\xAE.exe", "gpj.\\u{202E}.exe"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *safe = terminal_safe(cases[i].text);
        assert_string_equal(safe, cases[i].safe);
        free(safe);
    }
}

static void every_format_can_be_asked_for(void **state) {
    (void)state;
    for (const struct output *output = outputs; output->word; output++) {
        char *word = copy_string(output->word);
        char *argv[] = {copy_string("ocr"), copy_string("-f"), word, NULL};
        struct options options;
        assert_int_equal(options_parse(FOR_OCR, 3, argv, &options), 0);
        options_done(&options);
        for (size_t i = 0; i < array_length(argv); i++) {
            free(argv[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_do_not_collide),
        cmocka_unit_test(a_name_that_comes_later_collides_with_none),
        cmocka_unit_test(every_format_can_be_asked_for),
        cmocka_unit_test(text_is_made_safe),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
