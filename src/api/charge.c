/* What is on its way in, and in work for somebody who waits, within the limits of an API key. */
#include "api/inside.h"

int charge_take(struct api *api, struct charge *charge, struct account *account, int64_t bytes) {
    int64_t tasks, owned;
    if (!account) {
        return 0;
    }
    tasks_owned(api->tasks, account->key.id, &tasks, &owned);
    int result = account_take(account, bytes, tasks, owned);
    if (result == 0) {
        charge->account = account;
        charge->places++;
        charge->taken += bytes;
    }
    return result;
}

void charge_release(struct charge *charge) {
    for (; charge->places > 0; charge->places--) {
        account_release(charge->account, charge->taken);
        charge->taken = 0;
    }
}
