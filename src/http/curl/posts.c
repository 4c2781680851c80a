#include "http/posts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "http/address.h"
#include "http/curl/easy.h"

enum {
    MOST_REDIRECTS = 5,
    DROPPED_BYTES = 64 * 1024, /* of the answer to a post; then it is cut */
};

struct posts {
    CURLM *multi;
    int epoll_fd;     /* of libcurl's sockets */
    int64_t timer_at; /* clock: libcurl wants to be called; INT64_MAX: it does not */
    posts_over *over;
    void *context;
    struct posting *first;
};

struct posting {
    struct posting *next;
    struct posts *posts;
    CURL *easy;
    struct curl_slist *headers;
    struct buffer body;
    void *owner;
    int (*receive)(void *context, void *owner, const char *bytes, size_t length);
    bool private_too, refused; /* by open_socket() */
    size_t dropped;
    char message[CURL_ERROR_SIZE];
};

static bool host_is_public(CURLU *url) {
    char *host = NULL;
    bool is = curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && address_host_is_public(host);
    curl_free(host);
    return is;
}

int posts_check(const char *url, bool private_too) {
    CURLU *parts = or_end(curl_url());
    int result = 0;
    if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK || !url_is_http(parts) ||
        !url_has(parts, CURLUPART_HOST)) {
        result = fail(ERR_BAD_REQUEST, "http://HOST/... or https://HOST/... is expected");
    } else if (url_has(parts, CURLUPART_USER) || url_has(parts, CURLUPART_PASSWORD)) {
        result = fail(ERR_BAD_REQUEST, "an address without user and password is expected");
    } else if (!private_too && !host_is_public(parts)) {
        result = fail(ERR_BAD_REQUEST, "its host is not public, which this server does not allow");
    }
    curl_url_cleanup(parts);
    return result;
}

/* libcurl tells what it waits for. The socket may have been closed by then: its place in epoll went with it. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
    const struct posts *posts = context;
    struct epoll_event event = {.data.fd = fd};
    (void)easy;
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(posts->epoll_fd, EPOLL_CTL_DEL, fd, &event);
    } else if (epoll_ctl(posts->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0) {
        curl_multi_assign(posts->multi, fd, context);
    } /* else its time will be over */
    return 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context) {
    static const int64_t MILLISECOND = 1000000;
    (void)multi;
    ((struct posts *)context)->timer_at = milliseconds < 0 ? INT64_MAX : clock_now() + milliseconds * MILLISECOND;
    return 0;
}

int posts_open(posts_over *over, void *context, struct posts **ret) {
    int result = easy_use_library();
    if (result != 0) {
        return result;
    }
    struct posts *posts cleanup(posts_drop) = alloc(1, sizeof(*posts));
    *posts = (struct posts){.timer_at = INT64_MAX, .over = over, .context = context};
    posts->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    posts->multi = or_end(curl_multi_init());
    curl_multi_setopt(posts->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(posts->multi, CURLMOPT_SOCKETDATA, posts);
    curl_multi_setopt(posts->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(posts->multi, CURLMOPT_TIMERDATA, posts);
    if (posts->epoll_fd < 0) {
        return fail(ERR_INTERNAL, "epoll: %s", strerror(errno));
    }
    *ret = take(posts);
    return 0;
}

static void end_posting(struct posts *posts, struct posting *posting) {
    struct posting **link = &posts->first;
    while (*link != posting) {
        link = &(*link)->next;
    }
    *link = posting->next;
    curl_multi_remove_handle(posts->multi, posting->easy);
    curl_easy_cleanup(posting->easy);
    curl_slist_free_all(posting->headers);
    buffer_done(&posting->body);
    free(posting);
}

void posts_drop(struct posts **posts_address) {
    struct posts *posts = *posts_address;
    if (!posts) {
        return;
    }
    while (posts->first) {
        end_posting(posts, posts->first);
    }
    curl_multi_cleanup(posts->multi);
    drop_fd(&posts->epoll_fd);
    free(posts);
    *posts_address = NULL;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    struct posting *posting = context;
    (void)purpose;
    if (!posting->private_too && !address_is_public(&address->addr)) {
        posting->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t drop_some(const char *bytes, size_t size, size_t count, void *context) {
    struct posting *posting = context;
    (void)bytes;
    posting->dropped += size * count;
    return posting->dropped > DROPPED_BYTES ? 0 : size * count;
}

/* What comes with a redirect or a failure is not what was asked for. */
static size_t fetch_some(const char *bytes, size_t size, size_t count, void *context) {
    struct posting *posting = context;
    return !easy_is_success(posting->easy) ? drop_some(bytes, size, count, context)
           : posting->receive(posting->posts->context, posting->owner, bytes, size * count) == 0 ? size * count
                                                                                                 : 0;
}

/* What is sent, or what takes that which is fetched. */
static void set_load(struct posting *posting) {
    CURL *easy = posting->easy;
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, posting->receive ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    if (!posting->receive) {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, posting->headers);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, posting->body.data);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)posting->body.length);
    }
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, posting->receive ? fetch_some : drop_some);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, posting);
}

static void set_up_post(struct posting *posting, const struct post *post) {
    CURL *easy = posting->easy;
    easy_set_manners(easy);
    curl_easy_setopt(easy, CURLOPT_URL, post->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, posting);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a look-up that hangs is left behind, not waited for */
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, posting);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, posting->message);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)post->seconds);
    set_load(posting);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, drop_some);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, posting);
}

static void add_posted(struct posting *posting, const struct post *post) {
    posting->body = *post->body;
    *post->body = (struct buffer){0};
    posting->headers = or_end(curl_slist_append(NULL, "Content-Type: application/json"));
    for (const char *const *header = post->headers; *header; header++) {
        or_end(curl_slist_append(posting->headers, *header));
    }
}

void posts_begin(struct posts *posts, const struct post *post) {
    struct posting *posting = alloc(1, sizeof(*posting));
    *posting = (struct posting){.next = posts->first,
                                .posts = posts,
                                .receive = post->receive,
                                .owner = post->owner,
                                .private_too = post->private_too};
    posts->first = posting;
    posting->easy = or_end(curl_easy_init());
    if (!post->receive) {
        add_posted(posting, post);
    }
    set_up_post(posting, post);
    or_end(curl_multi_add_handle(posts->multi, posting->easy) == CURLM_OK ? posting : NULL);
}

void posts_leave(struct posts *posts, const void *owner) {
    struct posting *posting = posts->first;
    while (posting->owner != owner) {
        posting = posting->next;
    }
    end_posting(posts, posting);
}

int posts_descriptor(const struct posts *posts) { return posts->epoll_fd; }

int64_t posts_until(const struct posts *posts) { return posts->timer_at; }

/* A status that has come counts, whatever became of the rest of the answer, unless that is what was asked for. */
static void tell_end(struct posts *posts, CURL *easy, CURLcode code) {
    struct posting *posting = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &posting);
    long status = easy_status(posting->easy);
    const char *why = posting->refused    ? "its address is not public, which this server does not allow"
                      : *posting->message ? posting->message
                                          : curl_easy_strerror(code);
    bool sound = status / 100 == 2, done = sound && (!posting->receive || code == CURLE_OK);
    bool by_status = status / 100 > 2 && !posting->refused;
    char *trouble cleanup(drop_memory) = by_status ? format("the answer is HTTP status %ld", status) : copy_string(why);
    void *owner = posting->owner;
    end_posting(posts, posting);
    posts->over(posts->context, owner, done ? NULL : trouble);
}

void posts_take(struct posts *posts, int64_t now) {
    struct epoll_event events[16];
    int running, left, count = epoll_wait(posts->epoll_fd, events, (int)array_length(events), 0);
    for (int i = 0; i < count; i++) {
        uint32_t seen = events[i].events;
        int what = (seen & EPOLLIN ? CURL_CSELECT_IN : 0) | (seen & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                   (seen & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
        curl_multi_socket_action(posts->multi, events[i].data.fd, what, &running);
    }
    if (now >= posts->timer_at) {
        posts->timer_at = INT64_MAX;
        curl_multi_socket_action(posts->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    for (const CURLMsg *message; (message = curl_multi_info_read(posts->multi, &left));) {
        tell_end(posts, message->easy_handle, message->data.result);
    }
}
