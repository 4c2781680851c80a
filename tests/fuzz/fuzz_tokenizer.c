/*
 * Bytes as a tokenizer.json, and what its tokens say as LaTeX. Built with -fsanitize=fuzzer it is a libFuzzer target;
 * the main() below replays made-up bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/tokenizer.h"
#include "pipeline/part/formula.h"
#include "pipeline/part/latex.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    char *text cleanup(drop_memory) = copy_bytes((const char *)bytes, length);
    char *clean cleanup(drop_memory) = latex_clean(text), *again cleanup(drop_memory) = latex_clean(clean);
    char **tokens;
    size_t count;
    (void)again;
    if (tokenizer_read((const char *)bytes, length, &tokens, &count) == 0) {
        static const float ids[] = {0, 1, 3, 4, -1, 7, 1e9F, 2};
        char *latex cleanup(drop_memory) = formula_text(ids, array_length(ids), tokens, count);
        if (strchr(latex, '"')) {
            abort();
        }
        for (size_t i = 0; i < count; i++) {
            free(tokens[i]);
        }
        free(tokens);
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
int main(void) {
    static const char *const sound[] = {
        "{\"added_tokens\":[{\"id\":2,\"content\":\"</s>\",\"special\":true},{\"id\":7,\"content\":\"\\u4e2d\"}],"
        "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"\\u0120\\\\frac\":3,\"{x\":4,"
        "\"\\u00e4\\u00b8\":0}}}",
        "\\frac { a } { b \\ \\text { \xE4\xB8\xAD } } \\operatorname* { m a x } \\alpha b $ \"",
    };
    static const char odd[] = {'\0', '"', '\\', '{', '}', ':', ',', '[', '-', '9', ' ', (char)0xC4, (char)0xFF};
    for (size_t i = 0; i < array_length(sound); i++) {
        replay_changed(sound[i], strlen(sound[i]), odd, sizeof(odd));
    }
    return 0;
}
#endif
