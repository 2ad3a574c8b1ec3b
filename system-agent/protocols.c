/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol.h"

#include "ovirt/ovirt-protocol.h"

/* A further channel is a folder and a line here. */
const ProtocolOps *const protocols[] = {
        &ovirt_protocol_ops,
        NULL,
};
