/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/network.h"
#include "test-namespace.h"

static bool have_namespace;

static bool ip(const char *arguments) {
        g_autofree char *command = g_strconcat("ip ", arguments, NULL);
        int status;

        return g_spawn_command_line_sync(command, NULL, NULL, &status, NULL) && status == 0;
}

static char *describe(const char *const *ignored) {
        g_autoptr(GPtrArray) interfaces = NULL;
        GString *s = g_string_new(NULL);

        g_assert_cmpint(guest_network_read(ignored, &interfaces), ==, 0);
        for (guint i = 0; i < interfaces->len; i++) {
                const GuestInterface *f = interfaces->pdata[i];

                g_string_append_printf(s, "%s[%s]", f->name, f->hw);
                for (guint k = 0; k < f->inet->len; k++)
                        g_string_append_printf(s, " %s", (char *) f->inet->pdata[k]);
                for (guint k = 0; k < f->inet6->len; k++)
                        g_string_append_printf(s, " %s", (char *) f->inet6->pdata[k]);
                g_string_append(s, "\n");
        }
        return g_string_free(s, FALSE);
}

static const char *const none[] = {NULL};

static void test_namespace(void) {
        static const char *const ignored[] = {"docker0", "cni*", NULL};
        g_autofree char *nothing = NULL, *bare = NULL, *all = NULL, *some = NULL;

        if (!have_namespace) {
                g_test_skip("no network namespace for this user");
                return;
        }
        g_assert_true(ip("link set lo up"));
        nothing = describe(none);
        g_assert_cmpstr(nothing, ==, "");

        if (!ip("link add name nic1 address 02:AA:bb:0C:dd:eE type bridge") ||
            !ip("link add name docker0 address 02:00:00:00:00:02 type bridge") ||
            !ip("link add name cni7 address 02:00:00:00:00:03 type bridge") ||
            !ip("link add name down0 type bridge") ||
            !ip("link add name veth7 type veth peer name a9 address 02:00:00:00:00:04")) {
                g_test_skip("no \"ip\" program, or no bridges and cables");
                return;
        }
        for (const char *const *p = (const char *const[]){"nic1", "docker0", "cni7", "veth7", "a9", NULL};
             *p; p++) {
                g_autofree char *quiet = g_strdup_printf("link set %s addrgenmode none", *p);
                g_autofree char *up = g_strdup_printf("link set %s up", *p);

                (void) ip(quiet); /* there is no such mode without IPv6 */
                g_assert_true(ip(up));
        }
        bare = describe(none);
        g_assert_cmpstr(bare, ==,
                        "a9[02:00:00:00:00:04]\n"
                        "cni7[02:00:00:00:00:03]\n"
                        "docker0[02:00:00:00:00:02]\n"
                        "nic1[02:aa:bb:0c:dd:ee]\n");

        /* A second address, one with a label, one that is there twice. */
        g_assert_true(ip("address add 192.0.2.5/24 dev nic1"));
        g_assert_true(ip("address add 198.51.100.6/32 dev nic1 label nic1:x"));
        g_assert_true(ip("address add 192.0.2.5/25 dev nic1"));
        g_assert_true(ip("address add 203.0.113.1 peer 203.0.113.2 dev a9"));
        g_assert_true(ip("address add 192.0.2.77/24 dev down0"));
        some = describe(ignored);
        g_assert_cmpstr(some, ==,
                        "a9[02:00:00:00:00:04] 203.0.113.1\n"
                        "nic1[02:aa:bb:0c:dd:ee] 192.0.2.5 198.51.100.6\n");

        if (!ip("address add 2001:db8::a:5/64 dev nic1 nodad") ||
            !ip("address add fe80::7/64 dev nic1 nodad")) {
                g_test_skip("no IPv6 here");
                return;
        }
        all = describe(ignored);
        g_assert_cmpstr(all, ==,
                        "a9[02:00:00:00:00:04] 203.0.113.1\n"
                        "nic1[02:aa:bb:0c:dd:ee] 192.0.2.5 198.51.100.6 2001:db8::a:5 fe80::7\n");
}

static void test_tunnels(void) {
        static const char *const only_tunnels[] = {"[!v]*", NULL};
        g_autofree char *text = NULL;

        if (!have_namespace || !ip("tuntap add tun3 mode tun") || !ip("tuntap add vpn0 mode tun")) {
                g_test_skip("no network namespace, or no tunnels in it");
                return;
        }
        g_assert_true(ip("link set tun3 up"));
        (void) ip("link set vpn0 addrgenmode none");
        g_assert_true(ip("link set vpn0 up"));
        text = describe(only_tunnels);
        g_assert_cmpstr(text, ==, "vpn0[]\n");
}

static void test_many(void) {
        static const char *const only_many[] = {"[!m]*", NULL};
        g_autoptr(GPtrArray) interfaces = NULL;
        g_autofree char *batch = NULL, *command = NULL;
        g_autoptr(GString) commands = g_string_new(NULL);
        int fd;

        if (!have_namespace) {
                g_test_skip("no network namespace for this user");
                return;
        }
        for (unsigned i = 0; i < 200; i++)
                g_string_append_printf(
                        commands,
                        "link add name m%u type bridge\nlink set m%u up\naddress add 10.1.%u.1/24 dev m%u\n",
                        i, i, i, i);
        fd = g_file_open_tmp("ovirt-test-XXXXXX", &batch, NULL);
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, commands->str, commands->len), ==, (ssize_t) commands->len);
        safe_close(fd);
        command = g_strdup_printf("-batch %s", batch);
        if (ip(command)) {
                g_assert_cmpint(guest_network_read(only_many, &interfaces), ==, 0);
                g_assert_cmpuint(interfaces->len, ==, 200);
                for (guint i = 0; i < interfaces->len; i++) {
                        const GuestInterface *f = interfaces->pdata[i];
                        g_autofree char *address = g_strdup_printf("10.1.%s.1", f->name + 1);

                        g_assert_cmpuint(f->inet->len, ==, 1);
                        g_assert_cmpstr(f->inet->pdata[0], ==, address);
                }
        } else
                g_test_skip("no \"ip\" program, or no bridges");
        g_assert_cmpint(unlink(batch), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        have_namespace = enter_namespace(CLONE_NEWNET);
        g_test_add_func("/network/namespace", test_namespace);
        g_test_add_func("/network/tunnels", test_tunnels);
        g_test_add_func("/network/many", test_many);
        return g_test_run();
}
