/* Readings of host memory: files as kernels write them, laid out in a folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/limits.h"
#include "memory/probe.h"
#include "scratch.h"

#include <cmocka.h> /* last: it has a macro fail() */

/* As Linux 6.8 writes them, shortened in the middle. */
#define MEMINFO "MemTotal:       16000 kB\nMemFree:         2000 kB\nMemAvailable:   9000 kB\nBuffers:  10 kB\n"
#define PRESSURE(some, full)                                                                                           \
    "some avg10=" some " avg60=1.00 avg300=0.50 total=123456\nfull avg10=" full " avg60=0.40 avg300=0.10 total=4567\n"
#define STAT_V2                                                                                                        \
    "anon 100000\nfile 70000\nkernel 9000\ninactive_anon 100000\nactive_anon 0\ninactive_file 30000\nactive_file "     \
    "20000\n"                                                                                                          \
    "unevictable 0\nslab_reclaimable 5000\nslab_unreclaimable 3000\nslab 8000\n"
#define STAT_V1                                                                                                        \
    "cache 1\nrss 2\ninactive_file 7\nactive_file 7\nhierarchical_memory_limit 300000\ntotal_cache 3\n"                \
    "total_inactive_file 40000\ntotal_active_file 10000\ntotal_unevictable 0\n"
#define NO_LIMIT_V1 "9223372036854771712\n"

static char root[] = "/tmp/octavo-test-probe-XXXXXX";
static struct probe *probe;

static void put(const char *folder, const char *name, const char *text) {
    assert_int_equal(scratch_put(root, folder, name, text), 0);
}

static void put_own(const char *own, const char *mounts) {
    put("/proc/self", "cgroup", own);
    put("/proc/self", "mountinfo", mounts);
}

/* A level of cgroup v2 with the statistics above: 55000 bytes can be taken back. */
static void put_level(const char *folder, const char *max, const char *high, const char *current) {
    put(folder, "memory.max", max);
    put(folder, "memory.high", high);
    put(folder, "memory.current", current);
    put(folder, "memory.stat", STAT_V2);
}

static int start(void **state) {
    (void)state;
    memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(root));
    probe = probe_new(root);
    return 0;
}

static int end(void **state) {
    (void)state;
    probe_drop(&probe);
    return scratch_remove(root);
}

static struct memory_reading read_all(void) {
    struct memory_reading reading;
    memset(&reading, 0x55, sizeof(reading));
    probe_read(probe, &reading);
    return reading;
}

static void expect(const char *source, uint64_t limit, uint64_t used) {
    struct memory_reading reading = read_all();
    assert_string_equal(reading.source, source);
    assert_int_equal(reading.known, strcmp(source, "none") != 0);
    assert_int_equal(reading.limit, limit);
    assert_int_equal(reading.used, used);
    assert_int_equal(reading.available, limit > used ? limit - used : 0);
}

static void nothing_to_read_is_unknown(void **state) {
    (void)state;
    expect("none", 0, 0);
    struct memory_reading reading = read_all();
    assert_true(reading.psi_some < 0 && reading.psi_full < 0);
    assert_int_equal(reading.oom_kills, 0);
}

static void machine_is_read(void **state) {
    (void)state;
    put("/proc", "meminfo", MEMINFO);
    expect("meminfo", 16000 * 1024, 7000 * 1024);
    put("/proc", "meminfo", "MemTotal:       16000 kB\nMemFree:         2000 kB\n"); /* before Linux 3.14 */
    expect("none", 0, 0);
    put("/proc", "meminfo", "MemTotal: kB\nMemAvailable: x\n");
    expect("none", 0, 0);
}

static void page_cache_is_not_used(void **state) {
    (void)state;
    put_own("0::/user/shell\n", SCRATCH_UNIFIED);
    put_level("/sys/fs/cgroup/user/shell", "200000\n", "max\n", "160000\n");
    expect("cgroup2", 200000, 105000);
    put("/sys/fs/cgroup/user/shell", "memory.current", "250000\n");
    expect("cgroup2", 200000, 195000);
    put("/sys/fs/cgroup/user/shell", "memory.current", "1000\n"); /* counted a moment before */
    expect("cgroup2", 200000, 0);
    put("/sys/fs/cgroup/user/shell", "memory.stat", ""); /* nothing known of the cache: all is used */
    put("/sys/fs/cgroup/user/shell", "memory.current", "160000\n");
    expect("cgroup2", 200000, 160000);
}

static void tightest_level_counts(void **state) {
    (void)state;
    put("/proc", "meminfo", MEMINFO);
    put_own("0::/user/shell\n", SCRATCH_UNIFIED);
    put_level("/sys/fs/cgroup/user/shell", "200000\n", "max\n", "160000\n"); /* 95000 left */
    put_level("/sys/fs/cgroup/user", "1000000\n", "max\n", "965000\n");      /* 90000 left */
    expect("cgroup2", 1000000, 910000);
    put_level("/sys/fs/cgroup/user", "1000000\n", "max\n", "900000\n");
    expect("cgroup2", 200000, 105000);
    put("/proc", "meminfo", "MemTotal:       16000 kB\nMemAvailable:   90 kB\n");
    expect("meminfo", 16000 * 1024, 15910 * 1024);
}

static void high_is_a_limit(void **state) {
    (void)state;
    put_own("0::/a\n", SCRATCH_UNIFIED);
    put_level("/sys/fs/cgroup/a", "200000\n", "150000\n", "160000\n");
    expect("cgroup2", 150000, 105000);
    struct memory_limits limits;
    probe_limits(probe, &limits);
    assert_int_equal(limits.cgroup, 150000);
    assert_true(limits.physical > 1 << 20);
}

static void level_without_limit_says_nothing(void **state) {
    (void)state;
    put_own("0::/a\n", SCRATCH_UNIFIED);
    put_level("/sys/fs/cgroup/a", "max\n", "max\n", "160000\n");
    expect("none", 0, 0);
}

static void limit_without_usage_is_unknown(void **state) {
    (void)state;
    put("/proc", "meminfo", MEMINFO);
    put_own("0::/a\n", SCRATCH_UNIFIED);
    put("/sys/fs/cgroup/a", "memory.max", "200000\n");
    expect("none", 0, 0);
    put("/sys/fs/cgroup/a", "memory.current", "150000\n");
    expect("cgroup2", 200000, 150000);
}

static void legacy_is_read(void **state) {
    (void)state;
    put_own("9:cpu:/x\n4:memory:/a/b\n0::/\n", SCRATCH_UNIFIED SCRATCH_LEGACY);
    put("/sys/fs/cgroup/memory", "memory.limit_in_bytes", NO_LIMIT_V1);
    put("/sys/fs/cgroup/memory", "memory.usage_in_bytes", "7\n");
    put("/sys/fs/cgroup/memory/a", "memory.limit_in_bytes", "300000\n");
    put("/sys/fs/cgroup/memory/a", "memory.usage_in_bytes", "280000\n");
    put("/sys/fs/cgroup/memory/a", "memory.stat", STAT_V1);
    put("/sys/fs/cgroup/memory/a", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 99\n");
    put("/sys/fs/cgroup/memory/a/b", "memory.limit_in_bytes", NO_LIMIT_V1);
    put("/sys/fs/cgroup/memory/a/b", "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    expect("cgroup1", 300000, 230000);
    assert_int_equal(read_all().oom_kills, 3); /* of our own, not of all below our ancestors */
}

static void kills_are_counted(void **state) {
    (void)state;
    put_own("0::/a\n", SCRATCH_UNIFIED);
    put("/sys/fs/cgroup", "memory.events", "oom_kill 50\n");
    put("/sys/fs/cgroup/a", "memory.events", "low 0\nhigh 7\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n");
    assert_int_equal(read_all().oom_kills, 2);
    put("/sys/fs/cgroup/a", "memory.events", "low 0\nhigh 0\nmax 12\noom 3\n"); /* before Linux 4.13 */
    assert_int_equal(read_all().oom_kills, 0);
}

static void stalls_of_our_own_cgroup_come_first(void **state) {
    (void)state;
    put("/proc/pressure", "memory", PRESSURE("12.50", "3.25"));
    struct memory_reading reading = read_all();
    assert_true(reading.psi_some == 12.5 && reading.psi_full == 3.25);
    put_own("0::/user/shell\n", SCRATCH_UNIFIED);
    put("/sys/fs/cgroup/user", "memory.pressure", PRESSURE("90.00", "90.00"));
    put("/sys/fs/cgroup/user/shell", "memory.pressure", PRESSURE("0.00", "0.00"));
    reading = read_all();
    assert_true(reading.psi_some == 0 && reading.psi_full == 0);
    assert_false(reading.known); /* stalls alone do not say how much is left */
    put("/sys/fs/cgroup/user/shell", "memory.pressure", "some avg10=7.00 avg60=0 avg300=0 total=0\n");
    reading = read_all();
    assert_true(reading.psi_some == 7 && reading.psi_full < 0);
}

static void change_of_cgroup_is_followed(void **state) {
    (void)state;
    put_own("0::/a\n", SCRATCH_UNIFIED);
    put_level("/sys/fs/cgroup/a", "200000\n", "max\n", "160000\n");
    put_level("/sys/fs/cgroup/b", "300000\n", "max\n", "160000\n");
    expect("cgroup2", 200000, 105000);
    put("/proc/self", "cgroup", "0::/b\n");
    expect("cgroup2", 300000, 105000);
    put("/sys/fs/cgroup/b", "memory.max", "400000\n"); /* and a limit that is changed */
    expect("cgroup2", 400000, 105000);
}

static void further_source_counts_if_tighter(void **state) {
    (void)state;
    struct memory_reading reading = {.source = "none"};
    reading_add(&reading, 100, 50, "one");
    reading_add(&reading, 1000, 950, "other"); /* no tighter */
    assert_string_equal(reading.source, "one");
    reading_add(&reading, 512, 600, "configured");
    assert_string_equal(reading.source, "configured");
    assert_true(reading.known && reading.limit == 512 && reading.used == 600 && reading.available == 0);
}

static void this_machine_is_read(void **state) {
    (void)state;
    struct probe *own cleanup(probe_drop) = probe_new("");
    struct memory_reading reading;
    probe_read(own, &reading);
    assert_true(reading.known);
    assert_true(reading.limit > 1 << 20 && reading.used > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_to_read_is_unknown, start, end),
        cmocka_unit_test_setup_teardown(machine_is_read, start, end),
        cmocka_unit_test_setup_teardown(page_cache_is_not_used, start, end),
        cmocka_unit_test_setup_teardown(tightest_level_counts, start, end),
        cmocka_unit_test_setup_teardown(high_is_a_limit, start, end),
        cmocka_unit_test_setup_teardown(level_without_limit_says_nothing, start, end),
        cmocka_unit_test_setup_teardown(limit_without_usage_is_unknown, start, end),
        cmocka_unit_test_setup_teardown(legacy_is_read, start, end),
        cmocka_unit_test_setup_teardown(kills_are_counted, start, end),
        cmocka_unit_test_setup_teardown(stalls_of_our_own_cgroup_come_first, start, end),
        cmocka_unit_test_setup_teardown(change_of_cgroup_is_followed, start, end),
        cmocka_unit_test(further_source_counts_if_tighter),
        cmocka_unit_test(this_machine_is_read),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
