/*
 * Bytes as what a client sends beside its document: options as JSON and as parameters, URLs, paths, escapes, Accept,
 * request ids. Built with -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, or made-up bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/inside.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/posts.h"
#include "http/request_id.h"
#include "http/route.h"
#include "replay.h"

static void as_options(const char *text, size_t length) {
    struct wish wish cleanup(wish_done) = {0};
    (void)wish_set_json(&wish, text, length);
    wish_take_file_name(&wish, text);
    char *word cleanup(drop_memory) = copy_string(text);
    char *equals = strchr(word, '=');
    if (equals) {
        *equals = '\0';
        (void)wish_set(&wish, word, equals + 1);
    }
    struct json *json cleanup(json_drop) = wish_to_json(&wish);
    char *written cleanup(drop_memory) = json_text(json, false);
    struct wish again cleanup(wish_done) = {0};
    if (wish_set_json(&again, written, strlen(written)) != 0) {
        abort(); /* what was taken is taken again: the store keeps it so */
    }
}

static void as_path(const char *text) {
    char *path cleanup(drop_memory) = copy_string(text), *arguments[HTTP_ARGUMENTS] = {NULL};
    struct buffer allowed cleanup(buffer_done) = {0};
    int error = 0;
    route_unescape(path);
    (void)route_find(api_routes, "GET", path, arguments, &allowed, &error);
    for (int i = 0; i < HTTP_ARGUMENTS; i++) {
        if (arguments[i]) {
            (void)id_is_sound(arguments[i]);
            free(arguments[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    static const char *const types[] = {"text/plain; charset=utf-8", "application/json", NULL};
    char *text cleanup(drop_memory) = copy_bytes((const char *)bytes, length);
    char id[HTTP_ID_BYTES];
    as_options(text, length);
    as_path(text);
    (void)api_choose_type(text, types);
    (void)posts_check(text, false);
    request_id_choose(text, id);
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
static const char odd[] = {'\0', '\n', '"', '%', '/', '{', '}', ',', ';', '=', '0', '-', '\\', (char)0xFF};

int main(int count, char **arguments) {
    static const char *const sound[] = {
        "{\"pages\":\"1-3,7\",\"dpi\":150,\"priority\":-10,\"deadline\":60,\"name\":\"a\\u00fc.pdf\",\"key\":\"k\"}",
        "pages=1-3,7,9-",
        "priority=-10",
        "name=C:\\scans\\a.pdf",
        "/v1/tasks/9jcn99mnw1rqkmbn4ghhg98yw7/pages/12",
        "/v1/tasks/%2e%2e%2fetc%00",
        "https://user:word@[2600::1%25eth0]:8443/told?a=b#c",
        "http://0x7f.1/",
        "text/html, application/json;q=0.9, */*; q=0.1",
        "request-1.2_3"};
    for (size_t i = 0; i < array_length(sound); i++) {
        replay_changed(sound[i], strlen(sound[i]), odd, sizeof(odd));
    }
    char long_name[600];
    for (size_t length = 200; length < sizeof(long_name); length += 13) { /* bytes that grow when they are made valid */
        memset(long_name, length % 2 ? 0xFF : 'x', length);
        LLVMFuzzerTestOneInput((const uint8_t *)long_name, length);
    }
    return replay_files(count, arguments);
}
#endif
