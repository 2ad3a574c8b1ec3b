/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The VDSM protocol as a channel, and what its commands do. */

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

extern const ProtocolOps ovirt_protocol_ops;

typedef struct OvirtProtocol OvirtProtocol;

/* "refresh": tells everything. A host that knows of versions says its own; one that says none is from
 * before them, and gets what it understands. */
void ovirt_protocol_refresh(OvirtProtocol *p, bool host_knows_versions);
/* "api-version": the version that both understand. A new one is answered like a refresh. */
void ovirt_protocol_set_version(OvirtProtocol *p, int64_t version);
void ovirt_protocol_echo(OvirtProtocol *p, JsonObject *members);
void ovirt_protocol_send_cpus(OvirtProtocol *p);
/* "lock-screen": the host waits to hear that the session is locked, or that there is none. */
void ovirt_protocol_lock_screen(OvirtProtocol *p);
/* "lifecycle-event": runs the hooks of @event, which may be anything or NULL, then tells the host that it is
 * done, if it has sent a @reply_id (else NULL). */
void ovirt_protocol_lifecycle_event(OvirtProtocol *p, const char *event, bool failure, JsonNode *reply_id);

/* Whether what comes in now may be from before this agent, or this guest, was there. */
bool ovirt_protocol_may_be_stale(const OvirtProtocol *p);
const Services *ovirt_protocol_services(const OvirtProtocol *p);
