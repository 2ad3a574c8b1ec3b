/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which operating system this is. */

#include "util/cleanup.h"

/* Strings are never NULL; UTF-8 is not guaranteed (the encoder filters). */
typedef struct GuestOs {
        char *name;     /* os-release NAME, else "Linux" */
        char *version;  /* VERSION_ID, else BUILD_ID, else "rolling"; if empty, the engine would drop all */
        char *codename; /* VERSION_CODENAME, else VARIANT, else what VERSION has in parentheses, else "" */
        char *machine;  /* uname -m */
        char *kernel;   /* uname -r */
} GuestOs;

/* Reads /etc/os-release, or /usr/lib/os-release, below @root_fd; a missing or broken file leaves the
 * fallbacks named above. */
int guest_os_read(int root_fd, GuestOs **ret);
/* Fills in name, version and codename from the text of os-release. */
void guest_os_parse(const char *os_release, GuestOs *o);
GuestOs *guest_os_free(GuestOs *o);
DEFINE_CLEANUP(GuestOs, guest_os_free)
