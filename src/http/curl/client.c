#include "http/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "http/curl/easy.h"
#include "http/problem.h"
#include "http/route.h"

enum {
    HEAD_BYTES = 64 * 1024,
    ANSWER_BYTES = 16 * 1024 * 1024,
    USUAL_PATIENCE = 60, /* the server may have to wait for its disk */
    TURN_MILLISECONDS = 1000,
};

struct client {
    CURLM *multi; /* keeps connections from one request to the next */
    CURL *easy;
    CURLU *server;
    struct curl_slist *headers;
    char *ca_file;
    int stop;
    struct json *problem;
    int64_t retry_after;
    /* The request in hand. */
    const struct client_request *request;
    int64_t sent;
    size_t head_bytes;
    bool incomplete;
    struct buffer text;
    const char *advice;
    int failed; /* by a function of ours, which has told why; 0 */
    char message[CURL_ERROR_SIZE];
};

/* Opening */

static int set_server(struct client *client, const char *server) {
    client->server = or_end(curl_url());
    if (curl_url_set(client->server, CURLUPART_URL, server, 0) != CURLUE_OK || !url_is_http(client->server) ||
        url_has(client->server, CURLUPART_QUERY) || url_has(client->server, CURLUPART_FRAGMENT)) {
        return fail(ERR_USAGE, "--server %.200s: http://HOST:PORT or https://HOST:PORT is expected", server);
    }
    return 0;
}

static void add_header(struct client *client, const char *text) {
    client->headers = or_end(curl_slist_append(client->headers, text));
}

/* What is no letter of a header could begin another one. */
static int set_key(struct client *client, const char *key) {
    for (const char *at = key; *at; at++) {
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7F) {
            return fail(ERR_USAGE, "--api-key: letters, digits and signs of ASCII are expected");
        }
    }
    char *header cleanup(drop_memory) = format("Authorization: Bearer %s", key);
    add_header(client, header);
    return 0;
}

int client_open(const struct client_options *options, struct client **ret) {
    int result = easy_use_library();
    if (result != 0) {
        return result;
    }
    struct client *client cleanup(client_drop) = alloc(1, sizeof(*client));
    client->multi = or_end(curl_multi_init());
    client->easy = or_end(curl_easy_init());
    client->stop = options->stop;
    client->ca_file = copy_string(options->ca_file);
    add_header(client, "Content-Type: application/octet-stream");
    if (client->ca_file && access(client->ca_file, R_OK) != 0) {
        return fail(ERR_NO_INPUT, "--cacert %s: %s", client->ca_file, strerror(errno));
    }
    result = set_server(client, options->server);
    result = result == 0 && options->api_key ? set_key(client, options->api_key) : result;
    *ret = result == 0 ? take(client) : *ret;
    return result;
}

void client_drop(struct client **client_address) {
    struct client *client = *client_address;
    if (!client) {
        return;
    }
    curl_easy_cleanup(client->easy);
    curl_multi_cleanup(client->multi);
    curl_url_cleanup(client->server);
    curl_slist_free_all(client->headers);
    json_drop(&client->problem);
    buffer_done(&client->text);
    free(client->ca_file);
    free(client);
    *client_address = NULL;
}

/* The address of a request */

static void set_path(CURLU *url, const struct client_request *request) {
    char *base = NULL;
    or_end(curl_url_get(url, CURLUPART_PATH, &base, 0) == CURLUE_OK ? base : NULL);
    char *path cleanup(drop_memory) = route_join(base, request->path, request->id);
    curl_free(base);
    or_end(curl_url_set(url, CURLUPART_PATH, path, 0) == CURLUE_OK ? url : NULL);
}

static CURLU *url_of(const struct client *client, const struct client_request *request) {
    CURLU *url = or_end(curl_url_dup(client->server));
    set_path(url, request);
    for (const struct json *one = json_first(request->query); one; one = json_next(one)) {
        const char *text = json_as_string(one);
        char *pair cleanup(drop_memory) =
            text ? format("%s=%s", json_key(one), text) : format("%s=%.0f", json_key(one), json_as_real(one, 0));
        or_end(curl_url_set(url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK ? url : NULL);
    }
    return url;
}

/* What libcurl calls. Bytes that are not taken, or a code other than that of success, end the request. */

static size_t send_some(char *to, size_t size, size_t count, void *context) {
    struct client *client = context;
    const struct client_body *body = client->request->body;
    size_t room = size * count;
    room = (int64_t)room < body->bytes - client->sent ? room : (size_t)(body->bytes - client->sent);
    ssize_t got = room > 0 ? pread(body->fd, to, room, (off_t)client->sent) : 0;
    if (got < 0 || (got == 0 && room > 0)) {
        client->failed = fail(ERR_NO_INPUT, "%s", got < 0 ? strerror(errno) : "it became shorter while it was sent");
        return CURL_READFUNC_ABORT;
    }
    client->sent += got;
    return (size_t)got;
}

/* A connection that was kept can turn out to be closed: it is sent again on another one. */
static int send_again(void *context, curl_off_t offset, int origin) {
    struct client *client = context;
    if (origin != SEEK_SET) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    client->sent = offset;
    return CURL_SEEKFUNC_OK;
}

static size_t take_some(char *bytes, size_t size, size_t count, void *context) {
    struct client *client = context;
    const struct client_request *request = client->request;
    size_t length = size * count;
    if (request->receive && easy_is_success(client->easy)) {
        client->failed = request->receive(request->context, bytes, length);
    } else if (length > ANSWER_BYTES - client->text.length) {
        client->failed = fail(ERR_BAD_ANSWER, "its answer has more than %d bytes", ANSWER_BYTES);
    } else {
        buffer_add(&client->text, bytes, length);
    }
    return client->failed ? 0 : length;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    static const char name[] = "Octavo-Complete: false";
    struct client *client = context;
    size_t length = size * count;
    client->head_bytes += length;
    if (client->head_bytes > HEAD_BYTES) {
        client->failed = fail(ERR_BAD_ANSWER, "the headers of its answer have more than %d bytes", HEAD_BYTES);
        return 0;
    }
    client->incomplete = client->incomplete || (length >= strlen(name) && strncasecmp(bytes, name, strlen(name)) == 0);
    return length;
}

/* A request */

static void set_method(struct client *client) {
    const struct client_request *request = client->request;
    CURL *easy = client->easy;
    if (strcmp(request->method, "DELETE") == 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
    if (strcmp(request->method, "POST") != 0) {
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (!request->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body->bytes);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, send_some);
    curl_easy_setopt(easy, CURLOPT_READDATA, client);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, send_again);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, client);
}

static void set_up(struct client *client, CURLU *url) {
    int64_t patience = client->request->patience ? client->request->patience : USUAL_PATIENCE;
    CURL *easy = client->easy;
    curl_easy_reset(easy);
    easy_set_manners(easy);
    curl_easy_setopt(easy, CURLOPT_CURLU, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* an id of dots is an id */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->message);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)patience);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_some);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, client);
    if (client->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
    }
    set_method(client);
}

/* Trying again may help. */
static bool is_passing(CURLcode code) {
    return code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
           code == CURLE_PROXY || code == CURLE_OPERATION_TIMEDOUT || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SEND_ERROR ||
           code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE;
}

/* What people can mend about it; NULL: nothing that would be known from the code. */
static const char *advice_for(const struct client *client, CURLcode code) {
    bool is_secret = url_is_https(client->server);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return "name certificates (PEM) that vouch for it with --cacert or OCTAVO_CACERT, and the host by the name in "
               "its "
               "certificate";
    case CURLE_SSL_CONNECT_ERROR:
        return "if it speaks no TLS, write http:// in --server or OCTAVO_SERVER";
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what is no HTTP, such as an alert of TLS */
        return is_secret ? NULL
                         : "check --server or OCTAVO_SERVER: where TLS is spoken, the address begins with https://";
    default:
        return NULL;
    }
}

static int end_of_transfer(struct client *client) {
    int left;
    const CURLMsg *message = curl_multi_info_read(client->multi, &left);
    CURLcode code = message ? message->data.result : CURLE_FAILED_INIT;
    const char *why = *client->message ? client->message : curl_easy_strerror(code);
    if (client->failed != 0 || code == CURLE_OK) {
        return client->failed;
    }
    client->advice = advice_for(client, code);
    return fail(is_passing(code)              ? ERR_UNREACHABLE
                : code == CURLE_OUT_OF_MEMORY ? ERR_NO_MEMORY
                                              : ERR_BAD_ANSWER,
                "%s", why);
}

/* libcurl's loop, which ends early where somebody wants it to. */
static int transfer(struct client *client) {
    int running = 1;
    bool stopped = false;
    curl_multi_add_handle(client->multi, client->easy);
    while (running && !stopped && curl_multi_perform(client->multi, &running) == CURLM_OK) {
        struct curl_waitfd stop = {.fd = client->stop, .events = CURL_WAIT_POLLIN};
        if (running) {
            curl_multi_poll(client->multi, &stop, client->stop >= 0, TURN_MILLISECONDS, NULL);
            stopped = stop.revents != 0;
        }
    }
    int result = stopped ? fail(ERR_INTERRUPTED, "%s", "") : end_of_transfer(client);
    curl_multi_remove_handle(client->multi, client->easy);
    return result;
}

/* The answer */

/* A failure that the server tells, or somebody between: those say so with a status alone. */
static int refusal(struct client *client) {
    long status = easy_status(client->easy);
    int error = problem_read(client->text.data ? client->text.data : "", client->text.length, &client->problem);
    if (error == 0) {
        error = status >= 502 && status <= 504 ? ERR_UNREACHABLE : ERR_BAD_ANSWER;
        return fail(error, "the answer is HTTP status %ld", status);
    }
    curl_off_t seconds = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RETRY_AFTER, &seconds);
    client->retry_after = (int64_t)seconds;
    return error;
}

static int read_answer(struct client *client, struct client_answer *ret) {
    const struct client_request *request = client->request;
    struct json *json cleanup(json_drop) = NULL;
    if (!easy_is_success(client->easy)) {
        return refusal(client);
    }
    if (!request->receive && !request->is_text) {
        const char *text = client->text.data ? client->text.data : "";
        if (json_parse(text, client->text.length, &json) != 0 || !json_is_object(json)) {
            return fail(ERR_BAD_ANSWER, "its answer is no JSON object");
        }
    }
    *ret = (struct client_answer){.json = take(json), .text = client->text, .incomplete = client->incomplete};
    client->text = (struct buffer){0};
    return 0;
}

int client_ask(struct client *client, const struct client_request *request, struct client_answer *ret) {
    json_drop(&client->problem);
    buffer_done(&client->text);
    client->request = request;
    client->sent = client->retry_after = 0;
    client->head_bytes = 0;
    client->incomplete = false;
    client->failed = 0;
    client->advice = NULL;
    *client->message = '\0';
    CURLU *url = url_of(client, request);
    set_up(client, url);
    int result = transfer(client);
    result = result ? result : read_answer(client, ret);
    curl_url_cleanup(url);
    return result;
}

void client_answer_done(struct client_answer *answer) {
    json_drop(&answer->json);
    buffer_done(&answer->text);
    *answer = (struct client_answer){0};
}

const struct json *client_problem(const struct client *client) { return client->problem; }

const char *client_advice(const struct client *client) { return client->advice; }

int64_t client_retry_after(const struct client *client) { return client->retry_after; }
