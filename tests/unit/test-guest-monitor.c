/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-monitor.h"
#include "protocol.h"
#include "test-tree.h"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#define SECOND UINT64_C(1000000)

static sd_event *event;

static void on_changed(unsigned changes, void *userdata) {
        *(unsigned *) userdata |= changes;
}

static void run_until(unsigned *seen, unsigned change) {
        gint64 deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;

        while (!(*seen & change)) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
        while (sd_event_run(event, 0) > 0)
                ;
        *seen = 0;
}

static void write_proc(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd >= 0) /* what is not allowed fails where it matters */
                (void) !write(fd, text, strlen(text));
}

/* A network, mounts and a name of our own, with or without root. */
static bool enter_namespaces(void) {
        unsigned uid = getuid(), gid = getgid();

        if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | (uid == 0 ? 0 : CLONE_NEWUSER)) < 0)
                return false;
        if (uid != 0) {
                g_autofree char *uid_map = g_strdup_printf("0 %u 1", uid),
                                *gid_map = g_strdup_printf("0 %u 1", gid);

                write_proc("/proc/self/setgroups", "deny");
                write_proc("/proc/self/uid_map", uid_map);
                write_proc("/proc/self/gid_map", gid_map);
        }
        return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) >= 0;
}

static void set_loopback(bool up) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};

        g_assert_cmpint(ioctl(fd, SIOCSIFFLAGS, &ifr), ==, 0);
}

static void test_changes(void) {
        _cleanup_tree_ Tree t = tree_new();
        GuestMonitor *m;
        unsigned seen = 0;

        if (!enter_namespaces()) {
                g_test_skip("no namespaces to be had here");
                return;
        }
        /* An /etc of our own: nothing of the machine's is touched. */
        g_assert_cmpint(mount("none", "/etc", "tmpfs", 0, NULL), ==, 0);
        g_assert_cmpint(sd_event_new(&event), ==, 0);
        m = guest_monitor_new(event, on_changed, &seen);
        while (sd_event_run(event, 0) > 0)
                ;

        /* Nothing happens, and nothing is reported. Other things of the machine may. */
        seen &= ~(unsigned) (GUEST_CHANGE_PACKAGES | GUEST_CHANGE_DISKS | GUEST_CHANGE_CPUS);
        g_assert_cmpuint(seen, ==, 0);

        set_loopback(true);
        run_until(&seen, GUEST_CHANGE_NETWORK);
        set_loopback(false);
        run_until(&seen, GUEST_CHANGE_NETWORK);

        g_assert_cmpint(sethostname("renamed", 7), ==, 0);
        run_until(&seen, GUEST_CHANGE_HOSTNAME);
        g_assert_cmpint(sethostname("again", 5), ==, 0);
        run_until(&seen, GUEST_CHANGE_HOSTNAME);
        /* The kernel tells of this, as of names in other namespaces. */
        g_assert_cmpint(sethostname("again", 5), ==, 0);
        for (unsigned i = 0; i < 5; i++)
                g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
        g_assert_cmpuint(seen & GUEST_CHANGE_HOSTNAME, ==, 0);

        g_assert_cmpint(mount("none", t.path, "tmpfs", 0, NULL), ==, 0);
        run_until(&seen, GUEST_CHANGE_MOUNTS);
        g_assert_cmpint(umount(t.path), ==, 0);
        run_until(&seen, GUEST_CHANGE_MOUNTS);

        /* Files that are written, replaced and removed. */
        g_assert_true(g_file_set_contents("/etc/hosts", "x", 1, NULL));
        run_until(&seen, GUEST_CHANGE_NAMES);
        g_assert_cmpint(symlink("/usr/share/zoneinfo/UTC", "/etc/localtime"), ==, 0);
        run_until(&seen, GUEST_CHANGE_TIMEZONE);
        g_assert_cmpint(unlink("/etc/localtime"), ==, 0);
        run_until(&seen, GUEST_CHANGE_TIMEZONE);
        g_assert_cmpint(symlink("/usr/share/zoneinfo/UTC", "/etc/localtime.new"), ==, 0);
        g_assert_cmpint(rename("/etc/localtime.new", "/etc/localtime"), ==, 0);
        run_until(&seen, GUEST_CHANGE_TIMEZONE);
        g_assert_true(g_file_set_contents("/etc/os-release", "x", 1, NULL));
        run_until(&seen, GUEST_CHANGE_OS);

        /* Other files there are nobody's business. */
        g_assert_true(g_file_set_contents("/etc/motd", "x", 1, NULL));
        for (unsigned i = 0; i < 5; i++)
                g_assert_cmpint(sd_event_run(event, SECOND / 50), >=, 0);
        g_assert_cmpuint(seen & (GUEST_CHANGE_NAMES | GUEST_CHANGE_TIMEZONE | GUEST_CHANGE_OS), ==, 0);

        guest_monitor_free(m);
        sd_event_unref(event);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/guest-monitor/changes", test_changes);
        return g_test_run();
}
