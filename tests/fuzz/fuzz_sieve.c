/*
 * Bytes as a request to /ocr: in pieces it must come to what it comes to as a whole.
 * Built with -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, or made-up bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/paddlex.h"
#include "api/sieve.h"
#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "replay.h"

static int collect(void *context, const char *bytes, size_t length) {
    buffer_add(context, bytes, length);
    return 0;
}

static void read_request(const struct json *json, const char *url, bool layout) {
    struct paddlex_request request cleanup(paddlex_request_done) = {.layout = layout};
    (void)paddlex_request_read(json, url, 10, &request);
}

/* What it comes to, in one text. */
static char *outcome_of(const char *bytes, size_t length, size_t step) {
    struct buffer document cleanup(buffer_done) = {0};
    const struct sieve_sink sink = {.write = collect, .context = &document};
    struct sieve *sieve cleanup(sieve_drop) = sieve_new(&sink);
    struct json *json cleanup(json_drop) = NULL;
    int result = 0;
    for (size_t at = 0; at < length && result == 0; at += step) {
        result = sieve_add(sieve, bytes + at, length - at < step ? length - at : step);
    }
    result = result ? result : sieve_end(sieve, &json);
    if (result != 0) {
        return format("%d", result);
    }
    read_request(json, sieve_url(sieve), false);
    read_request(json, sieve_url(sieve), true);
    char *kept cleanup(drop_memory) = json_text(json, false);
    char *taken cleanup(drop_memory) = copy_bytes(document.data ? document.data : "", document.length);
    return format("%zu %s %s %s", document.length, taken, kept, sieve_url(sieve) ? sieve_url(sieve) : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    const char *text = (const char *)bytes;
    char *whole cleanup(drop_memory) = outcome_of(text, length, length + 1);
    for (size_t step = 1; step < 8; step += 2) {
        char *pieces cleanup(drop_memory) = outcome_of(text, length, step);
        if (strcmp(whole, pieces) != 0) {
            fprintf(stderr, "%s\n%s\n", whole, pieces);
            abort();
        }
    }
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
static const char odd[] = {'\0', '\n', '"', '\\', '{', '}', ',', ':', '=', 'u', (char)0xFF};

int main(int count, char **arguments) {
    static const char *const sound[] = {
        "{\"file\":\"aGVsbG8=\",\"fileType\":1,\"visualize\":null,\"textRecScoreThresh\":\"0.5\",\"logId\":\"a\"}",
        "{\"f\\u0069le\":\"http:\\/\\/a.org\\/b.png?c\",\"useTableRecognition\":\"no\",\"outputFormats\":[\"docx\"]}",
        "{\"a\":[{\"file\":\"b\"},1e3],\"file\":\"aGVs\\u0062G8\\u003d\",\"useSealRecognition\":true}"};
    for (size_t i = 0; i < array_length(sound); i++) {
        replay_changed(sound[i], strlen(sound[i]), odd, sizeof(odd));
    }
    return replay_files(count, arguments);
}
#endif
