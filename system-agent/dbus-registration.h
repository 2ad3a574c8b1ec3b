/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Session agents at the door: Register, Unregister and Report of org.ovirt.GuestAgent1.Manager. Who the
 * caller is comes from the bus and the login manager; its own word is only which of its sessions it means.
 */

#include <systemd/sd-bus.h>

#include "session-registry.h"

typedef struct DbusRegistration DbusRegistration;

/* @registry outlives it. */
DbusRegistration *dbus_registration_new(SessionRegistry *registry);
DbusRegistration *dbus_registration_free(DbusRegistration *d);
DEFINE_CLEANUP(DbusRegistration, dbus_registration_free)

/* The bus is gone, and with it all agents. */
void dbus_registration_detach(DbusRegistration *d);

/* To be told of every change of a session. */
void dbus_registration_session_changed(DbusRegistration *d, const Session *s, unsigned changes);

/* The methods; they reply, now or later, or return a negative errno with @error set. */
int dbus_registration_register(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error);
int dbus_registration_unregister(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error);
int dbus_registration_report(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error);
