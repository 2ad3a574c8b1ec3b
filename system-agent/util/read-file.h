/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files below a root directory, which may be "/" or a tree made by a test. */

#include <stddef.h>

/* Opens @path, relative to @root_fd; symbolic links, also absolute ones, stay below it. O_CLOEXEC is added.
 * Returns the descriptor or a negative errno. */
int open_below(int root_fd, const char *path, int flags);

/* Reads the whole of the regular file (those of /proc and /sys count) @path below @root_fd into memory of
 * its own, with a NUL after it that @ret_size does not count. With @ret_size NULL the file must be text:
 * -EBADMSG if it has NUL bytes. -EFBIG if it is longer than @max, -EINVAL if it is no regular file. */
int read_file(int root_fd, const char *path, size_t max, char **ret, size_t *ret_size);
