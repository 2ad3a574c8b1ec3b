/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The names of the bus contract; what they mean is in the XML files beside this one. */

#define OVIRT_GUEST_AGENT_NAME "org.ovirt.GuestAgent1"
#define OVIRT_GUEST_AGENT_PATH "/org/ovirt/GuestAgent1"
#define OVIRT_GUEST_AGENT_MANAGER "org.ovirt.GuestAgent1.Manager"
