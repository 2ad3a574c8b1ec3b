/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* File systems and disks. */

#include "util/cleanup.h"
#include <stdbool.h>
#include <stddef.h>
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
 * at "/" if it is there, else at a mount of its root, else at the shortest path. Left out: the types that
 * match a pattern of @ignored_types, mounts on something that is no directory, mount points that another
 * mount covers, file systems of size zero if @ignore_zero_size, and those whose numbers make no sense. Asks
 * statvfs(), which never returns for a dead network mount: only for a child with a deadline. A mount that
 * fails is left out. Sorted by path. Mounts come from /proc/self/mountinfo below @root_fd. Elements are
 * GuestFilesystem. */
int guest_filesystems_read(int root_fd, const char *const *ignored_types, bool ignore_zero_size,
                           GPtrArray **ret);

/* One place where a file system can be seen. */
typedef struct GuestMount {
        uint64_t device; /* equal for all mounts of one file system */
        char *path, *type;
        bool whole; /* the file system's root is mounted here, not a directory of it */
} GuestMount;

/* The visible mounts of types that match no pattern of @ignored_types, from the text of mountinfo: those of
 * one file system side by side, the one to report first. Elements are GuestMount. */
GPtrArray *guest_mounts_parse(const char *mountinfo, const char *const *ignored_types);

/* The whole disks of the system below @root_fd that have a serial number (/sys/block, /run/udev/data), each
 * serial once, at the first node by name. Sorted by serial. Elements are GuestDisk. */
int guest_disks_read(int root_fd, GPtrArray **ret);

/* ID_SERIAL in a file of udev's database; NULL if there is none. */
char *guest_udev_serial_parse(const char *text);
/* The serial number in SCSI's vital product data page 0x80; NULL if there is none. */
char *guest_vpd_serial_parse(const uint8_t *data, size_t n);
