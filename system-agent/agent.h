/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The agent as a whole: builds everything, owns the event loop, starts and stops in order. */

#include "config.h"
#include "port.h"

typedef struct Agent Agent;

/* All arguments outlive the agent. */
int agent_new(Agent **ret, const Config *config, const PortOverride *overrides, size_t n_overrides);
Agent *agent_free(Agent *a);
DEFINE_CLEANUP(Agent, agent_free)

/* Runs until a signal ends it, and says goodbye to the host. 0, or a negative errno. */
int agent_run(Agent *a);
