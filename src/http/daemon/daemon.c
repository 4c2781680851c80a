#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/daemon/inside.h"
#include "http/route.h"
#include "http/tls.h"

enum {
    HEADER_BYTES = 16 * 1024, /* of a connection: headers, and what is read at a time */
    SILENT_SECONDS = 60,      /* a connection on which nothing moves is closed */
};
static const int64_t SECOND = 1000000000, MILLISECOND = 1000000;

/* Connections */

static void connected(void *context, struct MHD_Connection *mhd, void **socket_context,
                      enum MHD_ConnectionNotificationCode code) {
    struct http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *peer = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
        struct connection *connection = connection_begin(http, mhd, fd, peer);
        if (http->options.tls) {
            connection->tls = tls_keep(http->options.tls);
            tls_attach(connection->tls, MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session);
        }
        *socket_context = connection;
        return;
    }
    connection_end(http, *socket_context);
    *socket_context = NULL;
}

/* The event loop; http_poll() is in connection.c */

void http_take(struct http *http, const struct pollfd *polled, size_t count, int64_t now) {
    connections_take(http, polled, count);
    connections_tick(http, now);
    MHD_run(http->daemon);
}

int64_t http_until(const struct http *http, int64_t now) {
    MHD_UNSIGNED_LONG_LONG milliseconds;
    int64_t until = now + SECOND;
    if (MHD_get_timeout(http->daemon, &milliseconds) == MHD_YES && milliseconds < 1000) {
        until = now + (int64_t)milliseconds * MILLISECOND;
    }
    return connections_until(http, until);
}

/* Opening and closing */

static size_t unescape(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context, (void)mhd;
    return route_unescape(text);
}

static void log_daemon(void *context, const char *pattern, va_list arguments) {
    char line[256];
    (void)context;
    vsnprintf(line, sizeof(line), pattern, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_line(LOG_DEBUG, "http: %s", line);
}

/* The certificate named here is the first one; which one a connection has is decided in connected(). */
static struct MHD_Daemon *start_daemon(struct http *http) {
    const struct http_options *options = &http->options;
    const struct tls *tls = options->tls;
    static char priorities[] = TLS_PRIORITIES;
    struct MHD_OptionItem secure[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? tls_certificate(tls) : NULL},
                                      {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? tls_key(tls) : NULL},
                                      {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
                                      {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, http, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL,
                            MHD_OPTION_LISTEN_SOCKET, options->socket, MHD_OPTION_CONNECTION_LIMIT,
                            options->connections, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENT_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
                            request_completed, http, MHD_OPTION_NOTIFY_CONNECTION, connected, http,
                            MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_ARRAY,
                            tls ? secure : secure + array_length(secure) - 1, MHD_OPTION_END);
}

int http_open(const struct http_options *options, struct http **ret) {
    struct http *http cleanup(http_drop) = alloc(1, sizeof(*http));
    http->options = *options;
    http->options.tls = options->tls ? tls_keep(options->tls) : NULL;
    http->polled = alloc(options->connections, sizeof(struct connection *));
    if (options->tls && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        return fail(ERR_TLS, "the libmicrohttpd of this machine was built without TLS");
    }
    http->daemon = start_daemon(http);
    if (!http->daemon) {
        return fail(ERR_INTERNAL, "the HTTP daemon did not start");
    }
    http->epoll = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    *ret = take(http);
    return 0;
}

void http_follow_tls(struct http *http, struct tls *tls) {
    struct tls *old = http->options.tls;
    http->options.tls = tls_keep(tls);
    tls_drop(&old);
}

void http_quiesce(struct http *http) {
    int listening = http->quiet ? -1 : MHD_quiesce_daemon(http->daemon);
    drop_fd(&listening);
    http->quiet = true;
}

void http_drop(struct http **http) {
    struct http *own = *http;
    if (own && own->daemon) {
        own->closing = true;
        for (struct connection *connection = own->connections; connection; connection = connection->next) {
            if (connection->request) {
                http_wake(connection->request);
            }
        }
        MHD_run(own->daemon); /* what was suspended goes on, and ends */
        MHD_stop_daemon(own->daemon);
    }
    if (own) {
        tls_drop(&own->options.tls);
        free(own->polled);
        free(own);
    }
    *http = NULL;
}

void http_read_counts(const struct http *http, struct http_counts *ret) { *ret = http->counts; }
