/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the host is told of the person at the seat: who it is, and whether the session is locked. The
 * messages, and their order, are those of the one agent that ever sent them, the one for Windows. */

#include <stdbool.h>

#include "protocol.h"

typedef struct OvirtReports OvirtReports;
typedef struct OvirtSessions OvirtSessions;

/* Both arguments outlive it. */
OvirtSessions *ovirt_sessions_new(const ProtocolContext *context, OvirtReports *reports);
OvirtSessions *ovirt_sessions_free(OvirtSessions *s);

/* A new host, or one that asks for everything: it is told the state again. */
void ovirt_sessions_forget(OvirtSessions *s);

/* Tells what has changed. Does nothing while a set of reports is under way: to be called again after it. */
void ovirt_sessions_tell(OvirtSessions *s);

/* Tells the host that the session is locked, or that there is none, whether it has been told or not: it
 * waits for that after "lock-screen". */
void ovirt_sessions_tell_locked(OvirtSessions *s, bool locked);
