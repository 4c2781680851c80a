#include "pool/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

static void take_part(struct order *part, int error, const char *detail, uint64_t bytes) {
    struct order *order = part->whole;
    order->bytes += bytes;
    if (error != 0 && order->error == 0) {
        order->error = error;
        order->detail = copy_string(detail);
    }
    if (--order->open == 0) {
        char *why cleanup(drop_memory) = take(order->detail);
        order_reunite(order);
        order->done(order, order->error, why ? why : "", order->bytes);
    }
}

void order_divide(struct order *order, size_t parts) {
    order->parts = alloc(parts, sizeof(*order->parts));
    order->part_count = order->open = parts;
    order->error = 0;
    order->bytes = 0;
    for (size_t i = 0; i < parts; i++) {
        order->parts[i] = (struct order){
            .kind = order->kind, .model = order->model, .seconds = order->seconds, .done = take_part, .whole = order};
    }
}

void order_reunite(struct order *order) {
    free(order->parts);
    free(order->detail);
    order->parts = NULL;
    order->part_count = 0;
    order->detail = NULL;
}

void orders_add(struct order **orders, struct order *order) {
    while (*orders) {
        orders = &(*orders)->next;
    }
    order->id = 0;
    order->next = NULL;
    *orders = order;
}

void orders_withdraw(struct order **orders, const struct order *order) {
    while (*orders && *orders != order) {
        orders = &(*orders)->next;
    }
    if (*orders) {
        *orders = order->next;
    }
}

bool orders_sent(const struct order *orders) {
    while (orders && orders->id == 0) {
        orders = orders->next;
    }
    return orders != NULL;
}

struct order *orders_unsent(struct order *orders) {
    while (orders && orders->id > 0) {
        orders = orders->next;
    }
    return orders;
}

static void end(struct order **orders, struct order *order, int error, const char *detail, uint64_t bytes) {
    orders_withdraw(orders, order);
    order->done(order, error, detail ? detail : "", bytes);
}

void orders_refuse(struct order **orders, int error, const char *detail) {
    while (*orders) {
        end(orders, *orders, error, detail, 0);
    }
}

void orders_lose(struct order **orders, const char *obituary) {
    for (struct order *order = *orders, *next; order; order = next) {
        next = order->next;
        if (order->id > 0) {
            end(orders, order, ERR_WORKER_CRASHED, obituary, 0);
        } else if (order->kind != ORDER_LOAD) {
            end(orders, order, 0, NULL, 0);
        }
    }
}

int orders_take_answer(struct order **orders, long last, const struct json *message) {
    bool failed = strcmp(json_string(message, "op"), "order_failed") == 0;
    long id = (long)json_int(message, "id", 0);
    int64_t bytes = json_int(message, "bytes", 0);
    struct order *order = *orders;
    if (id < 1 || id > last || bytes < 0) {
        return fail(ERR_PROTOCOL, "octavo-worker answers an order that was not given");
    }
    while (order && order->id != id) {
        order = order->next;
    }
    if (order) { /* else it was withdrawn */
        int error = failed ? error_from_word(json_string(message, "error")) : 0;
        end(orders, order, error, json_string(message, "detail"), (uint64_t)bytes);
    }
    return 0;
}
