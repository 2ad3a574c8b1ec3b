/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The time zone. */

#include "util/cleanup.h"

typedef struct GuestTimezone {
        char *zone;         /* full name, e.g. "America/Argentina/Buenos_Aires"; "" when nothing says */
        int offset_minutes; /* now, daylight saving included, positive east of UTC */
} GuestTimezone;

/* The name comes from the link /etc/localtime, then /etc/timezone, then ZONE= in /etc/sysconfig/clock, below
 * @root_fd; the offset from the time zone file /etc/localtime there (none: UTC), at the present moment. */
int guest_timezone_read(int root_fd, GuestTimezone **ret);
GuestTimezone *guest_timezone_free(GuestTimezone *z);
DEFINE_CLEANUP(GuestTimezone, guest_timezone_free)
