/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Well-known names of ours. */

#include <systemd/sd-bus.h>

/* Asks for @name, a constant, and waits in the queue if somebody else has it; the log tells. */
int dbus_own_name(sd_bus *bus, sd_bus_slot **ret_slot, const char *name);
