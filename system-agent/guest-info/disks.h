/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* File systems and disks. */

#include "util/cleanup.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct GuestFilesystem {
        char *path; /* where it is mounted, escapes decoded; any bytes */
        char *type;
        uint64_t total, used; /* bytes */
} GuestFilesystem;

typedef struct GuestDisk {
        char *serial; /* as udev's ID_SERIAL says, else what the driver says */
        char *node;   /* whole disk, e.g. "/dev/vda" */
} GuestDisk;

/* Each real file system once, however often it is mounted (bind mounts, btrfs subvolumes, mount stacks):
 * at the mount of its root if there is one, else at the shortest path. Left out: the types that match a
 * pattern of @ignored_types, mounts on something that is no directory, mount points that another mount
 * covers, file systems of size zero if @ignore_zero_size. Asks statvfs(), which never returns for a dead
 * network mount: only for a child with a deadline. A mount that fails is left out. Sorted by path.
 * Mounts come from /proc/self/mountinfo below @root_fd. Elements are GuestFilesystem. */
int guest_filesystems_read(int root_fd, const char *const *ignored_types, bool ignore_zero_size,
                           GPtrArray **ret);

/* The whole disks of the system below @root_fd that have a serial number (/sys/block, /run/udev/data),
 * sorted by serial. Elements are GuestDisk. */
int guest_disks_read(int root_fd, GPtrArray **ret);
