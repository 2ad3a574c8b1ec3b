/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The host's commands: checks what they bring, and passes it on. */

#include "ovirt/ovirt-message.h"
#include "ovirt/ovirt-protocol.h"

/* Carries @m out. -ENOENT if there is no such command, -EINVAL if its members are not what it needs;
 * -ESTALE if it may be from before this agent was there, and is not to be obeyed then; -ENOTCONN if what it
 * needs cannot be reached. */
int ovirt_command_run(OvirtProtocol *p, OvirtMessage *m);
