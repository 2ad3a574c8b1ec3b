/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The time zone. */

#include "util/cleanup.h"
#include <stddef.h>
#include <stdint.h>

typedef struct GuestTimezone {
        char *zone;         /* full name, e.g. "America/Argentina/Buenos_Aires"; "" when nothing says */
        int offset_minutes; /* now, daylight saving included, positive east of UTC */
} GuestTimezone;

/* The name comes from the link /etc/localtime, then /etc/timezone, then ZONE= in /etc/sysconfig/clock, below
 * @root_fd; the offset from the time zone file /etc/localtime there (none: UTC), at the present moment.
 * Negative errno when that file is broken. */
int guest_timezone_read(int root_fd, GuestTimezone **ret);
/* The offset at @now (seconds since 1970, not negative) from the bytes of a time zone file (RFC 8536). */
int guest_timezone_parse(const uint8_t *data, size_t n, int64_t now, int *ret_minutes);
GuestTimezone *guest_timezone_free(GuestTimezone *z);
DEFINE_CLEANUP(GuestTimezone, guest_timezone_free)
