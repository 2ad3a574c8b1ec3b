/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The connection to the system bus: may be missing or lost at any time, and comes back by itself. */

#include <systemd/sd-bus.h>

#include "util/cleanup.h"

typedef struct Bus Bus;

typedef struct BusCallbacks {
        /* A new connection: export objects, then others may be called, then names requested. Calls are
         * queued until the bus has answered. A negative errno closes it. */
        int (*connected)(sd_bus *bus, void *userdata);
        /* There is none now, for whatever reason; also called when there never was. */
        void (*disconnected)(void *userdata);
} BusCallbacks;

Bus *bus_new(sd_event *event, const BusCallbacks *callbacks, void *userdata);
Bus *bus_free(Bus *b);
DEFINE_CLEANUP(Bus, bus_free)

/* Connects now, and later again whenever that fails. */
void bus_connect(Bus *b);
