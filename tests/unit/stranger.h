/* A server that answers whoever connects with the same bytes, for tests of the client. */
#ifndef OCTAVO_TEST_STRANGER_H
#define OCTAVO_TEST_STRANGER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

struct stranger {
    int listening;
    pthread_t thread;
    const char *answer; /* NULL: it says nothing and waits for the other side to go */
    size_t length;
    char asked[4096]; /* the first bytes of the last request */
};

/* What is sent is read to its end first, or closing would take back the answer. */
static void *stranger_serve(void *context) {
    struct stranger *stranger = context;
    for (int fd; (fd = accept(stranger->listening, NULL, NULL)) >= 0; close(fd)) {
        ssize_t got = recv(fd, stranger->asked, sizeof(stranger->asked) - 1, 0);
        stranger->asked[got > 0 ? got : 0] = '\0';
        if (stranger->answer) {
            send(fd, stranger->answer, stranger->length, MSG_NOSIGNAL);
            shutdown(fd, SHUT_WR);
        }
        char rest[4096];
        while (recv(fd, rest, sizeof(rest), 0) > 0) {
        }
    }
    return NULL;
}

/* Begins to answer; the address is in ret_url, which the caller frees. */
static inline void stranger_open(struct stranger *stranger, char **ret_url) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(place);
    stranger->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(stranger->listening, (struct sockaddr *)&place, size) != 0 || listen(stranger->listening, 8) != 0 ||
        getsockname(stranger->listening, (struct sockaddr *)&place, &size) != 0 ||
        pthread_create(&stranger->thread, NULL, stranger_serve, stranger) != 0) {
        abort();
    }
    *ret_url = format("http://127.0.0.1:%d/", ntohs(place.sin_port));
}

static inline void stranger_close(struct stranger *stranger) {
    shutdown(stranger->listening, SHUT_RDWR);
    pthread_join(stranger->thread, NULL);
    close(stranger->listening);
}

#endif
