/* Waiting between tries, and when a worker is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"
#include "pool/backoff.h"
#include "pool/order.h"
#include "pool/recycle.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static void waits_double_up_to_half_a_minute(void **state) {
    (void)state;
    static const double expected[] = {0, 0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30};
    struct backoff backoff = {0};
    for (size_t i = 0; i < array_length(expected); i++) {
        assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND + (int64_t)(expected[i] * 1e9));
    }
}

static void a_healthy_minute_forgives(void **state) {
    (void)state;
    struct backoff backoff = {0};
    for (int i = 0; i < 4; i++) {
        backoff_next(&backoff, 0, 100 * SECOND);
    }
    assert_int_equal(backoff_next(&backoff, 41 * SECOND, 100 * SECOND), 102 * SECOND); /* 59 s were not enough */
    assert_int_equal(backoff_next(&backoff, 40 * SECOND, 100 * SECOND), 100 * SECOND);
    assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND + SECOND / 4);
    backoff_forgive(&backoff);
    assert_int_equal(backoff_next(&backoff, 0, 100 * SECOND), 100 * SECOND);
}

/* Judges count points whose heap and PSS are given by their start and what each document adds; the last reason. */
static char *judge(struct recycle *recycle, size_t count, uint64_t heap_each, uint64_t pss_each) {
    char *reason = NULL;
    for (uint64_t i = 0; i < count && !reason; i++) {
        uint64_t noise = (i * 7919) % 5000;
        const struct rest rest = {
            .documents = i, .heap = 50000000 + i * heap_each + noise, .pss = 90000000 + i * pss_each + 4 * noise};
        reason = recycle_judge(recycle, &rest);
    }
    return reason;
}

static void noise_is_no_reason(void **state) {
    (void)state;
    struct recycle recycle = {0};
    assert_null(judge(&recycle, 500, 0, 0));
}

static void a_climb_is_a_reason_until_it_begins_anew(void **state) {
    (void)state;
    struct recycle recycle = {0};
    char *heap = judge(&recycle, 200, 20000, 20000);
    assert_non_null(heap);
    assert_non_null(strstr(heap, "heap at rest climbs"));
    free(heap);
    recycle_begin(&recycle);
    char *pss = judge(&recycle, 200, 0, 100000);
    assert_non_null(pss);
    assert_non_null(strstr(pss, "memory at rest climbs"));
    free(pss);
    recycle_begin(&recycle);
    assert_null(judge(&recycle, 3, 20000, 20000));
}

static void deficit_and_lost_handles_are_reasons(void **state) {
    (void)state;
    struct recycle recycle = {0};
    const struct rest little = {.documents = 1, .deficit = 60 << 20}, much = {.documents = 2, .deficit = 65 << 20},
                      lost = {.documents = 3, .handles = 1};
    assert_null(recycle_judge(&recycle, &little));
    char *first = recycle_judge(&recycle, &much);
    assert_null(recycle_judge(&recycle, &lost)); /* once does not count */
    char *second = recycle_judge(&recycle, &lost);
    assert_non_null(first);
    assert_non_null(second);
    assert_string_equal(first, "68 MB of unloaded models were not given back");
    free(first);
    free(second);
}

/* Orders */

struct given {
    struct order order;
    int calls, error;
    uint64_t bytes;
};

static void note_end(struct order *order, int error, const char *detail, uint64_t bytes) {
    struct given *given = (struct given *)order;
    given->calls++;
    given->error = error;
    given->bytes = bytes;
    assert_non_null(detail);
}

static int answer(struct order **orders, const char *text) {
    struct json *message cleanup(json_drop) = NULL;
    assert_int_equal(json_parse(text, strlen(text), &message), 0);
    return orders_take_answer(orders, 2, message);
}

static void orders_are_answered_once(void **state) {
    (void)state;
    struct order *orders = NULL;
    struct given load = {.order = {.kind = ORDER_LOAD, .done = note_end}};
    struct given unload = {.order = {.kind = ORDER_UNLOAD, .done = note_end}};
    orders_add(&orders, &load.order);
    orders_add(&orders, &unload.order);
    assert_false(orders_sent(orders));
    assert_ptr_equal(orders_unsent(orders), &load.order);
    load.order.id = 1;
    assert_true(orders_sent(orders));
    assert_ptr_equal(orders_unsent(orders), &unload.order);
    unload.order.id = 2;
    assert_null(orders_unsent(orders));
    assert_int_equal(answer(&orders, "{\"op\":\"ordered\",\"id\":2,\"bytes\":77}"), 0);
    assert_int_equal(answer(&orders, "{\"op\":\"ordered\",\"id\":2,\"bytes\":78}"), 0); /* nobody waits for it */
    assert_int_equal(answer(&orders, "{\"op\":\"order_failed\",\"id\":1,\"error\":\"no_memory\"}"), 0);
    assert_int_equal(answer(&orders, "{\"op\":\"ordered\",\"id\":3,\"bytes\":1}"), ERR_PROTOCOL);
    assert_int_equal(answer(&orders, "{\"op\":\"ordered\"}"), ERR_PROTOCOL);
    assert_true(unload.calls == 1 && unload.error == 0 && unload.bytes == 77);
    assert_true(load.calls == 1 && load.error == ERR_NO_MEMORY);
    assert_null(orders);
}

/* In parts it is done when all are; the first failure is told, what came back is added up. */
static void an_order_for_several_workers_is_answered_once(void **state) {
    (void)state;
    struct order *lists[2] = {NULL};
    struct given unload = {.order = {.kind = ORDER_UNLOAD, .done = note_end}},
                 dropped = {.order = {.kind = ORDER_LOAD, .done = note_end}};
    order_divide(&unload.order, 2);
    order_divide(&dropped.order, 2);
    for (int i = 0; i < 2; i++) {
        orders_add(&lists[i], &unload.order.parts[i]);
        orders_add(&lists[i], &dropped.order.parts[i]);
        assert_int_equal(orders_unsent(lists[i])->kind, ORDER_UNLOAD);
        unload.order.parts[i].id = 1;
    }
    assert_int_equal(answer(&lists[0], "{\"op\":\"ordered\",\"id\":1,\"bytes\":77}"), 0);
    assert_int_equal(unload.calls, 0);
    assert_int_equal(answer(&lists[1], "{\"op\":\"order_failed\",\"id\":1,\"error\":\"busy\"}"), 0);
    assert_true(unload.calls == 1 && unload.error == ERR_BUSY && unload.bytes == 77);
    for (int i = 0; i < 2; i++) {
        orders_withdraw(&lists[i], &dropped.order.parts[i]);
        assert_null(lists[i]);
    }
    order_reunite(&dropped.order);
    assert_int_equal(dropped.calls, 0);
}

static void orders_of_a_worker_that_is_gone_end(void **state) {
    (void)state;
    struct order *orders = NULL;
    struct given sent = {.order = {.kind = ORDER_UNLOAD, .done = note_end}},
                 release = {.order = {.kind = ORDER_RELEASE, .done = note_end}},
                 load = {.order = {.kind = ORDER_LOAD, .done = note_end}},
                 gone = {.order = {.kind = ORDER_LOAD, .done = note_end}};
    orders_add(&orders, &sent.order);
    orders_add(&orders, &release.order);
    orders_add(&orders, &load.order);
    orders_add(&orders, &gone.order);
    sent.order.id = 1;
    orders_withdraw(&orders, &gone.order);
    orders_lose(&orders, "it died");
    assert_true(sent.calls == 1 && sent.error == ERR_WORKER_CRASHED);
    assert_true(release.calls == 1 && release.error == 0 && release.bytes == 0);
    assert_int_equal(load.calls, 0);
    orders_refuse(&orders, ERR_DRAINING, NULL);
    assert_true(load.calls == 1 && load.error == ERR_DRAINING && gone.calls == 0);
    assert_null(orders);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_half_a_minute),
        cmocka_unit_test(a_healthy_minute_forgives),
        cmocka_unit_test(noise_is_no_reason),
        cmocka_unit_test(a_climb_is_a_reason_until_it_begins_anew),
        cmocka_unit_test(deficit_and_lost_handles_are_reasons),
        cmocka_unit_test(orders_are_answered_once),
        cmocka_unit_test(an_order_for_several_workers_is_answered_once),
        cmocka_unit_test(orders_of_a_worker_that_is_gone_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
