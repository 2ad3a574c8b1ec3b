/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/packages.h"
#include "test-tree.h"

static char *join(GPtrArray *found) {
        GString *s = g_string_new(NULL);

        for (guint i = 0; i < found->len; i++)
                g_string_append_printf(s, "%s%s", i > 0 ? " " : "", (char *) found->pdata[i]);
        return g_string_free(s, FALSE);
}

#define INSTALLED "Status: install ok installed\n"

static void test_dpkg_texts(void) {
        static const char *const patterns[] = {"kernel", "linux-image*", "agent", NULL};
        static const struct {
                const char *status, *found;
        } cases[] = {
                {"", ""},
                {"\n\n\n", ""},
                {"Package: kernel\n" INSTALLED "Version: 1:2-3\n\n", "kernel-2-3"},
                {"package: kernel\n" INSTALLED "VERSION:2\n\n", "kernel-2"},
                {"Package: kernel\nVersion: 2\n" INSTALLED "\n", "kernel-2"},
                {"Package: kernel\nVersion: 2\nStatus: hold ok installed\n\n", "kernel-2"},
                {"Package: kernel\nVersion: 2\nStatus: deinstall ok installed\n\n",
                 "kernel-2"}, /* still there */
                {"Package: kernel\nVersion: 2\nStatus: install ok triggers-pending\n\n", "kernel-2"},
                {"Package: kernel\nVersion: 2\nStatus: install reinstreq installed\n\n", ""},
                {"Package: kernel\nVersion: 2\nStatus: install ok half-installed\n\n", ""},
                {"Package: kernel\nVersion: 2\nStatus: deinstall ok config-files\n\n", ""},
                {"Package: kernel\nVersion: 2\nStatus: install ok\n\n", ""},
                {"Package: kernel\nVersion: 2\nStatus: install ok installed x\n\n", ""},
                {"Package: kernel\nVersion: 2\n\n", ""},
                {"Package: kernel\n" INSTALLED "\n", ""},
                {"Package: kernel\n" INSTALLED "Version:\n\n", ""},
                {"Package: kernel-core\n" INSTALLED "Version: 2\n\n", ""},
                {"Package: kernel\n" INSTALLED "Version: 2\n", ""}, /* cut */
                {"Package: kernel\n" INSTALLED "Version: 2", ""},
                /* Nothing passes from one to the next. */
                {"Package: kernel\n\n" INSTALLED "Version: 2\n\n", ""},
                {INSTALLED "Version: 2\n\nPackage: kernel\n\n", ""},
                {"Package: a\n" INSTALLED "Version: 2\n\nPackage: linux-image-5\n" INSTALLED
                 "Version: 5\n\n",
                 "linux-image-5-5"},
                /* Virtual packages. */
                {"Package: x\n" INSTALLED "Version: 2\nProvides: kernel\n\n", "kernel-2"},
                {"Package: x\n" INSTALLED "Version: 2\nProvides: a, kernel (= 9), linux-image\n\n",
                 "kernel-2 linux-image-2"},
                {"Package: x\n" INSTALLED "Version: 2\nProvides: a,\n kernel\n\n", "kernel-2"},
                {"Package: x\n" INSTALLED "Version: 2\nProvides: , ,\n\n", ""},
                /* What looks like a field within another one. */
                {"Package: x\n" INSTALLED
                 "Version: 2\nDescription: a\n Package: kernel\n Provides: kernel\n\n",
                 ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
                g_autofree char *text = NULL;

                guest_packages_parse_dpkg(cases[i].status, patterns, found);
                text = join(found);
                g_assert_cmpstr(text, ==, cases[i].found);
        }
}

static void test_rpm_texts(void) {
        static const char *const patterns[] = {"kernel", "agent*", NULL};
        static const struct {
                const char *lines, *found;
        } cases[] = {
                {"", ""},
                {"kernel\t5.14\t1.el9\nkernel\t5.15\t2.el9\nagent-x\t1\t1",
                 "kernel-5.14-1.el9 kernel-5.15-2.el9 agent-x-1-1"},
                {"kernel-core\t5\t1\n", ""},
                {"kernel\t5\n", ""},
                {"kernel\t5\t1\tx\n", ""},
                {"kernel\t\t1\nkernel\t1\t\n\t1\t1\n", ""},
                {"\n\t\t\n", ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
                g_autofree char *text = NULL;

                guest_packages_parse_rpm(cases[i].lines, patterns, found);
                text = join(found);
                g_assert_cmpstr(text, ==, cases[i].found);
        }
}

static void assert_packages(int root, const char *const *patterns, const char *expected) {
        g_autoptr(GPtrArray) found = NULL;
        g_autofree char *text = NULL;

        g_assert_cmpint(guest_packages_read(root, patterns, &found), ==, 0);
        text = join(found);
        g_assert_cmpstr(text, ==, expected);
}

static void test_samples(void) {
        static const char *const patterns[] = {"kernel", "linux-image", "xserver-xorg-video-qxl",
                                               "cloud-init", NULL};
        static const char *const glob[] = {"linux-image-*", NULL};
        _cleanup_close_ int debian = sample_root("debian"), arch = sample_root("arch");

        assert_packages(
                debian, patterns,
                "cloud-init-22.4.2-1 linux-image-6.1.119-1 xserver-xorg-video-qxl-0.1.5+git20200331-3");
        assert_packages(debian, glob, "linux-image-6.1.0-28-amd64-6.1.119-1");
        assert_packages(arch, patterns, "");
}

static void test_tidy(void) {
        static const char *const patterns[] = {"a*", NULL};
        _cleanup_tree_ Tree t = tree_new();
        g_autoptr(GPtrArray) found = NULL;

        /* Two architectures, the wrong order, a comma. */
        tree_write(&t, "var/lib/dpkg/status",
                   "Package: ab\n" INSTALLED "Version: 2\n\nPackage: aa\n" INSTALLED "Version: 1,5\n\n"
                   "Package: ab\nArchitecture: i386\n" INSTALLED "Version: 2\n\n");
        assert_packages(t.fd, patterns, "aa-1_5 ab-2");

        tree_write_bytes(&t, "var/lib/dpkg/status", "Package: a\0\n", 12);
        g_assert_cmpint(guest_packages_read(t.fd, patterns, &found), ==, -EBADMSG);
}

/* As large as a desktop's database. */
static void test_many(void) {
        static const char *const patterns[] = {
                "kernel",      "ovirt-guest-agent", "cloud-init", "package-1999",
                "linux-image", "provided-*",        NULL,
        };
        _cleanup_tree_ Tree t = tree_new();
        g_autoptr(GString) status = g_string_new(NULL);
        g_autoptr(GPtrArray) found = NULL;

        for (unsigned i = 0; i < 2000; i++) {
                g_string_append_printf(status,
                                       "Package: package-%u\n" INSTALLED
                                       "Version: 1.%u\nProvides: v%u, provided-%u\nDescription: x\n",
                                       i, i, i, i % 1000);
                for (unsigned k = 0; k < 10; k++)
                        g_string_append(status, " A line of the long description, as there are several of "
                                                "in each package.\n");
                g_string_append(status, "\n");
        }
        tree_write(&t, "var/lib/dpkg/status", status->str);

        gint64 start = g_get_monotonic_time();
        g_assert_cmpint(guest_packages_read(t.fd, patterns, &found), ==, 0);
        g_test_message("%" G_GINT64_FORMAT " us for %zu bytes", g_get_monotonic_time() - start, status->len);
        g_assert_cmpuint(found->len, ==, 2001);
}

static bool run(const char *const *argv) {
        int status;

        return g_spawn_sync(NULL, (char **) argv, NULL,
                            G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                            NULL, NULL, NULL, NULL, &status, NULL) &&
               status == 0;
}

static void test_rpm(void) {
        static const char *const patterns[] = {"ovirt-guest-agent-common", NULL};
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *rpmbuild = g_find_program_in_path("rpmbuild"), *rpm = g_find_program_in_path("rpm");
        g_autofree char *spec = tree_path(&t, "x.spec"), *top = g_strdup_printf("_topdir %s/top", t.path);
        g_autofree char *package =
                tree_path(&t, "top/RPMS/noarch/ovirt-guest-agent-common-2.1.0-1.el9.noarch.rpm");
        g_autofree char *database = tree_path(&t, "usr/lib/sysimage/rpm");
        g_autoptr(GPtrArray) found = NULL;

        if (!rpm || !rpmbuild) {
                g_test_skip("no rpm, or no rpmbuild");
                return;
        }
        g_setenv("HOME", t.path, TRUE); /* Debian's rpm has a database there */
        tree_write(&t, "x.spec",
                   "Name: ovirt-guest-agent-common\nVersion: 2.1.0\nRelease: 1.el9\nSummary: x\nLicense: "
                   "x\nBuildArch: noarch\n"
                   "%description\nx\n%files\n");
        g_assert_true(run((const char *const[]){"rpmbuild", "-bb", "--define", top, spec, NULL}));
        tree_mkdir(&t, "usr/lib/sysimage/rpm");
        tree_link(&t, "var/lib/rpm", "../../usr/lib/sysimage/rpm");
        g_assert_true(run((const char *const[]){"rpm", "--dbpath", database, "-i", "--justdb", "--nodeps",
                                                package, NULL}));

        assert_packages(t.fd, patterns, "ovirt-guest-agent-common-2.1.0-1.el9");

        /* Both kinds; then one of them broken, then both. */
        tree_write(&t, "var/lib/dpkg/status",
                   "Package: x\n" INSTALLED "Version: 3\nProvides: ovirt-guest-agent-common\n\n");
        assert_packages(t.fd, patterns, "ovirt-guest-agent-common-2.1.0-1.el9 ovirt-guest-agent-common-3");
        tree_remove(database);
        tree_write(&t, "usr/lib/sysimage/rpm/rpmdb.sqlite",
                   "This is no database, whatever rpm's back-end is.");
        assert_packages(t.fd, patterns, "ovirt-guest-agent-common-3");
        tree_write_bytes(&t, "var/lib/dpkg/status", "\0", 1);
        g_assert_cmpint(guest_packages_read(t.fd, patterns, &found), ==, -EBADMSG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/packages/dpkg-texts", test_dpkg_texts);
        g_test_add_func("/packages/rpm-texts", test_rpm_texts);
        g_test_add_func("/packages/samples", test_samples);
        g_test_add_func("/packages/tidy", test_tidy);
        g_test_add_func("/packages/many", test_many);
        g_test_add_func("/packages/rpm", test_rpm);
        return g_test_run();
}
