/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bus face of the agent: org.ovirt.GuestAgent1.Manager, as dbus-interfaces/org.ovirt.GuestAgent1.xml
 * describes it. Translates, and holds no state but the connection. */

#include <systemd/sd-bus.h>

#include "channels.h"
#include "dbus-registration.h"
#include "session-registry.h"

typedef struct DbusAgent DbusAgent;

/* @refresh is called for a Refresh() of root's. All arguments outlive the face. */
DbusAgent *dbus_agent_new(const Channels *channels, const SessionRegistry *sessions,
                          DbusRegistration *registration, void (*refresh)(void *userdata), void *userdata);
DbusAgent *dbus_agent_free(DbusAgent *d);
DEFINE_CLEANUP(DbusAgent, dbus_agent_free)

/* Exports the object on @bus (referenced) and requests the name. */
int dbus_agent_attach(DbusAgent *d, sd_bus *bus);
void dbus_agent_detach(DbusAgent *d);

/* Tell whoever listens; nothing happens without a bus. */
void dbus_agent_channels_changed(DbusAgent *d);
void dbus_agent_user_changed(DbusAgent *d);
