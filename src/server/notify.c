#include "server/notify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

void notify(const char *text) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !*path || strlen(path) >= sizeof(address.sun_path)) {
        return;
    }
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') { /* a name without a file */
        address.sun_path[0] = '\0';
    }
    int fd cleanup(drop_fd) = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = fd < 0 ? -1 : sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    (void)sent;
}

void notify_reload(int64_t now) {
    char *text cleanup(drop_memory) = format("RELOADING=1\nMONOTONIC_USEC=%" PRId64, now / 1000);
    notify(text);
}

/* A variable as a whole number from 1 on; 0 if it is none. */
static int64_t number_in(const char *name) {
    const char *text = getenv(name);
    char *end = NULL;
    long long number = text ? strtoll(text, &end, 10) : 0;
    return text && end > text && *end == '\0' && number > 0 ? (int64_t)number : 0;
}

int64_t notify_watchdog(void) {
    int64_t microseconds = number_in("WATCHDOG_USEC");
    bool is_ours = !getenv("WATCHDOG_PID") || number_in("WATCHDOG_PID") == getpid();
    return is_ours && microseconds < INT64_MAX / 1000 ? microseconds * 1000 / 2 : 0;
}
