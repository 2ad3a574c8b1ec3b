/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-monitor.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <systemd/sd-device.h>

#include "protocol.h"
#include "util/log.h"

/* Messages taken at once; what is left wakes us again. */
#define NETLINK_BUDGET 64

/* A file that is watched in its directory, as most are replaced by renaming. */
typedef struct WatchedFile {
        const char *directory, *name;
        uint32_t mask;
        unsigned change;
} WatchedFile;

#define REPLACED (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE)

static const WatchedFile watched_files[] = {
        {"/etc", "localtime", REPLACED | IN_DELETE, GUEST_CHANGE_TIMEZONE},
        {"/etc", "hosts", REPLACED, GUEST_CHANGE_NAMES},
        {"/etc", "resolv.conf", REPLACED, GUEST_CHANGE_NAMES},
        {"/etc", "os-release", REPLACED, GUEST_CHANGE_OS},
        {"/usr/lib", "os-release", REPLACED, GUEST_CHANGE_OS},
        {"/var/lib/dpkg", "status", IN_MOVED_TO, GUEST_CHANGE_PACKAGES},
        /* rpm opens its database for writing even to read it, so only modifications count. */
        {"/var/lib/rpm", "rpmdb.sqlite", IN_MODIFY | IN_MOVED_TO, GUEST_CHANGE_PACKAGES},
        {"/var/lib/rpm", "rpmdb.sqlite-wal", IN_MODIFY, GUEST_CHANGE_PACKAGES},
        {"/var/lib/rpm", "Packages", IN_MODIFY, GUEST_CHANGE_PACKAGES},
        {"/usr/lib/sysimage/rpm", "rpmdb.sqlite", IN_MODIFY | IN_MOVED_TO, GUEST_CHANGE_PACKAGES},
        {"/usr/lib/sysimage/rpm", "rpmdb.sqlite-wal", IN_MODIFY, GUEST_CHANGE_PACKAGES},
        {"/usr/lib/sysimage/rpm", "Packages.db", IN_MODIFY, GUEST_CHANGE_PACKAGES},
};

struct GuestMonitor {
        sd_event *event;
        void (*changed)(unsigned changes, void *userdata);
        void *userdata;
        int mounts_fd, hostname_fd;
        struct utsname names;
        sd_device_monitor *devices;
        sd_event_source *netlink, *mounts, *hostname, *files[G_N_ELEMENTS(watched_files)];
};

static void report(GuestMonitor *m, unsigned changes) {
        m->changed(changes, m->userdata);
}

/* What the messages say does not matter, nor how many were lost: the collector looks at it all. */
static int on_netlink(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char buffer[8192];

        for (unsigned i = 0; i < NETLINK_BUDGET; i++)
                if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) < 0 && errno != EINTR && errno != ENOBUFS)
                        break;
        report(userdata, GUEST_CHANGE_NETWORK);
        return 0;
}

static int watch_network(GuestMonitor *m) {
        struct sockaddr_nl sa = {
                .nl_family = AF_NETLINK,
                .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
        };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        int r;

        if (fd < 0 || bind(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        r = sd_event_add_io(m->event, &m->netlink, fd, EPOLLIN, on_netlink, m);
        if (r < 0)
                return r;
        (void) sd_event_source_set_io_fd_own(m->netlink, true);
        (void) TAKE_FD(fd);
        return 0;
}

static int on_mounts(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        report(userdata, GUEST_CHANGE_MOUNTS);
        return 0;
}

/* The kernel tells of each container that is given a name, too. */
static int on_hostname(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        GuestMonitor *m = userdata;
        struct utsname before = m->names;

        (void) uname(&m->names);
        if (!g_str_equal(before.nodename, m->names.nodename))
                report(m, GUEST_CHANGE_HOSTNAME);
        return 0;
}

/* A file of /proc that poll()s: as an exceptional condition, once for each change. */
static int watch_proc(GuestMonitor *m, const char *path, int *ret_fd, sd_event_source **ret_source,
                      sd_event_io_handler_t handler) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return sd_event_add_io(m->event, ret_source, fd, EPOLLPRI | EPOLLET, handler, m);
}

static int on_file(sd_event_source *source, const struct inotify_event *e, void *userdata) {
        GuestMonitor *m = userdata;
        size_t i = 0;

        while (i < G_N_ELEMENTS(m->files) && m->files[i] != source)
                i++;
        if (i == G_N_ELEMENTS(m->files))
                return 0;
        if (e->mask & IN_Q_OVERFLOW || (e->len > 0 && g_str_equal(e->name, watched_files[i].name)))
                report(m, watched_files[i].change);
        return 0;
}

static void note(int r, const char *what) {
        if (r < 0)
                log_warning_errno(r, "Not notified of changes of %s, which are seen late now: %m", what);
}

static void watch_files(GuestMonitor *m) {
        for (size_t i = 0; i < G_N_ELEMENTS(watched_files); i++) {
                const WatchedFile *w = &watched_files[i];
                int r = sd_event_add_inotify(m->event, &m->files[i], w->directory, w->mask | IN_ONLYDIR,
                                             on_file, m);

                if (r < 0 && r != -ENOENT && r != -ENOTDIR) {
                        note(r, "files"); /* the kernel has no more watches: the others say the same */
                        return;
                }
        }
}

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata) {
        const char *subsystem;

        if (sd_device_get_subsystem(device, &subsystem) >= 0)
                report(userdata, g_str_equal(subsystem, "cpu") ? GUEST_CHANGE_CPUS : GUEST_CHANGE_DISKS);
        return 0;
}

static int watch_devices(GuestMonitor *m) {
        int r;

        if ((r = sd_device_monitor_new(&m->devices)) < 0 ||
            (r = sd_device_monitor_filter_add_match_subsystem_devtype(m->devices, "cpu", NULL)) < 0 ||
            (r = sd_device_monitor_filter_add_match_subsystem_devtype(m->devices, "block", "disk")) < 0 ||
            (r = sd_device_monitor_attach_event(m->devices, m->event)) < 0)
                return r;
        return sd_device_monitor_start(m->devices, on_device, m);
}

GuestMonitor *guest_monitor_new(sd_event *event, void (*changed)(unsigned changes, void *userdata),
                                void *userdata) {
        GuestMonitor *m = g_new0(GuestMonitor, 1);

        m->event = sd_event_ref(event);
        m->changed = changed;
        m->userdata = userdata;
        m->mounts_fd = m->hostname_fd = -EBADF;
        note(watch_network(m), "the network");
        note(watch_proc(m, "/proc/self/mountinfo", &m->mounts_fd, &m->mounts, on_mounts), "mounts");
        note(watch_proc(m, "/proc/sys/kernel/hostname", &m->hostname_fd, &m->hostname, on_hostname),
             "the host name");
        note(watch_devices(m), "devices");
        (void) uname(&m->names);
        watch_files(m);
        return m;
}

GuestMonitor *guest_monitor_free(GuestMonitor *m) {
        if (!m)
                return NULL;
        (void) sd_event_source_disable_unref(m->netlink);
        (void) sd_event_source_disable_unref(m->mounts);
        (void) sd_event_source_disable_unref(m->hostname);
        for (size_t i = 0; i < G_N_ELEMENTS(m->files); i++)
                (void) sd_event_source_disable_unref(m->files[i]);
        sd_device_monitor_unref(m->devices);
        safe_close(m->mounts_fd);
        safe_close(m->hostname_fd);
        sd_event_unref(m->event);
        g_free(m);
        return NULL;
}
