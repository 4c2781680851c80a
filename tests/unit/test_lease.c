/* Leases: who gets a place, in which order, and that none is lost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "pool/lease.h"

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static struct lease_wish wish_at(int64_t since, int priority) {
    return (struct lease_wish){
        .device = PLACE_AUTO, .place = {.priority = priority, .since = since}, .deadline = INT64_MAX};
}

static int acquire(struct leases *leases, struct lease *lease, int64_t since, int priority) {
    const struct lease_wish wish = wish_at(since, priority);
    return lease_acquire(leases, &wish, lease, since);
}

/* Who waits asks again. */
static int again(struct leases *leases, struct lease *lease, int64_t now) {
    const struct lease_wish wish = lease->wish;
    return lease_acquire(leases, &wish, lease, now);
}

static void places_are_limited_and_come_back(void **state) {
    (void)state;
    struct leases leases;
    struct lease lease[3] = {0};
    size_t places, held, waiting;
    leases_open(&leases, 1, 2, 0);
    assert_int_equal(acquire(&leases, &lease[0], 1, 0), 0);
    assert_int_equal(acquire(&leases, &lease[1], 2, 0), 0);
    assert_int_equal(acquire(&leases, &lease[1], 3, 0), 0); /* it holds it already */
    assert_int_equal(acquire(&leases, &lease[2], 4, 0), 1);
    leases_count(&leases, &places, &held, &waiting);
    assert_true(places == 2 && held == 2 && waiting == 1 && !leases_can_grant(&leases));
    lease_release(&leases, &lease[0], 5);
    assert_true(leases_can_grant(&leases));
    assert_int_equal(again(&leases, &lease[2], 6), 0);
    lease_release(&leases, &lease[0], 7); /* not held any more: left alone */
    leases_count(&leases, &places, &held, &waiting);
    assert_true(held == 2 && waiting == 0);
    lease_release(&leases, &lease[1], 8);
    lease_release(&leases, &lease[2], 8);
    leases_count(&leases, &places, &held, &waiting);
    assert_true(held == 0 && leases.granted == 3 && leases.released == 3);
    leases_done(&leases);
}

static void the_older_goes_first_then_priority_wins(void **state) {
    (void)state;
    struct leases leases;
    struct lease holder = {0}, lease[3] = {0};
    leases_open(&leases, 1, 1, 0);
    assert_int_equal(acquire(&leases, &holder, 0, 0), 0);
    assert_int_equal(acquire(&leases, &lease[0], 1, 0), 1);
    assert_int_equal(acquire(&leases, &lease[1], 1, 0), 1); /* equal: it came later */
    assert_int_equal(acquire(&leases, &lease[2], 2, 1), 1);
    lease_release(&leases, &holder, 3);
    assert_int_equal(again(&leases, &lease[1], 3), 1);
    assert_int_equal(again(&leases, &lease[0], 3), 1);
    assert_int_equal(again(&leases, &lease[2], 3), 0);
    lease_release(&leases, &lease[2], 4);
    assert_int_equal(again(&leases, &lease[1], 4), 1);
    assert_int_equal(again(&leases, &lease[0], 4), 0);
    lease_release(&leases, &lease[1], 5); /* waits no more */
    lease_release(&leases, &lease[0], 5);
    assert_null(leases.waiting);
    leases_done(&leases);
}

/* A step of priority is worth QUEUE_AGEING of waiting: the lowest priority gets its turn though others keep coming. */
static void nobody_waits_for_ever(void **state) {
    (void)state;
    struct leases leases;
    struct lease holder = {0}, low = {0}, high = {0};
    int64_t now = 0;
    leases_open(&leases, 1, 1, 0);
    assert_int_equal(acquire(&leases, &holder, now, 10), 0);
    assert_int_equal(acquire(&leases, &low, now, -10), 1);
    for (int turn = 0; low.state != LEASE_HELD; turn++) {
        now += SECOND;
        assert_int_equal(acquire(&leases, &high, now, 10), 1);
        lease_release(&leases, &holder, now);
        if (again(&leases, &low, now) == 1) {
            assert_int_equal(again(&leases, &high, now), 0);
            holder = high;
            high = (struct lease){0};
        }
        assert_true(turn <= 20 * QUEUE_AGEING / SECOND);
    }
    assert_true(now >= 20 * QUEUE_AGEING);
    lease_release(&leases, &low, now);
    lease_release(&leases, &high, now);
    leases_done(&leases);
}

static void exhaustion_and_missing_devices_are_answers(void **state) {
    (void)state;
    struct leases leases;
    struct lease holder = {0}, lease = {0};
    leases_open(&leases, 1, 1, 0);
    struct lease_wish wish = wish_at(0, 0);
    wish.device = 2;
    assert_int_equal(lease_acquire(&leases, &wish, &lease, 0), ERR_NO_DEVICE);
    assert_string_equal(error_detail(), "no instance runs on gpu2");
    assert_int_equal(lease.state, LEASE_NONE);
    wish.device = PLACE_CPU;
    assert_int_equal(lease_acquire(&leases, &wish, &holder, 0), 0);
    wish.deadline = 5 * SECOND;
    assert_int_equal(lease_acquire(&leases, &wish, &lease, SECOND), 1);
    assert_int_equal(leases_until(&leases), 5 * SECOND);
    assert_int_equal(lease_acquire(&leases, &wish, &lease, 5 * SECOND), ERR_POOL_EXHAUSTED);
    assert_string_equal(error_detail(), "no place (cpu) in 5.0 s: 1 of 1 are held, 0 more wait");
    assert_true(lease.state == LEASE_NONE && leases.expired == 1 && leases_until(&leases) == INT64_MAX);
    lease_release(&leases, &holder, 6 * SECOND);
    leases_done(&leases);
}

/* Who waits for one device does not keep others from another one. */
static void devices_do_not_hold_up_each_other(void **state) {
    (void)state;
    struct leases leases;
    struct lease gpu = {0}, other = {0}, cpu = {0}, any = {0};
    leases_open(&leases, 2, 1, 0);
    leases.instances[1].device = 0;
    struct lease_wish wish = wish_at(0, 0);
    wish.device = 0;
    assert_int_equal(lease_acquire(&leases, &wish, &gpu, 0), 0);
    assert_ptr_equal(gpu.instance, &leases.instances[1]);
    assert_int_equal(lease_acquire(&leases, &wish, &other, 0), 1);
    wish.device = PLACE_CPU;
    wish.place.since = SECOND;
    assert_int_equal(lease_acquire(&leases, &wish, &cpu, SECOND), 0);
    assert_int_equal(acquire(&leases, &any, 2 * SECOND, 0), 1);
    lease_release(&leases, &gpu, 3 * SECOND);
    assert_int_equal(again(&leases, &any, 3 * SECOND), 1); /* it is another's */
    lease_release(&leases, &cpu, 3 * SECOND);
    assert_int_equal(again(&leases, &any, 3 * SECOND), 0);
    assert_int_equal(again(&leases, &other, 3 * SECOND), 0);
    assert_true(any.instance == &leases.instances[0] && other.instance == &leases.instances[1]);
    lease_release(&leases, &any, 4 * SECOND);
    lease_release(&leases, &other, 4 * SECOND);
    leases_done(&leases);
}

static void times_are_counted(void **state) {
    (void)state;
    struct leases leases;
    struct lease holder = {0}, lease = {0};
    leases_open(&leases, 1, 2, 0);
    assert_int_equal(acquire(&leases, &holder, 0, 0), 0);
    assert_int_equal(acquire(&leases, &lease, 0, 0), 0);
    lease_release(&leases, &lease, 10 * SECOND);
    lease_release(&leases, &holder, 610 * SECOND);
    struct instance *instance = &leases.instances[0];
    assert_true(fabs(instance->held_seconds - 620) < 1e-6 && fabs(instance->utilisation - 0.5) < 1e-3);
    instance_count(instance, 10000 * SECOND);
    assert_true(fabs(instance->held_seconds - 620) < 1e-6 && instance->utilisation < 1e-6);
    assert_true(leases.hold.count == 2 && fabs(leases.hold.sum - 620) < 1e-6);
    assert_true(leases.hold.counts[6] == 1 && leases.hold.counts[9] == 1); /* up to 10 s; up to 1800 s */
    assert_true(leases.wait.count == 2 && leases.wait.sum == 0 && leases.wait.counts[0] == 2);
    leases_done(&leases);
}

/* Those that are ready go first, then those that have less to do; one that is closed gets nothing. */
static void the_least_used_is_taken(void **state) {
    (void)state;
    struct leases leases;
    struct lease lease[6] = {0};
    leases_open(&leases, 3, 2, 0);
    leases.instances[1].ready = true;
    assert_int_equal(acquire(&leases, &lease[0], 1, 0), 0);
    assert_int_equal(acquire(&leases, &lease[1], 2, 0), 0);
    assert_true(lease[0].instance == &leases.instances[1] && lease[1].instance == &leases.instances[1]);
    assert_int_equal(acquire(&leases, &lease[2], 3, 0), 0);
    leases.instances[1].ready = false;
    assert_int_equal(acquire(&leases, &lease[3], 4, 0), 0);
    assert_true(lease[2].instance == &leases.instances[0] && lease[3].instance == &leases.instances[2]);
    leases.instances[2].open = false;
    assert_int_equal(acquire(&leases, &lease[4], 5, 0), 0);
    assert_int_equal(acquire(&leases, &lease[5], 6, 0), 1);
    assert_ptr_equal(lease[4].instance, &leases.instances[0]);
    for (size_t i = 0; i < array_length(lease); i++) {
        lease_release(&leases, &lease[i], 7);
    }
    leases_done(&leases);
}

static void assert_places(const struct leases *leases, size_t first, size_t second, size_t third) {
    assert_int_equal(leases->instances[0].places, first);
    assert_int_equal(leases->instances[1].places, second);
    assert_int_equal(leases->instances[2].places, third);
}

static void places_move_and_their_sum_stays(void **state) {
    (void)state;
    struct leases leases;
    struct lease lease[5] = {0};
    leases_open(&leases, 3, 0, 0);
    leases.instances[0].places = 5;
    leases.instances[1].open = leases.instances[2].open = false;
    leases_share(&leases, 0);
    assert_places(&leases, 5, 0, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(acquire(&leases, &lease[i], i, 0), 0);
    }
    leases.instances[1].open = true; /* four are held: one can move, as soon as it is wanted there */
    leases_share(&leases, SECOND);
    assert_places(&leases, 4, 1, 0);
    lease_move(&lease[3], &leases.instances[1], SECOND);
    leases_share(&leases, SECOND);
    assert_places(&leases, 3, 2, 0);
    assert_true(leases.instances[0].held == 3 && leases.instances[1].held == 1);
    assert_int_equal(acquire(&leases, &lease[4], 9, 0), 0);
    assert_ptr_equal(lease[4].instance, &leases.instances[1]);
    leases.instances[0].open = false; /* what is held there stays until it moves or ends */
    leases.instances[2].open = true;
    leases_share(&leases, 2 * SECOND);
    assert_places(&leases, 3, 2, 0);
    lease_release(&leases, &lease[0], 11 * SECOND);
    lease_move(&lease[1], &leases.instances[2], 11 * SECOND);
    leases_share(&leases, 11 * SECOND);
    assert_places(&leases, 1, 3, 1);
    lease_release(&leases, &lease[2], 21 * SECOND);
    leases_share(&leases, 21 * SECOND);
    assert_places(&leases, 0, 3, 2);
    instance_count(&leases.instances[0], 100 * SECOND); /* without a place nothing is used */
    assert_true(leases.instances[0].utilisation >= 0 && leases.instances[0].utilisation < 0.5);
    for (size_t i = 0; i < array_length(lease); i++) {
        lease_release(&leases, &lease[i], 100 * SECOND);
    }
    leases_done(&leases);
}

/* Random schedules */

enum { LEASES = 40, STEPS = 400, SCHEDULES = 2000 };

struct schedule {
    struct leases leases;
    struct lease lease[LEASES];
    int64_t now, number;
    uint64_t seed, granted, released, expired;
};

static uint64_t draw(struct schedule *schedule, uint64_t below) { /* xorshift */
    schedule->seed ^= schedule->seed << 13;
    schedule->seed ^= schedule->seed >> 7;
    schedule->seed ^= schedule->seed << 17;
    return schedule->seed % below;
}

static bool may_use(const struct lease_wish *wish, int device) {
    return wish->device == PLACE_AUTO || wish->device == device;
}

/* Nobody who waits goes before this one and could have had its place. */
static void assert_in_turn(const struct schedule *schedule, const struct lease *granted) {
    const struct instance *instance = granted->instance;
    size_t before = 0;
    for (size_t i = 0; i < LEASES; i++) {
        const struct lease *other = &schedule->lease[i];
        before += other->state == LEASE_WAITING && may_use(&other->wish, instance->device) &&
                  queue_before(&other->wish.place, &granted->wish.place);
    }
    assert_true(before + instance->held <= instance->places);
    assert_true(may_use(&granted->wish, instance->device));
}

static void ask(struct schedule *schedule, struct lease *lease) {
    struct lease_wish wish = lease->wish;
    if (lease->state == LEASE_NONE) {
        uint64_t patience = draw(schedule, 3);
        wish = (struct lease_wish){.device = (int)draw(schedule, 4) - 2, /* any, cpu, gpu0, gpu1 */
                                   .place = {.priority = (int64_t)draw(schedule, 21) - 10,
                                             .since = schedule->now,
                                             .number = schedule->number++},
                                   .deadline =
                                       patience ? INT64_MAX : schedule->now + (int64_t)draw(schedule, 30) * SECOND};
    }
    bool held = lease->state == LEASE_HELD;
    int result = lease_acquire(&schedule->leases, &wish, lease, schedule->now);
    if (result == 0 && !held) {
        schedule->granted++;
        assert_in_turn(schedule, lease);
    } else if (result == 1) {
        assert_true(lease->state == LEASE_WAITING && schedule->now < wish.deadline);
    } else if (result == ERR_POOL_EXHAUSTED) {
        schedule->expired++;
        assert_true(lease->state == LEASE_NONE && schedule->now >= wish.deadline);
    } else {
        assert_int_equal(result, 0);
    }
}

static void let_go(struct schedule *schedule, struct lease *lease) {
    schedule->released += lease->state == LEASE_HELD;
    lease_release(&schedule->leases, lease, schedule->now);
    assert_int_equal(lease->state, LEASE_NONE);
}

static void assert_sound(const struct schedule *schedule) {
    const struct leases *leases = &schedule->leases;
    size_t places, held, waiting, seen_held = 0, seen_waiting = 0;
    leases_count(leases, &places, &held, &waiting);
    for (size_t i = 0; i < leases->instance_count; i++) {
        assert_true(leases->instances[i].held <= leases->instances[i].places);
    }
    for (size_t i = 0; i < LEASES; i++) {
        seen_held += schedule->lease[i].state == LEASE_HELD;
        seen_waiting += schedule->lease[i].state == LEASE_WAITING;
    }
    assert_true(held == seen_held && waiting == seen_waiting);
    assert_true(leases->granted == schedule->granted && leases->released == schedule->released);
    assert_true(leases->granted - leases->released == held && leases->expired == schedule->expired);
    for (const struct lease *lease = leases->waiting; lease && lease->next; lease = lease->next) {
        assert_false(queue_before(&lease->next->wish.place, &lease->wish.place));
    }
}

/* Whoever waits gets a place when those before it have had theirs. */
static void run_dry(struct schedule *schedule) {
    while (schedule->leases.waiting) {
        uint64_t ended = schedule->granted + schedule->expired;
        for (size_t i = 0; i < LEASES; i++) {
            if (schedule->lease[i].state == LEASE_HELD) {
                let_go(schedule, &schedule->lease[i]);
            }
        }
        for (size_t i = 0; i < LEASES; i++) {
            if (schedule->lease[i].state == LEASE_WAITING) {
                ask(schedule, &schedule->lease[i]);
            }
        }
        assert_true(schedule->granted + schedule->expired > ended);
    }
    for (size_t i = 0; i < LEASES; i++) {
        let_go(schedule, &schedule->lease[i]);
    }
    assert_sound(schedule);
    for (size_t i = 0; i < schedule->leases.instance_count; i++) {
        assert_int_equal(schedule->leases.instances[i].held, 0);
    }
}

/* The owner opens and closes instances, and moves leases between those of a device. */
static void rearrange(struct schedule *schedule) {
    struct instance *instance = &schedule->leases.instances[draw(schedule, 2)];
    struct lease *lease = &schedule->lease[draw(schedule, LEASES)];
    struct instance *to = &schedule->leases.instances[0];
    instance->open = to == instance || !instance->open;
    instance->ready = draw(schedule, 2) == 0;
    if (lease->state == LEASE_HELD && lease->instance == to + 1) {
        lease_move(lease, to, schedule->now);
    }
    leases_share(&schedule->leases, schedule->now);
}

static void random_schedules_lose_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        struct schedule schedule = {.seed = seed * 0x9E3779B97F4A7C15};
        size_t places = 1 + draw(&schedule, 5), sum, held, waiting;
        leases_open(&schedule.leases, 4, places, 0);
        schedule.leases.instances[2].device = 0;
        schedule.leases.instances[3].device = 1;
        for (int step = 0; step < STEPS; step++) {
            struct lease *lease = &schedule.lease[draw(&schedule, LEASES)];
            schedule.now += (int64_t)draw(&schedule, 4) * SECOND;
            uint64_t what = draw(&schedule, 6);
            if (what == 0) {
                rearrange(&schedule);
                leases_count(&schedule.leases, &sum, &held, &waiting);
                assert_int_equal(sum, 4 * places);
            } else if (what <= 2) {
                let_go(&schedule, lease);
            } else {
                ask(&schedule, lease);
            }
            if (step % 16 == 0) {
                assert_sound(&schedule);
            }
        }
        run_dry(&schedule);
        leases_done(&schedule.leases);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_limited_and_come_back),
        cmocka_unit_test(the_older_goes_first_then_priority_wins),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(exhaustion_and_missing_devices_are_answers),
        cmocka_unit_test(devices_do_not_hold_up_each_other),
        cmocka_unit_test(times_are_counted),
        cmocka_unit_test(the_least_used_is_taken),
        cmocka_unit_test(places_move_and_their_sum_stays),
        cmocka_unit_test(random_schedules_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
