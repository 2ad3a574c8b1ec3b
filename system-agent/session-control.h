/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Locks sessions and ends them, and does not take a request for the deed. */

#include <systemd/sd-event.h>

#include "logind.h"
#include "session-agents.h"
#include "session-registry.h"

typedef struct SessionControl SessionControl;

typedef enum SessionLock {
        SESSION_LOCK_NOBODY,  /* there is nothing at the seat that could be locked */
        SESSION_LOCK_ALREADY, /* it is locked */
        SESSION_LOCK_STARTED, /* the registry will tell; a failure is logged */
} SessionLock;

/* All arguments outlive it. */
SessionControl *session_control_new(sd_event *event, SessionRegistry *registry, Logind *logind,
                                    SessionAgents *agents);
SessionControl *session_control_free(SessionControl *c);
DEFINE_CLEANUP(SessionControl, session_control_free)

/* Locks what the seat shows, and every other session there that a person left open behind it. The answer is
 * about the one that the seat shows. */
SessionLock session_control_lock_seat(SessionControl *c);

/* Locks the session: the login manager asks it to; if that refuses, or has not done it after a while, its
 * agent does. A session that counts as locked is asked all the same. */
SessionLock session_control_lock(SessionControl *c, const Session *s);

/* Ends the session at the seat: as its desktop's menu would, and by force if that is refused or takes too
 * long. -ENOENT if there is none. */
int session_control_log_off(SessionControl *c);

/* To be told of every change of a session, and when the changes that belong together are over. */
void session_control_session_changed(SessionControl *c, const Session *s, unsigned changes);
void session_control_sessions_settled(SessionControl *c);
/* The bus is gone. What is under way begins anew when the sessions are known again. */
void session_control_bus_lost(SessionControl *c);
