/*
 * Who may do what: the keys of a server, what each is using, and its limits. Accounts stay where they are as long as
 * the server runs, so that a request, and a task, of a key that is removed still have one. One thread.
 */
#ifndef OCTAVO_ACCESS_ACCESS_H
#define OCTAVO_ACCESS_ACCESS_H

#include "access/bucket.h"
#include "access/key.h"

struct account {
    struct account *next;
    struct key key;
    struct key_limits limits; /* its own, or those of all */
    bool gone;                /* the key is not in the file any more */
    struct bucket bucket;
    int64_t documents, bytes; /* on their way in, or read at once */
};

struct access;

/* Accounts of keys, which are copied, under limits for those that have none of their own. The caller drops it. */
struct access *access_new(const struct keys *keys, const struct key_limits *limits);
void access_drop(struct access **access);

/* Goes on with other keys and limits. */
void access_follow(struct access *access, const struct keys *keys, const struct key_limits *limits);

/*
 * Lets a request in that needs scope (not OPEN): authorization and api_key are its headers of these names, NULL where
 * it has none. The account is borrowed as long as the access. ERR_UNAUTHORIZED, ERR_FORBIDDEN; ERR_KEY_LIMIT with the
 * seconds after which it makes sense to come again.
 */
int access_enter(struct access *access, const char *authorization, const char *api_key, unsigned scope, int64_t now,
                 struct account **ret, int64_t *ret_seconds);

/* Whether an account (NULL: there are no keys) may do what needs scope. */
bool account_may(const struct account *account, unsigned scope);

/*
 * One more document of so many bytes, beside those of tasks that have not ended: so many, with so many bytes. Taken
 * until account_release(). ERR_KEY_LIMIT, ERR_BODY_TOO_LARGE if it would never fit.
 */
int account_take(struct account *account, int64_t bytes, int64_t tasks, int64_t task_bytes);
void account_release(struct account *account, int64_t bytes);

#endif
