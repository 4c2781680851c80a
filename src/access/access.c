#include "access/access.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"

struct access {
    struct account *accounts;
};

static struct account *find(const struct access *access, const char *id) {
    struct account *account = access->accounts;
    while (account && strcmp(account->key.id, id) != 0) {
        account = account->next;
    }
    return account;
}

static struct key_limits limits_of(const struct key *key, const struct key_limits *limits) {
    const struct key_limits *own = &key->limits;
    return (struct key_limits){.tasks = own->tasks ? own->tasks : limits->tasks,
                               .bytes = own->bytes ? own->bytes : limits->bytes,
                               .rate = own->rate ? own->rate : limits->rate};
}

void access_follow(struct access *access, const struct keys *keys, const struct key_limits *limits) {
    for (struct account *account = access->accounts; account; account = account->next) {
        account->gone = true;
    }
    for (size_t i = 0; i < keys->count; i++) {
        struct account *account = find(access, keys->list[i].id);
        if (!account) {
            account = alloc(1, sizeof(*account));
            *account = (struct account){.next = access->accounts};
            access->accounts = account;
        }
        account->key = keys->list[i];
        account->limits = limits_of(&account->key, limits);
        account->gone = false;
    }
}

struct access *access_new(const struct keys *keys, const struct key_limits *limits) {
    struct access *access = alloc(1, sizeof(*access));
    access_follow(access, keys, limits);
    return access;
}

void access_drop(struct access **access) {
    for (struct account *account = *access ? (*access)->accounts : NULL, *next; account; account = next) {
        next = account->next;
        free(account);
    }
    free(*access);
    *access = NULL;
}

/* The key of "Bearer KEY", else of the other header. */
static const char *key_of(const char *authorization, const char *api_key) {
    static const char scheme[] = "Bearer ";
    if (!authorization) {
        return api_key;
    }
    return strncasecmp(authorization, scheme, sizeof(scheme) - 1) == 0 ? authorization + sizeof(scheme) - 1 : "";
}

/* An id that nobody has takes as long as one that somebody has. */
static struct account *identify(const struct access *access, const char *text) {
    static const struct key nobody = {.id = "", .hash = ""};
    char id[KEY_ID_BYTES] = "";
    bool sound = key_id(text, id);
    struct account *account = sound ? find(access, id) : NULL;
    bool matches = key_matches(account ? &account->key : &nobody, text);
    return matches && account && !account->gone ? account : NULL;
}

bool account_may(const struct account *account, unsigned scope) {
    return !account || scope == SCOPE_OPEN || (account->key.scopes & (scope | SCOPE_ADMIN));
}

int access_enter(struct access *access, const char *authorization, const char *api_key, unsigned scope, int64_t now,
                 struct account **ret, int64_t *ret_seconds) {
    const char *text = key_of(authorization, api_key);
    if (!text) {
        return fail(ERR_UNAUTHORIZED, "there is none: send \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"");
    }
    struct account *account = identify(access, text);
    if (!account) {
        return fail(ERR_UNAUTHORIZED, "there is no such key");
    }
    if (!bucket_take(&account->bucket, account->limits.rate, now, ret_seconds)) {
        return fail(ERR_KEY_LIMIT, "%lld requests per second", (long long)account->limits.rate);
    }
    if (!account_may(account, scope)) {
        return fail(ERR_FORBIDDEN, "the scope %s is needed", key_scope_word(scope));
    }
    *ret = account;
    return 0;
}

int account_take(struct account *account, int64_t bytes, int64_t tasks, int64_t task_bytes) {
    const struct key_limits *limits = &account->limits;
    if (bytes > limits->bytes) {
        return fail(ERR_BODY_TOO_LARGE, "%lld bytes, all that waits of this key may have %lld", (long long)bytes,
                    (long long)limits->bytes);
    }
    if (tasks + account->documents >= limits->tasks) {
        return fail(ERR_KEY_LIMIT, "%lld documents that were not read yet", (long long)limits->tasks);
    }
    if (bytes > limits->bytes - task_bytes - account->bytes) {
        return fail(ERR_KEY_LIMIT, "%lld bytes of documents that were not read yet", (long long)limits->bytes);
    }
    account->documents++;
    account->bytes += bytes;
    return 0;
}

void account_release(struct account *account, int64_t bytes) {
    account->documents--;
    account->bytes -= bytes;
}
