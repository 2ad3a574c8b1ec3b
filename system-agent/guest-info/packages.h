/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Installed packages. */

#include <glib.h>

/* The installed packages of the system below @root_fd whose name matches one of the glob @patterns
 * (NULL-terminated), as "name-version" (dpkg, without the epoch) or "name-version-release" (rpm), sorted,
 * each once. dpkg's virtual packages count under the virtual name, as the old agent did. No database: an
 * empty array. The dpkg status file is read; for rpm the rpm command is asked, which takes its time: only
 * for a child with a deadline. Negative errno when a database is there but none can be read. A comma, which
 * the engine puts between entries, becomes '_'. Elements are char *. */
int guest_packages_read(int root_fd, const char *const *patterns, GPtrArray **ret);

/* Adds to @found what the text of dpkg's status file has installed: packages that match and virtual
 * packages that do. */
void guest_packages_parse_dpkg(const char *status, const char *const *patterns, GPtrArray *found);
/* The same for lines "name<tab>version<tab>release", as rpm prints them for us. */
void guest_packages_parse_rpm(const char *lines, const char *const *patterns, GPtrArray *found);
