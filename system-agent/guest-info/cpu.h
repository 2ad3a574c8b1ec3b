/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* How many processors are online. */

/* Writes the number of online CPUs (at least 1) of the system below @root_fd. Negative errno when
 * /sys/devices/system/cpu/online is missing or not a CPU list. */
int guest_cpus_online(int root_fd, unsigned *ret);
/* The same from the text of that file, e.g. "0-3,5\n". */
int guest_cpus_parse(const char *list, unsigned *ret);
