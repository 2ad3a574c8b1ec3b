/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a heartbeat says of memory: the figures, their rates, and when they are worth their bytes. */

#include <stdbool.h>
#include <stdint.h>

#include "guest-info/memory.h"

#define OVIRT_API_VERSION_MAX 3U

typedef struct OvirtHeartbeatState {
        unsigned sent;      /* heartbeats so far, up to 2: the first two differ */
        GuestMemory last;   /* the sample that the rates refer to, */
        uint64_t last_usec; /* its time, CLOCK_MONOTONIC; 0: none yet */
        GuestMemory told;   /* what the host knows, */
        uint64_t told_usec; /* and since when; 0: nothing */
        bool told_active;   /* whether it was told of swapping or major faults */
        uint64_t free_ram;  /* MiB, the last good figure */
} OvirtHeartbeatState;

/* Makes the next heartbeat, from memory as it is below @root_fd at @now_usec. Without a figure of the
 * kernel's the last one stands. */
char *ovirt_heartbeat(OvirtHeartbeatState *s, int root_fd, uint64_t now_usec);

/* The host may have forgotten all: the next heartbeat is a full one. */
void ovirt_heartbeat_forget(OvirtHeartbeatState *s);
