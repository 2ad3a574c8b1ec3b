/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/cpu.h"
#include "test-tree.h"

static void test_lists(void) {
        static const struct {
                const char *list;
                int r;
                unsigned n;
        } cases[] = {
                {"0\n", 0, 1},
                {"0-3,5\n", 0, 5},
                {"0-65535\n", 0, 65536},
                {"1,3,5-6,8\n", 0, 5},
                {"", -EBADMSG, 0},
                {"\n", -EBADMSG, 0},
                {"0-3", -EBADMSG, 0}, /* cut */
                {"0-\n", -EBADMSG, 0},
                {"0-3,\n", -EBADMSG, 0},
                {",0\n", -EBADMSG, 0},
                {"3-0\n", -EBADMSG, 0},
                {"0-3,3\n", -EBADMSG, 0},
                {"0-3,1\n", -EBADMSG, 0},
                {"0,0\n", -EBADMSG, 0},
                {"0-65536\n", -EBADMSG, 0},
                {"0-18446744073709551615\n", -EBADMSG, 0},
                {"0-18446744073709551616\n", -EBADMSG, 0},
                {"-1\n", -EBADMSG, 0},
                {"0 - 3\n", -EBADMSG, 0},
                {"0-3\n\n", -EBADMSG, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                unsigned n = 4711;
                g_assert_cmpint(guest_cpus_parse(cases[i].list, &n), ==, cases[i].r);
                g_assert_cmpuint(n, ==, cases[i].r < 0 ? 4711 : cases[i].n);
        }
}

static void test_roots(void) {
        _cleanup_close_ int real = open("/", O_PATH | O_CLOEXEC), debian = sample_root("debian"),
                            arch = sample_root("arch");
        unsigned n;

        g_assert_cmpint(guest_cpus_online(real, &n), ==, 0);
        g_assert_cmpint((long) n, ==, sysconf(_SC_NPROCESSORS_ONLN));
        g_assert_cmpint(guest_cpus_online(debian, &n), ==, 0);
        g_assert_cmpuint(n, ==, 5);
        g_assert_cmpint(guest_cpus_online(arch, &n), ==, -ENOENT);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cpu/lists", test_lists);
        g_test_add_func("/cpu/roots", test_roots);
        return g_test_run();
}
