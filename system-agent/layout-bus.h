/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Layouts on the bus: "aa{sv}". */

#include <systemd/sd-bus.h>

#include "session-agent/layout.h"

/* Reads one. Keys that are not known are skipped. Negative if the message has none; 0 otherwise, where
 * *ret_reason may be why what it has is none that could be. Free it. */
int layout_bus_read(sd_bus_message *m, Layout *ret, char **ret_reason);

/* Appends one; NULL is an empty one. */
int layout_bus_append(sd_bus_message *m, const Layout *l);
