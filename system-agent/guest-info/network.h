/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Network interfaces and their addresses. */

#include "util/cleanup.h"

typedef struct GuestInterface {
        char *name;
        char *hw;         /* MAC, lower case with colons; "" if it has none */
        GPtrArray *inet;  /* char *: IPv4 addresses, no prefix length */
        GPtrArray *inet6; /* char *: IPv6 addresses, no prefix length, no zone */
} GuestInterface;

/* The interfaces of the calling process's network namespace that are up, are no loopback, are not the host
 * end of a container's cable (veth) nor a tunnel (tun), which the engine drops, and match none of the glob
 * patterns in @ignored (NULL-terminated). Sorted by name, so that equal states compare equal. Elements are
 * GuestInterface, freed with the array. */
int guest_network_read(const char *const *ignored, GPtrArray **ret);
