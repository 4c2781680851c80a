#include "pool/dump.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "memory/probe.h"

enum { KEPT = 10 };
#define PREFIX "dump-"

/* "2026-11-24T04:35:30Z" */
static char *time_text(const struct timespec *now) {
    struct tm t;
    gmtime_r(&now->tv_sec, &t);
    return format("%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min,
                  t.tm_sec);
}

static struct json *readings(void) {
    struct memory_reading reading = {0};
    struct probe *probe cleanup(probe_drop) = probe_new("");
    probe_read(probe, &reading);
    struct json *object = json_object_new();
    json_set_bool(object, "known", reading.known);
    json_set_string(object, "source", reading.source);
    json_set_int(object, "limit", (int64_t)reading.limit);
    json_set_int(object, "used", (int64_t)reading.used);
    json_set_int(object, "available", (int64_t)reading.available);
    json_set_int(object, "oom_kills", (int64_t)reading.oom_kills);
    json_set_real(object, "psi_some", reading.psi_some, 2);
    json_set_real(object, "psi_full", reading.psi_full, 2);
    return object;
}

static struct json *dump_to_json(const struct core *core, const char *reason, const struct timespec *now) {
    char *at cleanup(drop_memory) = time_text(now);
    struct json *dump = json_object_new();
    json_set_string(dump, "version", OCTAVO_VERSION);
    json_set_string(dump, "reason", reason);
    json_set_string(dump, "at", at);
    json_set(dump, "ledger", ledger_to_json(core->ledger));
    json_set(dump, "memory", readings());
    json_set(dump, "predictions", quality_to_json(recorder_quality(core->recorder)));
    json_set(dump, "recorder", recorder_to_json(core->recorder));
    return dump;
}

static int is_dump(const struct dirent *entry) {
    return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0 && strstr(entry->d_name, ".json") != NULL;
}

/* Names begin with the time: in their order the oldest come first. */
static void remove_old(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, is_dump, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < count - KEPT) {
            char *path cleanup(drop_memory) = format("%s/%s", folder, entries[i]->d_name);
            unlink(path);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
}

char *dump_take(const struct core *core, const char *reason, struct json **ret) {
    const char *folder = core->conf->dump_folder;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret = dump_to_json(core, reason, &now);
    if (!folder) {
        return NULL;
    }
    char *moment cleanup(drop_memory) = time_text(&now);
    char *name cleanup(drop_memory) =
        format(PREFIX "%.19s.%03ldZ-%ld-%s.json", moment, now.tv_nsec / 1000000, (long)getpid(), reason);
    char *path cleanup(drop_memory) = format("%s/%s", folder, name);
    char *text cleanup(drop_memory) = json_text(*ret, true);
    int result = file_make_folder(folder);
    result = result ? result : file_replace(path, text, strlen(text));
    if (result != 0) {
        core_note(core, "the memory dump could not be written: %s", error_detail());
        return NULL;
    }
    remove_old(folder);
    core_note(core, "what memory was used for is in %s", path);
    return take(name);
}

void dump_write(const struct core *core, const char *reason) {
    if (core->conf->dump_folder) {
        struct json *dump cleanup(json_drop) = NULL;
        free(dump_take(core, reason, &dump));
    }
}
