#include "cli/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/columns.h"
#include "cli/command.h"
#include "cli/describe.h"
#include "cli/terminal.h"
#include "memory/ledger.h"

enum { DUMP_LIMIT = 64 << 20, EVENTS_SHOWN = 200 };

/* Units of events.def. */
enum unit { NUMBER, BYTES, NANOSECONDS, ERROR_CODE };

static const struct {
    const char *word;
    struct figure {
        enum unit unit;
        const char *name;
    } a, b;
} event_kinds[] = {
#define EVENT(symbol, word, text, unit_a, a, unit_b, b) {word, {unit_a, a}, {unit_b, b}},
#include "table/events.def"
#undef EVENT
};

static char *megabytes(double bytes) { return format("%.1f MB", bytes / 1e6); }

/* Ledger */

static void add_size(struct columns *columns, const struct json *object, const char *key) {
    if (json_at(object, key)) {
        char *size cleanup(drop_memory) = megabytes(json_real(object, key, 0));
        columns_add(columns, (const char *[]){key, size, NULL});
    }
}

static void add_sums(const struct json *ledger, struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    static const char *const keys[] = {"budget", "charged", "peak", "lacking", "overdrawn"};
    for (size_t i = 0; i < array_length(keys); i++) {
        add_size(&columns, ledger, keys[i]);
    }
    if (json_at(ledger, "seats")) {
        char *seats cleanup(drop_memory) =
            format("%.0f of %.0f taken", json_real(ledger, "seats_taken", 0), json_real(ledger, "seats", 0));
        columns_add(&columns, (const char *[]){"seats", seats, NULL});
    }
    buffer_add_string(text, "ledger\n");
    columns_write(&columns, text);
}

/* What is held by kind, as one cell; *ret is the sum, words that this version does not know included. */
static char *held_text(const struct json *held, double *ret) {
    struct buffer list = {0};
    *ret = 0;
    for (const struct json *one = json_first(held); one; one = json_next(one)) {
        *ret += json_as_real(one, 0);
    }
    for (int kind = 0; kind < CHARGE_COUNT; kind++) {
        const char *word = charge_word((enum charge_kind)kind);
        double bytes = json_real(held, word, 0);
        if (bytes > 0) {
            buffer_add_format(&list, "%s%s %.1f MB", list.length ? ", " : "", word, bytes / 1e6);
        }
    }
    return buffer_take(&list);
}

static void add_account(struct columns *columns, const struct json *account) {
    double sum;
    char *held cleanup(drop_memory) = held_text(json_at(account, "held"), &sum);
    char *pid cleanup(drop_memory) = format("%.0f", json_real(account, "pid", 0));
    char *size cleanup(drop_memory) = megabytes(sum);
    columns_add(columns, (const char *[]){describe_text(account, "name", "?"), pid, size, held, NULL});
}

static void add_waiter(struct columns *columns, const struct json *waiter) {
    char *pid cleanup(drop_memory) = format("%.0f", json_real(waiter, "pid", 0));
    char *size cleanup(drop_memory) = megabytes(json_real(waiter, "bytes", 0));
    char *waited cleanup(drop_memory) = format("%.3f s", json_real(waiter, "waited", 0));
    columns_add(columns, (const char *[]){describe_text(waiter, "name", "?"), pid, size,
                                          describe_text(waiter, "kind", "?"), waited, NULL});
}

/* A titled table of the members of list, if there are any. */
static void add_list(const struct json *list, const char *title, const char *const heads[],
                     void (*add)(struct columns *, const struct json *), struct buffer *text) {
    struct columns columns cleanup(columns_done) = {0};
    columns_add(&columns, heads);
    for (const struct json *one = json_first(list); one; one = json_next(one)) {
        add(&columns, one);
    }
    if (json_first(list)) {
        buffer_add_format(text, "%s\n", title);
        columns_write(&columns, text);
    }
}

static void add_ledger(const struct json *ledger, struct buffer *text) {
    if (json_is_object(ledger)) {
        add_sums(ledger, text);
        add_list(json_at(ledger, "accounts"), "accounts", (const char *[]){"NAME", "PID", "HOLDS", "FOR", NULL},
                 add_account, text);
        add_list(json_at(ledger, "waiters"), "waiting", (const char *[]){"NAME", "PID", "WANTS", "FOR", "WAITED", NULL},
                 add_waiter, text);
    }
}

/* Readings and predictions */

static void add_readings(const struct json *readings, struct buffer *text) {
    if (json_is_object(readings)) {
        char *line cleanup(drop_memory) = json_text(readings, false);
        char *safe cleanup(drop_memory) = terminal_safe(line);
        buffer_add_format(text, "readings\n  %s\n", safe);
    }
}

static void add_predictions(const struct json *predictions, struct buffer *text) {
    if (json_is_object(predictions)) {
        buffer_add_format(text,
                          "predictions\n  %.0f compared, %.0f too low, actual / predicted: median %.2f, p99 %.2f\n",
                          json_real(predictions, "samples", 0), json_real(predictions, "under", 0),
                          json_real(predictions, "median", 0), json_real(predictions, "p99", 0));
    }
}

/* Events */

static char *figure_text(const struct figure *figure, double value) {
    switch (figure->unit) {
    case BYTES:
        return format("%s %.1f MB", figure->name, value / 1e6);
    case NANOSECONDS:
        return format("%s %.3f s", figure->name, value / 1e9);
    case ERROR_CODE:
        return format("%s %s", figure->name, error_word(fabs(value) < 1e6 ? (int)value : ERR_INTERNAL));
    default:
        return format("%s %.0f", figure->name, value);
    }
}

static const struct figure *figure_of(const char *word, bool first) {
    static const struct figure unknown_a = {NUMBER, "a"}, unknown_b = {NUMBER, "b"};
    for (size_t i = 0; i < array_length(event_kinds); i++) {
        if (strcmp(event_kinds[i].word, word) == 0) {
            return first ? &event_kinds[i].a : &event_kinds[i].b;
        }
    }
    return first ? &unknown_a : &unknown_b;
}

static void add_event(struct columns *columns, const struct json *event) {
    const char *word = describe_text(event, "event", "?");
    char *before cleanup(drop_memory) = format("%10.3f s", 0 - json_real(event, "at", 0));
    char *process cleanup(drop_memory) = format("%.0f", json_real(event, "process", 0));
    char *a cleanup(drop_memory) = figure_text(figure_of(word, true), json_real(event, "a", 0));
    char *b cleanup(drop_memory) = figure_text(figure_of(word, false), json_real(event, "b", 0));
    char *figures cleanup(drop_memory) = format("%s, %s", a, b);
    columns_add(columns, (const char *[]){before, process, word, describe_text(event, "text", ""), figures, NULL});
}

static void add_counts(const struct json *counts, struct buffer *text) {
    const char *separator = "counted since the start\n  ";
    for (size_t i = 0; i < array_length(event_kinds); i++) {
        double count = json_real(counts, event_kinds[i].word, 0);
        if (count > 0) {
            buffer_add_format(text, "%s%s %.0f", separator, event_kinds[i].word, count);
            separator = ", ";
        }
    }
    buffer_add_string(text, *separator == ',' ? "\n" : "");
}

static void add_recorder(const struct json *recorder, struct buffer *text) {
    const struct json *events = json_at(recorder, "events");
    size_t count = 0;
    for (const struct json *one = json_first(events); one; one = json_next(one)) {
        count++;
    }
    struct columns columns cleanup(columns_done) = {0};
    size_t left_out = count > EVENTS_SHOWN ? count - EVENTS_SHOWN : 0, place = 0;
    for (const struct json *one = json_first(events); one; one = json_next(one)) {
        if (place++ >= left_out) {
            add_event(&columns, one);
        }
    }
    add_counts(json_at(recorder, "counts"), text);
    if (left_out > 0) {
        buffer_add_format(text, "the last %d of %zu events (--json has all)\n", EVENTS_SHOWN, count);
    } else {
        buffer_add_format(text, "%zu events\n", count);
    }
    columns_write(&columns, text);
}

/* The file */

static int read_dump(const char *path, struct json **ret) {
    char *text cleanup(drop_memory) = NULL;
    size_t length = 0;
    int fd cleanup(drop_fd) = open(path, O_RDONLY | O_CLOEXEC);
    int result = fd < 0 ? fail(ERR_NO_INPUT, "%s", strerror(errno)) : file_read(fd, DUMP_LIMIT, &text, &length);
    if (result == ERR_NO_INPUT) {
        return result;
    }
    struct json *dump cleanup(json_drop) = NULL;
    result = result ? result : json_parse(text, length, &dump);
    if (result == 0 && !json_string(dump, "reason")) {
        result = fail(ERR_PROTOCOL, "it has no \"reason\"");
    }
    if (result == 0) {
        *ret = take(dump);
    }
    return result;
}

static int print_for_people(const struct json *dump) {
    struct buffer text cleanup(buffer_done) = {0};
    char *reason cleanup(drop_memory) = terminal_safe(json_string(dump, "reason"));
    char *at cleanup(drop_memory) = terminal_safe(describe_text(dump, "at", "an unknown time"));
    char *version cleanup(drop_memory) = terminal_safe(describe_text(dump, "version", "of an unknown version"));
    buffer_add_format(&text, "dump for %s at %s, octavo %s\n", reason, at, version);
    add_ledger(json_at(dump, "ledger"), &text);
    add_readings(json_at(dump, "memory"), &text);
    add_predictions(json_at(dump, "predictions"), &text);
    add_recorder(json_at(dump, "recorder"), &text);
    return command_print(text.data);
}

int dump_print(const char *path, bool as_json) {
    struct json *dump cleanup(json_drop) = NULL;
    int result = read_dump(path, &dump);
    if (result == ERR_NO_INPUT) {
        terminal_error(path, 0, result, error_detail());
        return error_exit_status(result);
    }
    if (result != 0) {
        char *detail cleanup(drop_memory) = format("--dump %s: this is no dump of Octavo: %s", path, error_detail());
        return command_usage_error(detail);
    }
    return as_json ? describe_print(dump) : print_for_people(dump);
}
