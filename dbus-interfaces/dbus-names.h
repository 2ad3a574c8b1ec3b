/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The names of the bus contract; what they mean is in the XML files beside this one. */

#define OVIRT_GUEST_AGENT_NAME "org.ovirt.GuestAgent1"
#define OVIRT_GUEST_AGENT_PATH "/org/ovirt/GuestAgent1"
#define OVIRT_GUEST_AGENT_MANAGER "org.ovirt.GuestAgent1.Manager"
#define OVIRT_GUEST_AGENT_SESSION "org.ovirt.GuestAgent1.Session"
#define OVIRT_GUEST_AGENT_SESSION_PATH "/org/ovirt/GuestAgent1/session"
#define OVIRT_SESSION_AGENT_INTERFACE "org.ovirt.GuestAgent1.SessionAgent"
#define OVIRT_SESSION_AGENT_PATH "/org/ovirt/GuestAgent1/SessionAgent"

#define OVIRT_CREDENTIALS_NAME "org.ovirt.vdsm.Credentials"
#define OVIRT_CREDENTIALS_PATH "/org/ovirt/vdsm/Credentials"
#define OVIRT_CREDENTIALS_INTERFACE "org.ovirt.vdsm.Credentials"

#define OVIRT_ERROR_NO_SUCH_SESSION "org.ovirt.GuestAgent1.Error.NoSuchSession"
#define OVIRT_ERROR_NOT_YOUR_SESSION "org.ovirt.GuestAgent1.Error.NotYourSession"
#define OVIRT_ERROR_ALREADY_REGISTERED "org.ovirt.GuestAgent1.Error.AlreadyRegistered"
#define OVIRT_ERROR_NOT_REGISTERED "org.ovirt.GuestAgent1.Error.NotRegistered"
#define OVIRT_ERROR_SUPERSEDED "org.ovirt.GuestAgent1.Error.Superseded"
#define OVIRT_ERROR_TOO_MANY "org.ovirt.GuestAgent1.Error.TooMany"
#define OVIRT_ERROR_RATE_LIMITED "org.ovirt.GuestAgent1.Error.RateLimited"
