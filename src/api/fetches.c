#include "api/fetches.h"

#include <malloc.h>
#include <stdlib.h>

#include "api/inside.h"
#include "base/error.h"
#include "base/memory.h"
#include "http/posts.h"

enum { AT_ONCE = 8 };

struct fetches {
    struct fetches_conf conf;
    struct posts *posts;
    int count; /* that go on */
};

static void forget(struct fetches *fetches, struct fetch *fetch) {
    free(take(fetch->detail));
    if (--fetches->count == 0) {
        malloc_trim(0); /* as for callbacks: each handshake takes some MB */
    }
}

static int refuse_url(const char *why) {
    char *copy cleanup(drop_memory) = copy_string(why);
    return fail(ERR_UNPROCESSABLE, "file: the URL cannot be fetched: %s", copy);
}

static void over(void *context, void *owner, const char *trouble) {
    struct fetches *fetches = context;
    struct fetch *fetch = owner;
    int error = fetch->error;
    char *detail cleanup(drop_memory) = take(fetch->detail);
    forget(fetches, fetch);
    if (error == 0 && trouble) {
        error = refuse_url(trouble);
        detail = copy_string(error_detail());
    }
    fetch->over(fetch, error, detail);
}

/* What is declared may be a lie: what comes is counted. */
static int take_piece(void *context, void *owner, const char *bytes, size_t length) {
    const struct fetches *fetches = context;
    struct fetch *fetch = owner;
    fetch->bytes += (int64_t)length;
    fetch->error = fetch->bytes > fetches->conf.bytes
                       ? fail(ERR_BODY_TOO_LARGE, "the document at the URL has more than %lld bytes",
                              (long long)fetches->conf.bytes)
                       : fetch->receive(fetch, bytes, length);
    fetch->detail = fetch->error ? copy_string(error_detail()) : NULL;
    return fetch->error;
}

int fetches_begin(struct fetches *fetches, const char *url, struct fetch *fetch) {
    if (!fetches->conf.allowed) {
        return fail(ERR_UNPROCESSABLE, "file: this server fetches nothing, for fetch.allow is not set: the document "
                                       "itself is expected, in base64");
    }
    if (posts_check(url, fetches->conf.private_too) != 0) {
        return refuse_url(error_detail());
    }
    if (fetches->count == AT_ONCE) {
        return fail(ERR_BUSY, "%d documents are fetched", AT_ONCE);
    }
    const struct post post = {.url = url,
                              .receive = take_piece,
                              .seconds = fetches->conf.seconds,
                              .private_too = fetches->conf.private_too,
                              .owner = fetch};
    fetches->count++;
    posts_begin(fetches->posts, &post);
    return 0;
}

void fetches_leave(struct fetches *fetches, struct fetch *fetch) {
    posts_leave(fetches->posts, fetch);
    forget(fetches, fetch);
}

int fetches_descriptor(const struct fetches *fetches) { return posts_descriptor(fetches->posts); }

void fetches_take(struct fetches *fetches, int64_t now) { posts_take(fetches->posts, now); }

int64_t fetches_until(const struct fetches *fetches) { return posts_until(fetches->posts); }

void fetches_follow(struct fetches *fetches, const struct fetches_conf *conf) { fetches->conf = *conf; }

int fetches_open(struct api *api, const struct fetches_conf *conf, struct fetches **ret) {
    struct fetches *fetches cleanup(fetches_drop) = alloc(1, sizeof(*fetches));
    fetches_follow(fetches, conf);
    int result = posts_open(over, fetches, &fetches->posts);
    if (result == 0) {
        api->fetches = fetches;
        *ret = take(fetches);
    }
    return result;
}

void fetches_drop(struct fetches **fetches) {
    if (*fetches) {
        posts_drop(&(*fetches)->posts);
        free(*fetches);
    }
    *fetches = NULL;
}
