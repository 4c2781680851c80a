/* Names of results, and text for terminals. */
#include <setjmp.h>
#include <stdarg.h>
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
        const char *files[MOST_FILES], *names[MOST_FILES];
    } cases[] = {
        {{"x/a.pdf", "b.tar.gz"}, {"a", "b.tar"}},
        {{"a.png", "a.pdf", "b.png"}, {"a.png", "a.pdf", "b"}},
        {{"x/a.png", "y/a.png", "z/a.png"}, {"a.png", "a.png-2", "a.png-3"}},
        {{"a.png", "a.png"}, {"a.png", "a.png-2"}},
        {{"a.png", "a.pdf", "x/a.png.txt"}, {"a.png", "a.pdf", "a.png-2"}},
        {{"x/a", "y/a", "a-2.png"}, {"a", "a-3", "a-2"}},
        {{"-", "noext", ".hidden", "dir.d/file"}, {"stdin", "noext", ".hidden", "file"}},
        {{"-", "stdin.png"}, {"stdin", "stdin.png"}},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        char *files[MOST_FILES], *names[MOST_FILES];
        size_t count = 0;
        for (; count < MOST_FILES && cases[i].files[count]; count++) {
            files[count] = copy_string(cases[i].files[count]);
        }
        target_names(files, count, names);
        for (size_t k = 0; k < count; k++) {
            assert_string_equal(names[k], cases[i].names[k]);
            free(names[k]);
            free(files[k]);
        }
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
        cmocka_unit_test(every_format_can_be_asked_for),
        cmocka_unit_test(text_is_made_safe),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
