/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Notices that something of the guest has changed, by the kernel's notifications; polls nothing. */

#include <systemd/sd-event.h>

#include "util/cleanup.h"

typedef struct GuestMonitor GuestMonitor;

/* @changed gets GuestChange bits (see protocol.h) as they happen, unfiltered: several for one change are
 * usual. A source that the system does not have is left out with a debug message: the periodic reports
 * cover for it. */
GuestMonitor *guest_monitor_new(sd_event *event, void (*changed)(unsigned changes, void *userdata),
                                void *userdata);
GuestMonitor *guest_monitor_free(GuestMonitor *m);
DEFINE_CLEANUP(GuestMonitor, guest_monitor_free)
