/* Text for XML: markup and what XML does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "output/xml.h"

#include <cmocka.h> /* last: it has a macro fail() */

static void text_is_escaped(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"<a href=\"x\">&amp;</a>", "&lt;a href=&quot;x&quot;&gt;&amp;amp;&lt;/a&gt;"},
        {"\x01z\x1F\x0C", "\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a\tb", "a\tb"},
        {"\xFF", "\xEF\xBF\xBD"},
        {"\xEF\xBF\xBE", "\xEF\xBF\xBD"}, /* U+FFFE */
        {"שלום عربى 漢 \xF0\x9F\x98\x80", "שלום عربى 漢 \xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < array_length(cases); i++) {
        struct buffer to cleanup(buffer_done) = {0};
        xml_add(&to, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(to.data, cases[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_is_escaped)};
    return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
