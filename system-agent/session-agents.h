/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls to the registered session agents. A session agent is never trusted to answer: each call has a
 * deadline, and goes to the unique name that registered for the session. */

#include <systemd/sd-bus.h>

#include "session-registry.h"

typedef struct SessionAgents SessionAgents;

SessionAgents *session_agents_new(void);
SessionAgents *session_agents_free(SessionAgents *a);
DEFINE_CLEANUP(SessionAgents, session_agents_free)

void session_agents_attach(SessionAgents *a, sd_bus *bus);
void session_agents_detach(SessionAgents *a);

/* Ask the agent of @s to lock its session, or to end it. 0 when the request is on its way: @on_answer is
 * called with what comes of it, an error if the agent goes or takes too long, unless *@ret_call is freed
 * before. -EOPNOTSUPP if the session has no agent that can; -ENOTCONN. */
int session_agents_lock(SessionAgents *a, const Session *s, sd_bus_slot **ret_call,
                        sd_bus_message_handler_t on_answer, void *userdata);
int session_agents_log_out(SessionAgents *a, const Session *s, sd_bus_slot **ret_call,
                           sd_bus_message_handler_t on_answer, void *userdata);

/* Asks to arrange the monitors; the same way. */
int session_agents_apply_layout(SessionAgents *a, const Session *s, const Layout *layout, bool verify,
                                sd_bus_slot **ret_call, sd_bus_message_handler_t on_answer, void *userdata);

/* Tell what the host wants of effects: a set of those to be toned down; whether somebody looks. The agent
 * reports what comes of it. */
int session_agents_set_effects(SessionAgents *a, const Session *s, unsigned off);
int session_agents_set_console(SessionAgents *a, const Session *s, bool connected);
