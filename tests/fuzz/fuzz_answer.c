/*
 * Bytes as what answers the client of a server, and its JSON as what its commands tell people. Built with
 * -fsanitize=fuzzer it is a libFuzzer target; the main() below replays files, or made-up bytes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/stranger.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/remote.h"
#include "replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    struct stranger stranger = {.answer = (const char *)bytes, .length = length};
    struct remote remote cleanup(remote_done) = {.signal_fd = -1};
    struct client_answer answer cleanup(client_answer_done) = {0};
    char *url cleanup(drop_memory) = NULL;
    stranger_open(&stranger, &url);
    if (client_open(&(struct client_options){.server = url, .stop = -1}, &remote.client) != 0) {
        abort();
    }
    int result = remote_get(&remote, "/v1/tasks/{id}", "x", &answer);
    if (result == 0) {
        remote_tell_task(&remote, answer.json);
    } else {
        remote_refuse(&remote, "x", result);
    }
    if ((result == 0) != (answer.json != NULL) || remote_status(&remote) <= 0) {
        abort();
    }
    client_drop(&remote.client); /* and with it the connection that the stranger may wait on */
    stranger_close(&stranger);
    return 0;
}

#ifndef OCTAVO_LIBFUZZER
static const char odd[] = {'\0', '\n', '"', '9', '{', ':', (char)0xFF};

int main(int count, char **arguments) {
    static const char *const sound[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 105\r\n\r\n"
        "{\"id\": \"x\", \"state\": \"failed\", \"name\": \"a\", \"error\": {\"title\": \"t\", \"detail\": \"d\", "
        "\"advice\": \"a\", \"page\": 3}}",
        "HTTP/1.1 429 Oh\r\nConnection: close\r\nRetry-After: 9\r\n\r\n"
        "{\"code\": \"queue_full\", \"title\": \"t\", \"detail\": \"d\", \"advice\": \"a\"}"};
    unsetenv("http_proxy"); /* of whoever runs the tests */
    unsetenv("all_proxy");
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO); /* what is told is not looked at */
    for (size_t i = 0; i < array_length(sound); i++) {
        replay_changed(sound[i], strlen(sound[i]), odd, sizeof(odd));
    }
    return replay_files(count, arguments);
}
#endif
