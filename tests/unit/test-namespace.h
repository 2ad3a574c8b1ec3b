/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "util/cleanup.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>

static inline bool write_map(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

/* Puts the process into a namespace of its own of the kind @flag, where it may do all: within a new user
 * namespace if it is not root. False if the system does not let it. */
static inline bool enter_namespace(int flag) {
        g_autofree char *uid = g_strdup_printf("0 %u 1", getuid()),
                        *gid = g_strdup_printf("0 %u 1", getgid());

        if (unshare(flag) == 0)
                return true;
        return unshare(CLONE_NEWUSER | flag) == 0 && write_map("/proc/self/setgroups", "deny") &&
               write_map("/proc/self/uid_map", uid) && write_map("/proc/self/gid_map", gid);
}
