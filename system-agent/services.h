/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the protocols may use of the rest of the agent. */

#include <systemd/sd-event.h>

#include "console.h"
#include "hooks.h"
#include "logind.h"
#include "session-control.h"
#include "session-registry.h"
#include "sign-on.h"

typedef struct Services {
        sd_event *event;
        SessionRegistry *sessions;
        Logind *logind;
        SessionControl *control;
        Console *console;
        Hooks *hooks;
        SignOn *sign_on;
} Services;
