/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/os.h"
#include "test-tree.h"

#include <sys/utsname.h>

static void assert_os(const GuestOs *o, const char *name, const char *version, const char *codename) {
        g_assert_cmpstr(o->name, ==, name);
        g_assert_cmpstr(o->version, ==, version);
        g_assert_cmpstr(o->codename, ==, codename);
}

static void test_texts(void) {
        static const struct {
                const char *text, *name, *version, *codename;
        } cases[] = {
                {"", "Linux", "rolling", ""},
                {"NAME=A\nVERSION_ID=1\nVERSION_CODENAME=x\n", "A", "1", "x"},
                {"NAME='It''s'\nVERSION_ID=\"1\"", "Its", "1", ""},
                {"NAME=A\nNAME=B\n", "B", "rolling", ""},
                {"# NAME=A\nBUILD_ID=2024.1\n", "Linux", "2024.1", ""},
                {"VERSION_ID=\nBUILD_ID=rolling\n", "Linux", "rolling", ""},
                {"NAME=\"unfinished\nVERSION_ID=2\n", "Linux", "2", ""},
                {"VERSION=\"8 (Core) (Final)\"\n", "Linux", "rolling", "Final"},
                {"VERSION=\"8 (Core\"\n", "Linux", "rolling", ""},
                {"VERSION=\"1 (a)\"\nVARIANT=V\n", "Linux", "rolling", "V"},
                {"ANSI_NAME=x\nPRETTY_NAME=y\n\n=\nNAME\n", "Linux", "rolling", ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_(guest_os_freep) GuestOs *o = g_new0(GuestOs, 1);
                guest_os_parse(cases[i].text, o);
                assert_os(o, cases[i].name, cases[i].version, cases[i].codename);
        }
}

static void test_samples(void) {
        static const struct {
                const char *root, *name, *version, *codename;
        } cases[] = {
                {"debian", "Debian GNU/Linux", "12", "bookworm"},
                {"fedora", "Fedora Linux", "41", "Workstation Edition"},
                {"arch", "Arch Linux", "rolling", ""},
        };
        struct utsname u;

        g_assert_cmpint(uname(&u), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_close_ int root = sample_root(cases[i].root);
                _cleanup_(guest_os_freep) GuestOs *o = NULL;

                g_assert_cmpint(guest_os_read(root, &o), ==, 0);
                assert_os(o, cases[i].name, cases[i].version, cases[i].codename);
                g_assert_cmpstr(o->machine, ==, u.machine);
                g_assert_cmpstr(o->kernel, ==, u.release);
        }
}

static void test_broken_files(void) {
        _cleanup_tree_ Tree t = tree_new();
        _cleanup_(guest_os_freep) GuestOs *none = NULL, *large = NULL, *other = NULL;
        g_autofree char *noise = g_strnfill(65 * 1024, '#');

        g_assert_cmpint(guest_os_read(t.fd, &none), ==, 0);
        assert_os(none, "Linux", "rolling", "");
        tree_write(&t, "etc/os-release", noise);
        g_assert_cmpint(guest_os_read(t.fd, &large), ==, 0);
        assert_os(large, "Linux", "rolling", "");
        tree_write(&t, "usr/lib/os-release", "NAME=Other\n");
        g_assert_cmpint(guest_os_read(t.fd, &other), ==, 0);
        assert_os(other, "Other", "rolling", "");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/os/texts", test_texts);
        g_test_add_func("/os/samples", test_samples);
        g_test_add_func("/os/broken-files", test_broken_files);
        return g_test_run();
}
