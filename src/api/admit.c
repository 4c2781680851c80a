/* Whose request it is, and what of the tasks he sees. */
#include <string.h>

#include "api/inside.h"
#include "base/clock.h"
#include "base/error.h"

int api_admit(void *context, struct http_request *request) {
    const struct api *api = context;
    unsigned scope = http_route(request)->scope;
    struct account *account = NULL;
    int64_t seconds = 0;
    if (!api->host.access || scope == SCOPE_OPEN) {
        return 0;
    }
    int result = access_enter(api->host.access, http_header(request, "Authorization"),
                              http_header(request, "X-API-Key"), scope, clock_now(), &account, &seconds);
    if (result == ERR_UNAUTHORIZED) {
        http_set_header(request, "WWW-Authenticate", "Bearer realm=\"octavo\"");
    } else if (result == ERR_KEY_LIMIT) {
        http_set_retry_after(request, seconds);
    }
    http_set_client(request, account);
    return result;
}

bool api_sees_all(const struct http_request *request) { return account_may(http_client(request), SCOPE_ADMIN); }

const char *api_owner(const struct http_request *request) {
    const struct account *account = http_client(request);
    return account ? account->key.id : NULL;
}

int api_find(struct api *api, const struct http_request *request, const char *id, struct task_row *ret) {
    const struct account *account = http_client(request);
    struct task_row row = {0};
    int result = tasks_find(api->tasks, id, &row);
    if (result != 0) {
        return result;
    }
    bool is_own = account && row.owner && strcmp(row.owner, account->key.id) == 0;
    if ((account && account->gone) || !(is_own || api_sees_all(request))) {
        task_row_done(&row);
        return tasks_no_such(id); /* as one that never was */
    }
    *ret = row;
    return 0;
}
