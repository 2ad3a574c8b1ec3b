/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What whoever looks at the machine wants of the sessions: how their monitors are arranged, which effects
 * are toned down. Keeps it, and tells it to the session agents, when it is news and when they come. */

#include <systemd/sd-event.h>

#include "session-agents.h"
#include "session-registry.h"

typedef struct Console Console;

/* All arguments outlive it. */
Console *console_new(sd_event *event, SessionRegistry *registry, SessionAgents *agents);
Console *console_free(Console *c);
DEFINE_CLEANUP(Console, console_free)

/* The host's word. A layout, which has passed layout_check(), is for the session that seat0 shows, now and
 * later; the last one of a burst is carried out. Effects are for all sessions of the seat. */
void console_host_layout(Console *c, const Layout *layout);
void console_host_effects(Console *c, unsigned off);
void console_host_connected(Console *c, bool connected);

/* @result, or the name of an error and the reason. */
typedef void (*ConsoleDone)(const Layout *result, const char *error, const char *reason, void *userdata);

/* The administrator's word for a session: it is kept, unless it is only to be verified or is refused. 0 when
 * it is on its way to the session's agent, and @done will be called; or if the bus goes, @forget. 1 if it is
 * kept until there is an agent that can. -EOPNOTSUPP: there is none that could verify it. */
int console_apply(Console *c, const Session *s, const Layout *layout, bool verify, ConsoleDone done,
                  void (*forget)(void *userdata), void *userdata);

/* The bus is gone, and with it what its names stood for. */
void console_bus_lost(Console *c);

/* To be told of every change of a session. */
void console_session_changed(Console *c, const Session *s, unsigned changes);
