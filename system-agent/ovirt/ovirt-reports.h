/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is told to the host, and when: the sets that it asks for, and changes as they happen. */

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"
#include "util/cleanup.h"

typedef struct OvirtReports OvirtReports;

/* @set_done is called when the last report of a set has been sent. */
int ovirt_reports_new(OvirtReports **ret, const ProtocolContext *context, void (*set_done)(void *userdata),
                      void *userdata);
OvirtReports *ovirt_reports_free(OvirtReports *r);
DEFINE_CLEANUP(OvirtReports, ovirt_reports_free)

/* The host came or went. With its first coming the set of the agent's start is sent; later ones ask, and get
 * a set with a heartbeat soon if they seem not to. */
void ovirt_reports_link_changed(OvirtReports *r, bool host_present);

/* The version agreed on, which decides what may be sent. Sends nothing. */
void ovirt_reports_set_version(OvirtReports *r, unsigned version);

/* Sends the set that answers a refresh, anew. Requests that come before a set has begun are one. */
void ovirt_reports_refresh(OvirtReports *r);

/* Whether a set has been asked for and is not yet sent. */
bool ovirt_reports_set_is_under_way(const OvirtReports *r);

/* Sends the user at the seat, if the host does not have it. */
void ovirt_reports_send_user(OvirtReports *r);
/* Sends that there is no user, of whom there was one and is another one, or the same, by now. */
void ovirt_reports_send_nobody(OvirtReports *r);

/* Sends the number of CPUs, if the version allows. */
void ovirt_reports_send_cpus(OvirtReports *r);

/* @changes: GuestChange bits. What they concern is looked at again soon, and sent if it differs. */
void ovirt_reports_guest_changed(OvirtReports *r, unsigned changes);

/* Sends what the configured intervals ask for. Called at each heartbeat: these need no timers of their own.
 */
void ovirt_reports_tick(OvirtReports *r, uint64_t now_usec);

/* The port flows again. */
void ovirt_reports_drained(OvirtReports *r);
