/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The VDSM protocol as a channel, and what its commands do. */

#include <json-glib/json-glib.h>
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
