/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the protocols may use of the rest of the agent. */

#include <systemd/sd-event.h>

#include "logind.h"

typedef struct Services {
        sd_event *event;
        Logind *logind;
} Services;
