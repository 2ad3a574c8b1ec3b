/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/hostname.h"
#include "test-namespace.h"
#include "test-tree.h"

#include <sys/wait.h>

static void test_node_name(void) {
        g_autofree char *name = NULL;
        char expected[256];

        g_assert_cmpint(guest_hostname_read(&name), ==, 0);
        g_assert_cmpint(gethostname(expected, sizeof(expected)), ==, 0);
        g_assert_cmpstr(name, ==, expected);
}

/* In a process of its own: gives the kernel other names. */
static void test_no_name(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                static const char *const names[] = {"", "(none)"};
                char *name;

                if (!enter_namespace(CLONE_NEWUTS))
                        _exit(77);
                for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                        if (sethostname(names[i], strlen(names[i])) < 0)
                                _exit(77);
                        if (guest_hostname_read(&name) < 0 || strcmp(name, "localhost") != 0)
                                _exit(1);
                        g_free(name);
                }
                _exit(0);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                g_test_skip("no namespaces for this user");
        else
                g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static void test_hosts(void) {
        static const struct {
                const char *hosts, *fqdn;
        } cases[] = {
                {"127.0.1.1 vm.example.com vm\n", "vm.example.com"},
                {"127.0.1.1\tVM.Example.com\tVm # mine\r\n", "VM.Example.com"},
                {"192.0.2.1 vm.example.com", NULL},
                {"fe80::1%eth0 vm.example.com. vm\n", "vm.example.com"},
                {"127.0.1.1 vm\n192.0.2.1 vm.b.org vm\n", "vm.b.org"},
                {"127.0.0.1 localhost.localdomain localhost vm\n", NULL},
                {"127.0.1.1 LOCALHOST.localdomain vm\n", NULL},
                {"#127.0.1.1 vm.example.com vm\n", NULL},
                {"127.0.1.1 vm.example.com # vm\n", NULL},
                {"127.0.1.1 vm vm.example.com\n", NULL}, /* the first is the canonical one */
                {"nonsense vm.example.com vm\n", NULL},
                {"127.0.1.1 .example vm\n", NULL},
                {"127.0.1.1 a..b vm\n", NULL},
                {"127.0.1.1 a. vm\n", NULL},
                {"127.0.1.1 10.0.0.1 vm\n", NULL},
                {"127.0.1.1 a,b.c vm\n", NULL},
                {"127.0.1.1\n\n   \nvm\n", NULL},
                {"", NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *fqdn = NULL;
                g_assert_cmpint(guest_fqdn_parse_hosts(cases[i].hosts, "vm", &fqdn), ==,
                                cases[i].fqdn ? 0 : -ENOENT);
                g_assert_cmpstr(fqdn, ==, cases[i].fqdn);
        }
}

static void test_files(void) {
        _cleanup_close_ int debian = sample_root("debian"), arch = sample_root("arch");
        g_autofree char *fqdn = NULL, *own = NULL, *rooted = NULL, *none = NULL;
        g_autofree char *endless = g_strnfill(260, 'a');

        memcpy(endless + 100, ".b", 2);
        g_assert_cmpint(guest_fqdn_from_files(debian, "vm7", &fqdn), ==, 0);
        g_assert_cmpstr(fqdn, ==, "vm7.example.com");
        g_assert_cmpint(guest_fqdn_from_files(debian, "other", &none), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_from_files(arch, "vm7", &none), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_from_files(arch, "own.example.org", &own), ==, 0);
        g_assert_cmpstr(own, ==, "own.example.org");
        g_assert_cmpint(guest_fqdn_from_files(arch, "own.example.org.", &rooted), ==, 0);
        g_assert_cmpstr(rooted, ==, "own.example.org");
        g_assert_cmpint(guest_fqdn_from_files(arch, "localhost.localdomain", &none), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_from_files(arch, "", &none), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_from_files(arch, endless, &none), ==, -ENOENT);
}

static void test_resolve(void) {
        g_autofree char *fqdn = NULL;

        /* The name service answers these itself, and neither is a name that the host can use. */
        g_assert_cmpint(guest_fqdn_resolve("localhost", &fqdn), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_resolve("127.0.0.1", &fqdn), ==, -ENOENT);
        g_assert_cmpint(guest_fqdn_resolve("not a name", &fqdn), <, 0);
        g_assert_null(fqdn);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/hostname/node-name", test_node_name);
        g_test_add_func("/hostname/no-name", test_no_name);
        g_test_add_func("/hostname/hosts", test_hosts);
        g_test_add_func("/hostname/files", test_files);
        g_test_add_func("/hostname/resolve", test_resolve);
        return g_test_run();
}
