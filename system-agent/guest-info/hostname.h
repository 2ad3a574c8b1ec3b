/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The guest's names. */

/* The kernel's node name; never empty ("localhost" if the kernel has none). */
int guest_hostname_read(char **ret);

/* The fully qualified name that goes with @hostname, as far as files know it: @hostname itself if it has a
 * dot, else the canonical name of the line of /etc/hosts below @root_fd that mentions it, if that one has
 * a dot. 0, or -ENOENT when the files do not know. Does not block. */
int guest_fqdn_from_files(int root_fd, const char *hostname, char **ret);

/* The same by the name service (DNS included). May block for long: only for a child with a deadline. */
int guest_fqdn_resolve(const char *hostname, char **ret);
