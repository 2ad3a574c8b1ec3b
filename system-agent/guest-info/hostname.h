/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The guest's names. */

/* The kernel's node name; never empty ("localhost" if the kernel has none). */
int guest_hostname_read(char **ret);

/* The fully qualified name that goes with @hostname, as far as files know it: @hostname itself if it is
 * one, else the canonical name of the first line of /etc/hosts below @root_fd that mentions it and has one.
 * It has a dot (none at the end), only letters, digits, '-' and '_' between dots, is no address and does not
 * begin with "localhost", which the engine takes for no name. 0, or -ENOENT when the files do not know.
 * Does not block. */
int guest_fqdn_from_files(int root_fd, const char *hostname, char **ret);
/* The second half of it, from the text of /etc/hosts. */
int guest_fqdn_parse_hosts(const char *hosts, const char *hostname, char **ret);

/* The same by the name service (DNS included); -EAGAIN when it cannot say now. May block for long: only for
 * a child with a deadline. */
int guest_fqdn_resolve(const char *hostname, char **ret);
