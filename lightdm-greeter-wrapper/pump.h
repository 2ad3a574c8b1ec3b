/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Carries messages between the pipes to LightDM and to the greeter, through the relay. Waits for nobody: who
 * does not read is not read from, and what is queued has a limit. */

#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* How long LightDM may take for a step of an attempt. PAM's modules may have to ask over a network. */
#define PUMP_STEP_USEC UINT64_C(20000000)

typedef struct Pump Pump;

/* Two ends of pipes each, which are taken over: to read from, and to write to. */
typedef struct PumpEnds {
        int in, out;
} PumpEnds;

int pump_new(Pump **ret, sd_event *event, PumpEnds server, PumpEnds greeter);
Pump *pump_free(Pump *p);
DEFINE_CLEANUP(Pump, pump_free)

/* Somebody is to be logged in with @token. */
void pump_offer(Pump *p, const char *token);
