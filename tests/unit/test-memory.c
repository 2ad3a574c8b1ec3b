/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/memory.h"
#include "test-tree.h"

#define VMSTAT "pswpin 1\npswpout 2\npgfault 3\npgmajfault 4\n"

static void test_sample(void) {
        _cleanup_close_ int root = sample_root("debian");
        GuestMemory m;

        g_assert_cmpint(guest_memory_read(root, &m), ==, 0);
        g_assert_cmpuint(m.total, ==, 4046220);
        g_assert_cmpuint(m.free, ==, 903112);
        g_assert_cmpuint(m.available, ==, 3184532);
        g_assert_cmpuint(m.buffers, ==, 2108);
        g_assert_cmpuint(m.cached, ==, 754880);
        g_assert_cmpuint(m.swap_total, ==, 2097148);
        g_assert_cmpuint(m.swap_free, ==, 2090000);
        g_assert_cmpuint(m.swap_in, ==, 17);
        g_assert_cmpuint(m.swap_out, ==, 1804);
        g_assert_cmpuint(m.faults, ==, 51234567);
        g_assert_cmpuint(m.major_faults, ==, 4321);
}

static void test_real(void) {
        _cleanup_close_ int root = open("/", O_PATH | O_CLOEXEC);
        GuestMemory m;

        g_assert_cmpint(guest_memory_read(root, &m), ==, 0);
        g_assert_cmpuint(m.total / 4, ==,
                         (uint64_t) sysconf(_SC_PHYS_PAGES) * (uint64_t) sysconf(_SC_PAGESIZE) / 4096);
        g_assert_cmpuint(m.available, >, 0);
        g_assert_cmpuint(m.available, <=, m.total);
}

static void test_old_kernel(void) {
        GuestMemory m;

        g_assert_cmpint(
                guest_memory_parse("MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 20 kB\nCached: 30 kB\n"
                                   "SwapTotal: 0 kB\nSwapFree: 0 kB\n",
                                   VMSTAT, &m),
                ==, 0);
        g_assert_cmpuint(m.available, ==, 60);
        g_assert_cmpuint(m.swap_in, ==, 1);
        g_assert_cmpuint(m.major_faults, ==, 4);
}

/* One good meminfo with a line replaced. */
static char *meminfo_with(const char *name, const char *line) {
        static const char *const lines[] = {
                "MemTotal: 100 kB\n", "MemFree: 10 kB\n",   "MemAvailable: 50 kB\n", "Buffers: 20 kB\n",
                "Cached: 30 kB\n",    "SwapTotal: 40 kB\n", "SwapFree: 40 kB\n",
        };
        GString *s = g_string_new(NULL);

        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
                g_string_append(s, name && g_str_has_prefix(lines[i], name) ? line : lines[i]);
        return g_string_free(s, FALSE);
}

static void test_broken(void) {
        static const struct {
                const char *name, *line;
                int r;
        } cases[] = {
                {NULL, NULL, 0},
                {"Cached", "", -ENODATA},
                {"MemTotal", "", -ENODATA},
                {"MemFree", "MemFree: 10\n", -EBADMSG},
                {"MemFree", "MemFree: 10 MB\n", -EBADMSG},
                {"MemFree", "MemFree: 10 kB ?\n", -EBADMSG},
                {"MemFree", "MemFree: -10 kB\n", -EINVAL},
                {"MemFree", "MemFree: kB\n", -EINVAL},
                {"MemFree", "MemFree: 0x10 kB\n", -EBADMSG},
                {"MemFree", "MemFree: 101 kB\n", -EBADMSG}, /* more than there is */
                {"SwapFree", "SwapFree: 41 kB\n", -EBADMSG},
                {"SwapFree", "SwapFree: 4", -EBADMSG}, /* cut */
                {"SwapFree", "SwapFree: 4 kB", -EBADMSG},
                {"Cached", "Cached: 9007199254740992 kB\n", -ERANGE},
                {"Cached", "Cached: 18446744073709551616 kB\n", -ERANGE},
                {"Cached", "SwapCached: 30 kB\n", -ENODATA},
        };
        static const struct {
                const char *vmstat;
                int r;
        } vmstats[] = {
                {VMSTAT, 0},
                {"", -ENODATA},
                {"pswpin 1\npswpout 2\npgfault 3\n", -ENODATA},
                {"pswpin 1\npswpout 2\npgmajfault 4\npgfault 3", -EBADMSG},
                {"pswpin 1\npswpout x\npgfault 3\npgmajfault 4\n", -EINVAL},
                {"pswpin 1\npswpout 2 pages\npgfault 3\npgmajfault 4\n", -EBADMSG},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *meminfo = meminfo_with(cases[i].name, cases[i].line);
                GuestMemory m = {.total = 4711};

                g_assert_cmpint(guest_memory_parse(meminfo, VMSTAT, &m), ==, cases[i].r);
                g_assert_cmpuint(m.total, ==, cases[i].r < 0 ? 4711 : 100);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(vmstats); i++) {
                g_autofree char *meminfo = meminfo_with(NULL, NULL);
                GuestMemory m = {.total = 4711};

                g_assert_cmpint(guest_memory_parse(meminfo, vmstats[i].vmstat, &m), ==, vmstats[i].r);
                g_assert_cmpuint(m.total, ==, vmstats[i].r < 0 ? 4711 : 100);
        }
}

static void test_missing(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *meminfo = meminfo_with(NULL, NULL);
        GuestMemory m;

        g_assert_cmpint(guest_memory_read(t.fd, &m), ==, -ENOENT);
        tree_write(&t, "proc/meminfo", meminfo);
        g_assert_cmpint(guest_memory_read(t.fd, &m), ==, -ENOENT);
        tree_write(&t, "proc/vmstat", VMSTAT);
        g_assert_cmpint(guest_memory_read(t.fd, &m), ==, 0);
        tree_write_bytes(&t, "proc/vmstat", VMSTAT "\0", sizeof(VMSTAT));
        g_assert_cmpint(guest_memory_read(t.fd, &m), ==, -EBADMSG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/memory/sample", test_sample);
        g_test_add_func("/memory/real", test_real);
        g_test_add_func("/memory/old-kernel", test_old_kernel);
        g_test_add_func("/memory/broken", test_broken);
        g_test_add_func("/memory/missing", test_missing);
        return g_test_run();
}
