/* SPDX-License-Identifier: Apache-2.0 */
#include "port-device.h"
#include "test-tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SECOND UINT64_C(1000000)

static void test_find(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *path = NULL, *expected = tree_path(&t, "there");

        g_assert_cmpint(port_device_find(t.path, "there", &path), ==, -ENOENT);
        tree_link(&t, "there", "/nowhere"); /* udev's link to a node that is gone */
        g_assert_cmpint(port_device_find(t.path, "there", &path), ==, -ENOENT);
        g_assert_null(path);
        tree_link(&t, "there", "/dev/null");
        g_assert_cmpint(port_device_find(t.path, "there", &path), ==, 0);
        g_assert_cmpstr(path, ==, expected);
        g_clear_pointer(&path, g_free);
        g_assert_cmpint(port_device_find(PORT_DEVICE_PREFIX, "no such port, ever", &path), ==, -ENOENT);
}

static void test_open_errors(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *missing = tree_path(&t, "missing"), *file = tree_path(&t, "file");
        g_autofree char *dangling = tree_path(&t, "socket"), *longer = NULL, *deep = g_strnfill(120, 'd');
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_socket;

        tree_write(&t, "file", "x");
        g_assert_cmpint(port_device_open(missing, &is_socket), ==, -ENOENT);
        g_assert_cmpint(port_device_open(file, &is_socket), ==, -ENOTTY);
        g_assert_cmpint(port_device_open(t.path, &is_socket), ==, -ENOTTY);

        g_strlcpy(sa.sun_path, dangling, sizeof(sa.sun_path));
        g_assert_cmpint(bind(fd, (const struct sockaddr *) &sa, sizeof(sa)), ==, 0);
        g_assert_cmpint(port_device_open(dangling, &is_socket), ==, -ECONNREFUSED);
        g_assert_true(is_socket);

        /* A path that no socket address holds is not cut to one that it does. */
        longer = g_strdup_printf("%s/%s", t.path, deep);
        g_assert_cmpint(rename(dangling, longer), ==, 0);
        g_assert_cmpint(port_device_open(longer, &is_socket), ==, -ENAMETOOLONG);
}

static void test_open_terminal(void) {
        _cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), fd = -EBADF;
        bool is_socket = true;
        char c;

        g_assert_cmpint(grantpt(master), ==, 0);
        g_assert_cmpint(unlockpt(master), ==, 0);
        fd = port_device_open(ptsname(master), &is_socket);
        g_assert_cmpint(fd, >=, 0);
        g_assert_false(is_socket);
        g_assert_cmpint(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
        g_assert_cmpint(read(fd, &c, 1), ==, -1);
        g_assert_cmpint(errno, ==, EAGAIN);
}

static void on_changed(void *userdata) {
        ++*(unsigned *) userdata;
}

static void run_until_changed(sd_event *event, unsigned *changes) {
        gint64 deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;

        while (*changes == 0) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
        while (sd_event_run(event, 0) > 0)
                ;
        *changes = 0;
}

/* The way to the port comes, goes, and comes again. */
static void test_watch(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autofree char *path = tree_path(&t, "a/b/port"), *a = tree_path(&t, "a"),
                        *b = tree_path(&t, "a/b");
        g_autofree char *aside = tree_path(&t, "aside");
        PortDeviceWatch *w = NULL;
        sd_event *event = NULL;
        unsigned changes = 0;

        g_assert_cmpint(sd_event_new(&event), ==, 0);
        g_assert_cmpint(port_device_watch_new(&w, event, path, on_changed, &changes), ==, 0);
        for (unsigned i = 0; i < 3; i++) {
                g_assert_cmpint(mkdir(a, 0755), ==, 0);
                run_until_changed(event, &changes);
                g_assert_cmpint(mkdir(b, 0755), ==, 0);
                run_until_changed(event, &changes);
                tree_write(&t, "a/b/port", "");
                run_until_changed(event, &changes);
                if (i == 1) { /* moved away instead of removed */
                        g_assert_cmpint(rename(a, aside), ==, 0);
                        tree_remove(aside);
                } else
                        tree_remove(a);
                run_until_changed(event, &changes);
        }
        port_device_watch_free(w);
        sd_event_unref(event);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/port-device/find", test_find);
        g_test_add_func("/port-device/open-errors", test_open_errors);
        g_test_add_func("/port-device/open-terminal", test_open_terminal);
        g_test_add_func("/port-device/watch", test_watch);
        return g_test_run();
}
