/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Installed packages. */

#include <glib.h>

/* The installed packages of the system below @root_fd whose name matches one of the glob @patterns
 * (NULL-terminated), as "name-version" (dpkg) or "name-version-release" (rpm), sorted, each once. dpkg's
 * virtual packages count under the virtual name, as the old agent did. No database: an empty array.
 * The dpkg status file is read; for rpm the rpm command is asked, which takes its time: only for a child
 * with a deadline. Negative errno when a database is there but cannot be read. Elements are char *. */
int guest_packages_read(int root_fd, const char *const *patterns, GPtrArray **ret);
