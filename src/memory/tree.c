#include "memory/tree.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"

static int read_proc(pid_t pid, const char *name, char **ret) {
    char *path cleanup(drop_memory) = format("/proc/%ld/%s", (long)pid, name);
    size_t length;
    return file_read_path(path, 65536, ret, &length);
}

/* The number of KiB in the line that starts with key, as bytes; 0 if there is none. */
static uint64_t field(const char *text, const char *key) {
    const char *line = strstr(text, key);
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

int tree_resident(pid_t pid, uint64_t *ret) {
    char *text cleanup(drop_memory) = NULL;
    int result = read_proc(pid, "statm", &text);
    if (result != 0) {
        return result;
    }
    const char *resident = strchr(text, ' ');
    *ret = resident ? strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return 0;
}

int tree_read(pid_t pid, struct tree_memory *ret) {
    char *text cleanup(drop_memory) = NULL;
    if (read_proc(pid, "smaps_rollup", &text) != 0 || !strstr(text, "\nPss:")) {
        uint64_t resident;
        int result = tree_resident(pid, &resident);
        if (result == 0) {
            *ret = (struct tree_memory){.pss = resident, .rss = resident};
        }
        return result;
    }
    *ret = (struct tree_memory){.pss = field(text, "\nPss:"), .rss = field(text, "\nRss:")};
    return 0;
}
