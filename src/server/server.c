#include "server/server.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/access.h"
#include "api/api.h"
#include "api/callbacks.h"
#include "api/fetches.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/address.h"
#include "http/tls.h"
#include "pool/settings.h"
#include "process/child.h"
#include "server/notify.h"
#include "server/runner.h"

static const int64_t SECOND = 1000000000, MILLISECOND = 1000000;
enum {
    CLOSE_MILLISECONDS = 500, /* for answers that are on their way when all is done */
    OTHER_DESCRIPTORS = 512,  /* besides connections: documents, processes, the store */
    OWN_POLLED = 4,           /* signals, callbacks, the disk, fetches */
};

struct server {
    struct options *options;
    const struct server_source *source;
    struct access *access; /* NULL: there are no keys */
    struct runner runner;
    struct tasks *tasks;
    struct api *api;
    struct http *http;
    char *address;   /* HOST:PORT */
    struct tls *tls; /* NULL: there is none */
    struct callbacks *callbacks;
    struct fetches *fetches;
    int signal_fd;
    unsigned connections;          /* at a time */
    int64_t drain_until, close_at; /* clock; 0: it is not draining, or not done yet */
    int64_t watchdog, watchdog_at; /* nanoseconds, 0: there is none; clock */
    bool orphans;                  /* some that have ended may have to be waited for */
};

/* Signals */

static void open_signals(struct server *server) {
    static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
    sigset_t set;
    sigemptyset(&set);
    if (getpid() == 1) { /* in a container: whoever loses his parent is left to us */
        sigaddset(&set, SIGCHLD);
        server->orphans = true;
    }
    for (size_t i = 0; i < array_length(all); i++) {
        sigaddset(&set, all[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN); /* clients that are gone show as errors of their sockets */
    signal(SIGXFSZ, SIG_IGN); /* so does a file that may not grow */
}

static void begin_drain(struct server *server, int64_t now) {
    int64_t queued, running, bytes;
    tasks_live(server->tasks, &queued, &running, &bytes);
    log_line(LOG_INFO, "ending: %lld tasks are read to their next page, %lld wait for the next start",
             (long long)running, (long long)queued);
    notify("STOPPING=1");
    server->drain_until = now + server->options->grace * SECOND;
    runner_drain(&server->runner);
    api_wake_all(server->api);
}

/* Settings that are read again */

static struct key_limits key_limits_of(const struct options *options) {
    return (struct key_limits){.tasks = options->key_tasks, .bytes = options->key_bytes, .rate = options->key_rate};
}

static struct tasks_limits tasks_limits_of(const struct options *options) {
    return (struct tasks_limits){.tasks = options->queue_tasks,
                                 .bytes = options->queue_bytes,
                                 .kept_seconds = options->keep_seconds,
                                 .kept_tasks = options->keep_tasks,
                                 .kept_bytes = options->keep_bytes,
                                 .callback_attempts = options->callback_attempts,
                                 .callback_wait = options->callback_wait};
}

static struct callbacks_conf callbacks_conf_of(const struct options *options, const char *secret) {
    return (struct callbacks_conf){
        .secret = secret, .private_too = options->callback_private, .seconds = options->callback_timeout};
}

static struct fetches_conf fetches_conf_of(const struct options *options) {
    return (struct fetches_conf){.allowed = options->fetch,
                                 .private_too = options->fetch_private,
                                 .seconds = options->fetch_timeout,
                                 .bytes = options->max_upload};
}

/* NULL if there is none. */
static int read_secret(const struct options *options, char **ret) {
    return options->callback_secret ? callbacks_read_secret(options->callback_secret, ret) : 0;
}

static int load_tls(const struct options *options, struct tls **ret) {
    if (!options->tls_certificate && !options->tls_key) {
        return 0;
    }
    if (!options->tls_certificate || !options->tls_key) {
        return fail(ERR_CONFIG, "%s is given without %s", options->tls_key ? "tls.key" : "tls.certificate",
                    options->tls_key ? "tls.certificate" : "tls.key");
    }
    int result = tls_load(options->tls_certificate, options->tls_key, ret);
    char *warning cleanup(drop_memory) = result == 0 ? tls_warning(*ret, clock_wall()) : NULL;
    if (warning) {
        log_line(LOG_WARNING, "%s", warning);
    }
    return result;
}

static void follow_tls(struct server *server, struct tls **fresh) {
    tls_drop(&server->tls);
    server->tls = take(*fresh);
    if (server->tls) {
        http_follow_tls(server->http, server->tls);
    }
}

/* All of it was read and is right. */
static void follow(struct server *server, struct options *fresh, const struct keys *keys, struct tls **tls,
                   const char *secret) {
    struct buffer kept cleanup(buffer_done) = {0};
    const struct options *options = server->options;
    options_follow(server->options, fresh, &kept);
    const struct key_limits limits = key_limits_of(options);
    const struct tasks_limits tasks_limits = tasks_limits_of(options);
    const struct pool_conf conf = settings_of_pool(options);
    const struct callbacks_conf callbacks_conf = callbacks_conf_of(options, secret);
    const struct fetches_conf fetches_conf = fetches_conf_of(options);
    if (server->access) {
        access_follow(server->access, keys, &limits);
    }
    follow_tls(server, tls);
    tasks_follow(server->tasks, &tasks_limits);
    callbacks_follow(server->callbacks, &callbacks_conf);
    fetches_follow(server->fetches, &fetches_conf);
    api_follow(server->api, options->paddlex_pages);
    if (pool_follow(&server->runner.pool, &conf) != 0) {
        log_line(LOG_ERROR, "the settings of memory: %s: %s", error_sentence(ERR_INTERNAL), error_detail());
    }
    api_wake_all(server->api); /* who waits with a key that is removed */
    log_line(LOG_INFO, "settings%s%s are read again", server->access ? ", keys" : "",
             server->tls ? ", certificate" : "");
    if (kept.length > 0) {
        log_line(LOG_WARNING, "changed, but taken only when the server is started again: %s", kept.data);
    }
}

static void reload(struct server *server) {
    notify_reload(clock_now());
    struct options fresh cleanup(options_done) = {0};
    struct keys keys cleanup(keys_done) = {0};
    struct tls *tls cleanup(tls_drop) = NULL;
    char *secret cleanup(drop_memory) = NULL;
    int result = server->source->read(server->source->context, &fresh);
    result = result == 0 && server->access ? keys_load(server->options->keys, &keys) : result;
    result = result ? result : load_tls(server->options, &tls);
    result = result ? result : read_secret(server->options, &secret);
    if (result == 0) {
        follow(server, &fresh, &keys, &tls, secret);
    } else {
        log_line(LOG_ERROR, "all stays as it was: %s: %s", error_sentence(result), error_detail());
    }
    notify("READY=1");
}

static void take_signal(struct server *server, int64_t now) {
    struct signalfd_siginfo info;
    if (read(server->signal_fd, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGUSR1) {
        pool_dump(&server->runner.pool, "signal");
    } else if (info.ssi_signo == SIGHUP) {
        reload(server);
    } else if (info.ssi_signo == SIGCHLD) {
        server->orphans = true;
    } else if (server->drain_until == 0) {
        begin_drain(server, now);
    } else { /* the store has all that matters; what was running is queued at the next start */
        log_line(LOG_WARNING, "ended at once by a second signal");
        _exit(128 + (int)info.ssi_signo);
    }
}

/* The event loop */

static void note_uploads(struct server *server) {
    struct http_counts counts;
    http_read_counts(server->http, &counts);
    uint64_t bytes = counts.uploads * HTTP_UPLOAD_BYTES;
    if (bytes != server->runner.pool.core.uploads) {
        core_uploads(&server->runner.pool.core, bytes);
    }
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int milliseconds_to_wait(struct server *server, int64_t now) {
    int64_t until = earlier(http_until(server->http, now), runner_until(&server->runner, now));
    until = earlier(until, earlier(tasks_until(server->tasks), callbacks_until(server->callbacks)));
    until = earlier(until, fetches_until(server->fetches));
    until = server->watchdog > 0 ? earlier(until, server->watchdog_at) : until;
    if (server->drain_until > 0) {
        until = earlier(until, server->close_at > 0 ? server->close_at : server->drain_until);
    }
    return until <= now ? 0 : (int)((until - now + MILLISECOND - 1) / MILLISECOND);
}

/* Whether all is done: first the documents, then the answers. */
static bool has_ended(struct server *server, int64_t now) {
    struct http_counts counts;
    if (server->drain_until == 0) {
        return false;
    }
    if (server->close_at == 0 && !runner_is_empty(&server->runner) && now >= server->drain_until) {
        log_line(LOG_WARNING, "the time to end is over: what is still read goes back to the queue");
        runner_give_up(&server->runner);
    }
    if (server->close_at == 0 && runner_is_empty(&server->runner)) {
        http_quiesce(server->http);
        server->close_at = now + CLOSE_MILLISECONDS * MILLISECOND;
    }
    http_read_counts(server->http, &counts);
    if (server->close_at > 0 && now >= server->close_at && counts.answering > 0 && now < server->drain_until) {
        server->close_at = earlier(now + CLOSE_MILLISECONDS * MILLISECOND, server->drain_until);
    }
    return server->close_at > 0 && (counts.connections == 0 || now >= server->close_at);
}

static void tell_watchdog(struct server *server, int64_t now) {
    if (server->watchdog > 0 && now >= server->watchdog_at) {
        notify("WATCHDOG=1");
        server->watchdog_at = now + server->watchdog;
    }
}

static void loop(struct server *server) {
    struct blobs *blobs = tasks_blobs(server->tasks);
    size_t connections = server->connections;
    size_t most = OWN_POLLED + HTTP_POLLED(connections) + POOL_POLLED(server->options->jobs);
    struct pollfd *polled cleanup(drop_memory) = alloc(most, sizeof(*polled));
    for (;;) {
        int64_t now = clock_now();
        tell_watchdog(server, now);
        server->orphans = server->orphans && !child_reap_orphans();
        tasks_tick(server->tasks, now);
        runner_step(&server->runner, now);
        callbacks_step(server->callbacks, now);
        note_uploads(server);
        if (has_ended(server, now)) {
            return;
        }
        polled[0] = (struct pollfd){.fd = server->signal_fd, .events = POLLIN};
        polled[1] = (struct pollfd){.fd = callbacks_descriptor(server->callbacks), .events = POLLIN};
        polled[2] = (struct pollfd){.fd = blobs_descriptor(blobs), .events = POLLIN};
        polled[3] = (struct pollfd){.fd = fetches_descriptor(server->fetches), .events = POLLIN};
        size_t pool_count = pool_poll(&server->runner.pool, polled + OWN_POLLED);
        size_t http_count = http_poll(server->http, polled + OWN_POLLED + pool_count);
        poll(polled, OWN_POLLED + pool_count + http_count, milliseconds_to_wait(server, now));
        now = clock_now();
        /* The pool first: what a request changes would make what was polled of it out of date. */
        runner_take(&server->runner, polled + OWN_POLLED);
        fetches_take(server->fetches, now);
        if (polled[2].revents) {
            blobs_take(blobs);
        }
        http_take(server->http, polled + OWN_POLLED + pool_count, http_count, now);
        callbacks_take(server->callbacks, now);
        if (polled[0].revents) {
            take_signal(server, now);
        }
    }
}

/* Starting */

static void tell_change(void *context, const char *id) {
    struct server *server = context;
    api_changed(server->api, id);
}

static void tell_stop(void *context, struct task *task) {
    struct server *server = context;
    runner_stopped(&server->runner, task);
}

static bool is_draining(void *context) { return ((struct runner *)context)->draining; }

static int open_tasks(struct server *server) {
    const struct options *options = server->options;
    const struct tasks_limits limits = tasks_limits_of(options);
    const struct tasks_events events = {.context = server, .changed = tell_change, .stopped = tell_stop};
    return tasks_open(options->data, &store_sqlite, &limits, &events, &server->tasks);
}

static int open_http(struct server *server, int *listening) {
    const struct http_options options = {.socket = *listening,
                                         .routes = api_routes,
                                         .tls = server->tls,
                                         .body_limit = server->options->max_upload,
                                         .connections = server->connections,
                                         .send_seconds = server->options->send_timeout,
                                         .context = server->api,
                                         .retry_after = api_retry_after,
                                         .admit = api_admit,
                                         .over = api_over};
    int result = http_open(&options, &server->http);
    if (result == 0) {
        take_fd(listening);
    }
    return result;
}

/*
 * As many descriptors as connections may need, each its own and its document's. Where that is not allowed, fewer are
 * served at a time: the rest is for the processes that read, and the store.
 */
static unsigned raise_descriptors(const struct options *options) {
    struct rlimit limit;
    rlim_t connections = (rlim_t)options->connections, wanted = 2 * connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return (unsigned)connections;
    }
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    bool few = limit.rlim_cur < (rlim_t)2 * OTHER_DESCRIPTORS;
    rlim_t spare = few ? limit.rlim_cur / 4 : (limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
    return (unsigned)(connections < spare ? connections : spare);
}

static int open_access(struct server *server) {
    struct keys keys cleanup(keys_done) = {0};
    const struct key_limits limits = key_limits_of(server->options);
    int result = server->options->keys ? keys_load(server->options->keys, &keys) : 0;
    if (result == 0 && server->options->keys) {
        server->access = access_new(&keys, &limits);
    }
    return result;
}

static int open_callbacks(struct server *server, const char *secret) {
    const struct callbacks_conf conf = callbacks_conf_of(server->options, secret);
    return callbacks_open(server->api, &conf, &server->callbacks);
}

static int open_fetches(struct server *server) {
    const struct fetches_conf conf = fetches_conf_of(server->options);
    api_follow(server->api, server->options->paddlex_pages);
    return fetches_open(server->api, &conf, &server->fetches);
}

static int start(struct server *server) {
    const struct options *options = server->options;
    char *secret cleanup(drop_memory) = NULL;
    int result = open_access(server);
    result = result ? result : load_tls(options, &server->tls);
    result = result ? result : read_secret(options, &secret);
    if (result != 0) {
        return result;
    }
    const struct api_host host = {.context = &server->runner,
                                  .pool = &server->runner.pool,
                                  .access = server->access,
                                  .layout = options->layout,
                                  .begin_direct = runner_begin_direct,
                                  .end_direct = runner_end_direct,
                                  .is_draining = is_draining,
                                  .add_reasons = runner_add_reasons};
    int listening cleanup(drop_fd) = -1;
    server->connections = raise_descriptors(options);
    umask(077);           /* documents are nobody else's business */
    open_signals(server); /* before the guard's thread begins */
    server->api = api_new(&host);
    result = address_listen(options->listen, server->access || options->open, &listening, &server->address);
    result = result ? result : open_tasks(server);
    result = result ? result : runner_open(&server->runner, options);
    if (result != 0) {
        return result;
    }
    runner_use(&server->runner, server->tasks);
    result = open_http(server, &listening);
    api_use(server->api, server->tasks, server->http);
    result = result ? result : open_callbacks(server, secret);
    return result ? result : open_fetches(server);
}

static void tell_start(const struct server *server) {
    int64_t queued, running, bytes;
    tasks_live(server->tasks, &queued, &running, &bytes);
    char *line cleanup(drop_memory) =
        format("octavo serves http%s://%s, data in %s, %lld task%s in the queue\n", server->tls ? "s" : "",
               server->address, server->options->data, (long long)queued, queued == 1 ? "" : "s");
    int result = file_write(STDOUT_FILENO, line, strlen(line));
    (void)result; /* whoever closed it does not want to know */
    notify("READY=1");
}

/* Ending */

static int settle(struct server *server) {
    int result = runner_settle(&server->runner);
    const struct ledger_state *end = &server->runner.pool.settled;
    if (result == 0) {
        log_line(LOG_INFO, "ended: the ledger is balanced, 0 bytes are charged; at most %llu of %llu MB were",
                 (unsigned long long)(end->peak / 1000000), (unsigned long long)(end->budget / 1000000));
    }
    return result;
}

int server_run(struct options *options, const struct server_source *source) {
    struct server server = {.options = options, .source = source, .signal_fd = -1, .watchdog = notify_watchdog()};
    int result = start(&server);
    if (result == 0) {
        tell_start(&server);
        loop(&server);
    }
    char *detail cleanup(drop_memory) = copy_string(error_detail());
    http_drop(&server.http); /* whoever still waits lets go of the pool's jobs */
    if (result == 0) {
        core_uploads(&server.runner.pool.core, 0);
        result = settle(&server);
        detail = result ? (free(detail), copy_string(error_detail())) : detail;
    }
    fetches_drop(&server.fetches);
    callbacks_drop(&server.callbacks);
    runner_done(&server.runner);
    tasks_drop(&server.tasks);
    api_drop(&server.api);
    access_drop(&server.access);
    drop_fd(&server.signal_fd);
    tls_drop(&server.tls);
    free(server.address);
    return result ? fail(result, "%s", detail) : 0;
}
