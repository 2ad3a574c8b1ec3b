/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The administrator's scripts for what the host is about to do with the guest, or has done. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* What all scripts of one event together may take: the host waits 10 s for them. */
#define HOOKS_TIME_USEC UINT64_C(9000000)

typedef struct Hooks Hooks;

/* All that was to run has run, or its time is up. May call hooks_run() and hooks_free(). */
typedef void (*HooksDone)(void *userdata);

/* @directory has a directory for each event. @time_usec is HOOKS_TIME_USEC but in tests. With @in_units the
 * service manager runs each script, as a transient unit of its own, since the agent's sandbox is not for
 * them; else they are the agent's own children. */
Hooks *hooks_new(sd_event *event, const char *directory, uint64_t time_usec, bool in_units);
/* A script that runs is killed (a unit goes on, until its time is up); nobody's @done is called any more. */
Hooks *hooks_free(Hooks *h);
DEFINE_CLEANUP(Hooks, hooks_free)

/* Whether @name is one of the four events; NULL is none. */
bool hooks_is_event(const char *name);

/* Runs the scripts of @event in the order of their names, one at a time, then calls @done: exactly once, and
 * from the event loop. An unknown event has no scripts. @failure is for the scripts' environment. Calls that
 * come meanwhile are served in turn, each with all of the time. -ENOBUFS if too many wait; then, as with any
 * other negative errno, @done is not called. SIGCHLD must be blocked. */
int hooks_run(Hooks *h, const char *event, bool failure, HooksDone done, void *userdata);
