/* The list of connections, and how long each may take. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"
#include "http/address.h"
#include "http/daemon/inside.h"
#include "http/tls.h"

enum { BODY_BYTES_PER_SECOND = 4 * 1024 /* the slowest body */ };
static const int64_t SECOND = 1000000000;

struct connection *connection_begin(struct http *http, struct MHD_Connection *mhd, int fd,
                                    const struct sockaddr *peer) {
    struct connection *connection = alloc(1, sizeof(*connection));
    *connection = (struct connection){.next = http->connections,
                                      .link = &http->connections,
                                      .mhd = mhd,
                                      .fd = fd,
                                      .peer = address_text(peer),
                                      .since = clock_now()};
    if (connection->next) {
        connection->next->link = &connection->next;
    }
    http->connections = connection;
    http->counts.connections++;
    return connection;
}

void connection_end(struct http *http, struct connection *connection) {
    *connection->link = connection->next;
    if (connection->next) {
        connection->next->link = connection->link;
    }
    for (size_t i = 0; i < http->polled_count; i++) {
        http->polled[i] = http->polled[i] == connection ? NULL : http->polled[i];
    }
    http->counts.connections--;
    tls_drop(&connection->tls);
    free(connection->peer);
    free(connection);
}

/* Whether it is the client's turn: more of a body is to come. */
static bool owes_body(const struct http_request *request) {
    return !request->answered && request->body_taken < request->body_bytes;
}

/* When a connection must have sent more; INT64_MAX while it is our turn. */
static int64_t send_until(const struct http *http, const struct connection *connection) {
    const struct http_request *request = connection->request;
    int64_t allowed = http->options.send_seconds * SECOND;
    if (!request) {
        return connection->since + allowed;
    }
    if (!owes_body(request)) {
        return INT64_MAX;
    }
    return request->begun + allowed + request->body_taken / BODY_BYTES_PER_SECOND * SECOND;
}

void connections_tick(struct http *http, int64_t now) {
    for (struct connection *connection = http->connections; connection; connection = connection->next) {
        struct http_request *request = connection->request;
        if (request && request->waiting && now >= request->wait_until) {
            request->timed_out = true;
            http_wake(request);
        }
        if (!connection->cut && now >= send_until(http, connection)) {
            shutdown(connection->fd, SHUT_RDWR); /* libmicrohttpd sees the end of it and closes it */
            connection->cut = true;
            http->counts.cut++;
        }
    }
}

size_t http_poll(struct http *http, struct pollfd *ret) {
    size_t count = 0;
    ret[count++] = (struct pollfd){.fd = http->epoll, .events = POLLIN};
    for (struct connection *connection = http->connections; connection; connection = connection->next) {
        const struct http_request *request = connection->request;
        bool waits = request && request->suspended && !request->held;
        bool watched = waits || (request && owes_body(request) && !request->ended);
        if (watched && count <= http->options.connections) {
            http->polled[count - 1] = connection;
            ret[count++] = (struct pollfd){.fd = connection->fd, .events = POLLRDHUP};
        }
    }
    http->polled_count = count - 1;
    return count;
}

/* The client has closed its side before all of the body was read: the rest will not come when a whole turn has brought
 * nothing. libmicrohttpd does not see an end that came together with the last bytes. */
static void end_half_body(const struct connection *connection) {
    struct http_request *request = connection->request;
    request->ended = request->taken_at_end == request->body_taken;
    request->taken_at_end = request->body_taken;
    if (request->ended) {
        shutdown(connection->fd, SHUT_RDWR); /* this it sees */
    }
}

void connections_take(struct http *http, const struct pollfd *polled, size_t count) {
    for (size_t i = 1; i < count; i++) {
        struct connection *connection = http->polled[i - 1];
        if (!polled[i].revents || !connection || !connection->request) {
            continue;
        }
        if (connection->request->suspended) {
            connection->gone = true;
            http_wake(connection->request);
        } else if (owes_body(connection->request)) {
            end_half_body(connection);
        }
    }
}

int64_t connections_until(const struct http *http, int64_t until) {
    for (const struct connection *connection = http->connections; connection; connection = connection->next) {
        const struct http_request *request = connection->request;
        if (request && request->waiting && request->wait_until < until) {
            until = request->wait_until;
        }
    }
    return until;
}
