/* Limits of memory: cgroups as machines and containers show them, laid out in a folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memory/limits.h"
#include "memory/tree.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

#define CONTAINER "35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
#define OTHERS "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"

static char root[] = "/tmp/octavo-test-limits-XXXXXX";

static void put(const char *folder, const char *name, const char *text) {
    assert_int_equal(scratch_put(root, folder, name, text), 0);
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

static int remove_root(void **state) {
    (void)state;
    return scratch_remove(root);
}

static void unified_path_is_walked(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("0::/user/shell\n", OTHERS SCRATCH_UNIFIED, root), 3000);
    assert_int_equal(limits_cgroup("0::/\n", OTHERS SCRATCH_UNIFIED, root), LIMIT_NONE);
}

static void legacy_path_is_walked(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("9:cpu:/x\n4:memory:/a/b\n0::/\n", SCRATCH_LEGACY OTHERS, root), 2000);
    assert_int_equal(limits_cgroup("4:cpu,memory:/\n", SCRATCH_LEGACY OTHERS, root), LIMIT_NONE);
}

static void lower_of_both_counts(void **state) {
    (void)state;
    assert_int_equal(limits_cgroup("4:memory:/a/b\n0::/user/shell\n", SCRATCH_UNIFIED SCRATCH_LEGACY, root), 2000);
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
    assert_int_equal(limits_cgroup("4:memory:/gone/since\n", SCRATCH_LEGACY, root), LIMIT_NONE);
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
