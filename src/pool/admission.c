#include "pool/admission.h"

#include "base/clock.h"
#include "base/error.h"
#include "pool/dump.h"

static const uint64_t MEGABYTE = 1 << 20;
static const int64_t MILLISECOND = 1000000;

/* Arithmetic */

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

uint64_t admission_worker_bytes(uint64_t budget, uint64_t front, uint64_t largest_page) {
    uint64_t share = budget / 4 > largest_page ? budget / 4 : largest_page;
    uint64_t bytes = less(less(budget, front), share);
    return bytes > 0 ? bytes : 1;
}

size_t admission_workers(uint64_t bytes, uint64_t floor, uint64_t comfort, size_t open, size_t most) {
    size_t workers = open;
    while (workers > 1 && bytes / workers < floor) {
        workers--;
    }
    while (workers >= open && workers < most && less(bytes / (workers + 1), comfort / 16) >= comfort) {
        workers++;
    }
    return workers;
}

bool admission_fits(uint64_t budget, uint64_t front, uint64_t floors, uint64_t bytes, uint64_t *ret_room) {
    *ret_room = less(less(budget, front), floors);
    return bytes <= *ret_room;
}

uint64_t admission_first_grant(uint64_t room) {
    uint64_t quarter = room / 4;
    return quarter > 32 * MEGABYTE ? 32 * MEGABYTE : quarter > MEGABYTE ? quarter : MEGABYTE;
}

uint64_t admission_guess(uint64_t last, uint64_t room) {
    uint64_t guess = last > 0 ? last : admission_first_grant(room);
    return guess <= room ? guess : room > MEGABYTE ? room : MEGABYTE;
}

/* One large page shall not make all that follow it wait for as much. */
uint64_t admission_next_grant(uint64_t granted, uint64_t bitmap) {
    return bitmap < granted / 8 && granted / 2 > MEGABYTE ? granted / 2 : granted;
}

/* Claims */

static uint64_t front_bytes(const struct core *core) { return core->baseline + core->results + core->uploads; }

static uint64_t floors(const struct core *core) {
    uint64_t sum = 0;
    for (size_t i = 0; i < core->stake_count; i++) {
        sum += core->stakes[i].floor;
    }
    return sum;
}

uint64_t claim_room(struct core *core) {
    struct ledger_state state;
    uint64_t room;
    ledger_read(core->ledger, &state);
    admission_fits(state.budget, front_bytes(core), floors(core), 0, &room);
    return room;
}

static uint64_t bytes_to_leave(struct core *core, uint64_t beside) {
    uint64_t leave = beside;
    for (size_t i = 0; i < core->stake_count; i++) {
        const struct stake *stake = &core->stakes[i];
        uint64_t has = stake->account >= 0 ? ledger_held(core->ledger, stake->account, CHARGE_COUNT) : 0;
        leave += less(stake->floor, has);
    }
    return leave;
}

static int refuse(struct claim *claim, struct core *core, uint64_t needed, uint64_t room) {
    recorder_note(core->recorder, EVENT_REFUSAL, charge_word(claim->request.kind), (int64_t)needed, (int64_t)room);
    claim_drop(claim, core);
    if (core->refusals++ == 0) {
        dump_write(core, "refusal");
    }
    return fail(ERR_NO_MEMORY, "%s needs %llu bytes, %llu are available", charge_word(claim->request.kind),
                (unsigned long long)needed, (unsigned long long)room);
}

/* Before: whether it could fit at all. 0, 1 while a smaller plan of the workers, or fewer of them, may still make room,
 * ERR_NO_MEMORY. */
static int check(struct claim *claim, struct core *core, uint64_t own) {
    struct ledger_state state;
    uint64_t room;
    ledger_read(core->ledger, &state);
    if (admission_fits(state.budget, front_bytes(core) + own, floors(core), claim->request.bytes, &room)) {
        uint64_t most = room - claim->request.bytes;
        claim->beside = claim->beside < most ? claim->beside : most;
        return 0;
    }
    uint64_t most; /* if the workers had nothing at all */
    bool hopeless = !admission_fits(state.budget, front_bytes(core) + own, 0, claim->request.bytes, &most);
    return core->planning && !hopeless ? 1 : refuse(claim, core, claim->request.bytes, room);
}

/* What the workers hold changes: what must be left free is kept up to date in the queue. */
static int stand_in_queue(struct claim *claim, struct core *core) {
    uint64_t leave = bytes_to_leave(core, claim->beside);
    if (claim->ticket >= 0 && claim->request.leave != leave) {
        ledger_withdraw(core->ledger, &claim->ticket);
    }
    int result = 0;
    if (claim->ticket < 0) {
        claim->request.leave = leave;
        result = ledger_ask(core->ledger, claim->account, &claim->request, &claim->ticket);
    }
    return result ? result : ledger_poll(core->ledger, claim->ticket);
}

int claim_ask(struct claim *claim, struct core *core, int account, enum charge_kind kind, uint64_t bytes, uint64_t own,
              uint64_t beside, int priority) {
    if (claim->state == CLAIM_HELD) {
        return 0;
    }
    if (claim->state == CLAIM_NONE) {
        *claim = (struct claim){.state = CLAIM_WAITING, .ticket = -1, .account = account, .since = clock_now()};
    }
    if (claim->ticket >= 0 && claim->request.bytes != bytes) {
        ledger_withdraw(core->ledger, &claim->ticket);
    }
    uint64_t leave = claim->request.leave;
    claim->request = (struct ledger_request){.kind = kind,
                                             .class = LEDGER_NEW_WORK,
                                             .bytes = bytes,
                                             .priority = priority,
                                             .deadline = INT64_MAX,
                                             .leave = leave};
    claim->beside = beside;
    int result = check(claim, core, own);
    if (result != 0) {
        return result;
    }
    result = stand_in_queue(claim, core);
    if (result == 0) {
        claim->state = CLAIM_HELD;
        claim->ticket = -1;
        int64_t waited = clock_now() - claim->since;
        if (waited > MILLISECOND) {
            recorder_note(core->recorder, EVENT_WAIT, charge_word(kind), (int64_t)bytes, waited);
        }
    } else if (result == ERR_NO_MEMORY) {
        claim->ticket = -1;
        return core->planning ? 1 : refuse(claim, core, bytes, claim_room(core));
    } else if (result < 0) {
        claim->ticket = -1;
        claim_drop(claim, core);
    }
    return result;
}

int claim_refuse(struct claim *claim, struct core *core) {
    struct ledger_state state;
    ledger_read(core->ledger, &state);
    uint64_t free = less(state.budget, state.charged);
    return refuse(claim, core, claim->request.bytes, less(free, bytes_to_leave(core, 0)));
}

void claim_drop(struct claim *claim, struct core *core) {
    if (claim->state == CLAIM_WAITING) {
        ledger_withdraw(core->ledger, &claim->ticket);
    } else if (claim->state == CLAIM_HELD) {
        ledger_credit(core->ledger, claim->account, claim->request.kind, claim->request.bytes, 0);
    }
    claim_forget(claim);
}

void claim_forget(struct claim *claim) {
    claim->state = CLAIM_NONE;
    claim->ticket = -1;
}
