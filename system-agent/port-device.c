/* SPDX-License-Identifier: Apache-2.0 */
#include "port-device.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

#define SYSFS_PORTS "/sys/class/virtio-ports"

static int find_in_sysfs(const char *name, char **ret) {
        g_autoptr(GDir) dir = g_dir_open(SYSFS_PORTS, 0, NULL);
        const char *entry;

        while (dir && (entry = g_dir_read_name(dir))) {
                _cleanup_free_ char *file = g_build_filename(SYSFS_PORTS, entry, "name", NULL);
                _cleanup_free_ char *content = NULL;

                if (!g_file_get_contents(file, &content, NULL, NULL) ||
                    !g_str_equal(g_strstrip(content), name))
                        continue;
                *ret = g_build_filename("/dev", entry, NULL);
                return 0;
        }
        return -ENOENT;
}

int port_device_find(const char *prefix, const char *name, char **ret) {
        _cleanup_free_ char *path = g_build_filename(prefix, name, NULL);

        if (access(path, F_OK) >= 0) {
                *ret = TAKE_PTR(path);
                return 0;
        }
        return g_str_equal(prefix, PORT_DEVICE_PREFIX) ? find_in_sysfs(name, ret) : -ENOENT;
}

static int open_socket(const char *path) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int port_device_open(const char *path, bool *ret_socket) {
        _cleanup_close_ int fd = -EBADF;
        struct termios t;
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        *ret_socket = S_ISSOCK(st.st_mode);
        if (*ret_socket)
                return open_socket(path);
        if (!S_ISCHR(st.st_mode))
                return -ENOTTY;

        fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (tcgetattr(fd, &t) >= 0) {
                cfmakeraw(&t);
                if (tcsetattr(fd, TCSANOW, &t) < 0)
                        return -errno;
        }
        return TAKE_FD(fd);
}

struct PortDeviceWatch {
        sd_event *event;
        sd_event_source *source;
        char *path;
        void (*changed)(void *userdata);
        void *userdata;
};

static int on_inotify(sd_event_source *source, const struct inotify_event *e, void *userdata);

/* Sets the watch on the nearest directory that exists on the way to the path. */
static int arm(PortDeviceWatch *w) {
        _cleanup_free_ char *directory = g_path_get_dirname(w->path), *below = NULL;

        w->source = sd_event_source_disable_unref(w->source);
        for (;;) {
                int r = sd_event_add_inotify(
                        w->event, &w->source, directory,
                        IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR, on_inotify, w);
                /* The directory may have appeared since we looked below it. */
                if (r >= 0 && below && access(below, F_OK) >= 0) {
                        w->source = sd_event_source_disable_unref(w->source);
                        g_free(directory);
                        directory = TAKE_PTR(below);
                        continue;
                }
                if (r != -ENOENT)
                        return r;

                g_free(below);
                below = TAKE_PTR(directory);
                directory = g_path_get_dirname(below);
        }
}

static int on_inotify(sd_event_source *source, const struct inotify_event *e, void *userdata) {
        PortDeviceWatch *w = userdata;

        /* A directory may have appeared on the way, or the one we watch may be gone. */
        (void) arm(w);
        w->changed(w->userdata);
        return 0;
}

int port_device_watch_new(PortDeviceWatch **ret, sd_event *event, const char *path,
                          void (*changed)(void *userdata), void *userdata) {
        _cleanup_(port_device_watch_freep) PortDeviceWatch *w = g_new0(PortDeviceWatch, 1);
        int r;

        w->event = sd_event_ref(event);
        w->path = g_strdup(path);
        w->changed = changed;
        w->userdata = userdata;
        r = arm(w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

PortDeviceWatch *port_device_watch_free(PortDeviceWatch *w) {
        if (!w)
                return NULL;
        (void) sd_event_source_disable_unref(w->source);
        sd_event_unref(w->event);
        g_free(w->path);
        g_free(w);
        return NULL;
}
