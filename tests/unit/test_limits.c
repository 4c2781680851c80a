/* Limits of memory: cgroups as machines and containers show them, laid out in a folder of the test's own. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "memory/limits.h"
#include "memory/tree.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define UNIFIED "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
#define LEGACY "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
#define CONTAINER "35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
#define OTHERS "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"

static char root[] = "/tmp/octavo-test-limits-XXXXXX";

/* Writes a limit file below root, with its folders. */
static void put(const char *folder, const char *name, const char *text) {
    char *path = format("%s%s", root, folder);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
    char *file = format("%s/%s", path, name);
    assert_int_equal(file_replace(file, text, strlen(text)), 0);
    free(file);
    free(path);
}

static int make_root(void **state) {
    (void)state;
    assert_non_null(mkdtemp(root));
    put("/sys/fs/cgroup", "memory.max", "max\n");
    put("/sys/fs/cgroup/user", "memory.max", "3000\n");
    put("/sys/fs/cgroup/user/shell", "memory.max", "max\n");
    put("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "2000\n");
    put("/sys/fs/cgroup/memory/a/b", "memory.limit_in_bytes", "5000\n");
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static int remove_root(void **state) {
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void unified_path_is_walked(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("0::/user/shell\n", OTHERS UNIFIED, root), 3000);
    assert_int_equal(limits_cgroup("0::/\n", OTHERS UNIFIED, root), LIMIT_NONE);
}

static void legacy_path_is_walked(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("9:cpu:/x\n4:memory:/a/b\n0::/\n", LEGACY OTHERS, root), 2000);
    assert_int_equal(limits_cgroup("4:cpu,memory:/\n", LEGACY OTHERS, root), LIMIT_NONE);
}

static void lower_of_both_counts(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("4:memory:/a/b\n0::/user/shell\n", UNIFIED LEGACY, root), 2000);
}

static void container_sees_a_part_of_the_tree(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("4:memory:/docker/77/a\n", CONTAINER, root), 2000);
    assert_int_equal(limits_cgroup("4:memory:/docker/77\n", CONTAINER, root), LIMIT_NONE);
}

static void missing_folders_and_strange_texts_are_no_limit(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("", "", root), LIMIT_NONE);
    assert_int_equal(limits_cgroup("x\n::\n0::", "x - y\n - cgroup2\n\n", root), LIMIT_NONE);
    assert_int_equal(limits_cgroup("4:memory:/gone/since\n", LEGACY, root), LIMIT_NONE);
}

static void own_limits_are_sane(void **state) {
    (void)state;
    struct memory_limits limits;
    limits_read(&limits);
    assert_true(limits.physical > 1 << 20);
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    assert_true((limits.address_space == LIMIT_NONE) == (limit.rlim_cur == RLIM_INFINITY));
}

static void own_memory_is_seen(void **state) {
    (void)state;
    struct tree_memory before, after, gone;
    size_t bytes = 32 << 20;
    assert_int_equal(tree_read(getpid(), &before), 0);
    char *block = alloc(bytes, 1);
    memset(block, 1, bytes);
    assert_int_equal(tree_read(getpid(), &after), 0);
    assert_true(after.pss >= before.pss + bytes * 9 / 10);
    assert_true(after.rss >= after.pss);
    free(block);
    assert_true(tree_read(1 << 30, &gone) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unified_path_is_walked),
        cmocka_unit_test(legacy_path_is_walked),
        cmocka_unit_test(lower_of_both_counts),
        cmocka_unit_test(container_sees_a_part_of_the_tree),
        cmocka_unit_test(missing_folders_and_strange_texts_are_no_limit),
        cmocka_unit_test(own_limits_are_sane),
        cmocka_unit_test(own_memory_is_seen),
    };
    return cmocka_run_group_tests_name("limits", tests, make_root, remove_root);
}
