/* When to fail: the environment is read and counting begins where main() is called. */
#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int main_function(int, char **, char **);

int __libc_start_main(main_function *program, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end);

static const char *const kind_words[] = {"alloc", "large", "call", "engine"};

static atomic_bool armed;
static enum fault_kind armed_kind;
static long due_number;
static atomic_long count;
static const char *log_file;

static void arm(void) {
    const char *wish = getenv("OCTAVO_FAULT");
    log_file = getenv("OCTAVO_FAULT_LOG");
    size_t length = strlen(program_invocation_short_name);
    if (!wish || !log_file || strncmp(wish, program_invocation_short_name, length) != 0 || wish[length] != ':') {
        return;
    }
    const char *kind = wish + length + 1;
    size_t kind_length = strcspn(kind, ":");
    for (size_t i = 0; i < sizeof(kind_words) / sizeof(kind_words[0]); i++) {
        if (strlen(kind_words[i]) == kind_length && strncmp(kind, kind_words[i], kind_length) == 0) {
            armed_kind = (enum fault_kind)i;
            due_number = strtol(kind + kind_length + 1, NULL, 10);
            atomic_store(&armed, true);
        }
    }
}

bool fault_armed(enum fault_kind kind) { return atomic_load(&armed) && armed_kind == kind; }

/* Past this library's own functions: they would count. False if another step has failed in this run. */
static bool claim(const char *step) {
    long fd = syscall(SYS_openat, AT_FDCWD, log_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    syscall(SYS_write, fd, step, strlen(step));
    syscall(SYS_close, fd);
    return true;
}

bool fault_due(enum fault_kind kind, const char *step) {
    if (!fault_armed(kind) || atomic_fetch_add(&count, 1) + 1 != due_number) {
        return false;
    }
    int kept = errno;
    bool due = claim(step);
    errno = kept;
    return due;
}

bool fault_allocation_due(size_t bytes, const char *step) {
    return fault_due(FAULT_ALLOC, step) || (bytes >= FAULT_LARGE_BYTES && fault_due(FAULT_LARGE, step));
}

void *fault_next(const char *name) {
    static __typeof__(&dlsym) look_up; /* our own dlsym() is in front of the real one */
    if (!look_up) {
        look_up = (__typeof__(&dlsym))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    }
    void *next = look_up ? look_up(RTLD_NEXT, name) : NULL;
    if (!next) {
        static const char line[] = "fault: the C library lacks a function\n";
        syscall(SYS_write, STDERR_FILENO, line, sizeof(line) - 1);
        abort();
    }
    return next;
}

static main_function *real_main;

static int counted_main(int argc, char **argv, char **environment) {
    arm();
    return real_main(argc, argv, environment);
}

int __libc_start_main(main_function *program, int argc, char **argv, void (*init)(void), void (*fini)(void),
                      void (*loader_fini)(void), void *stack_end) {
    real_main = program;
    return FAULT_NEXT(__libc_start_main)(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}
