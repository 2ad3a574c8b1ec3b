/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bus face of single sign-on: org.ovirt.vdsm.Credentials, which gnome-shell listens to, as
 * dbus-interfaces/org.ovirt.vdsm.Credentials.xml describes it. */

#include <stdint.h>

#include <systemd/sd-bus.h>

#include "util/cleanup.h"

typedef struct DbusCredentials DbusCredentials;

DbusCredentials *dbus_credentials_new(void);
DbusCredentials *dbus_credentials_free(DbusCredentials *d);
DEFINE_CLEANUP(DbusCredentials, dbus_credentials_free)

/* Exports the object on @bus (referenced) and requests the name. */
int dbus_credentials_attach(DbusCredentials *d, sd_bus *bus);
void dbus_credentials_detach(DbusCredentials *d);

/* Sends the signal with @token, which must live until dbus_credentials_stop(), to each connection of user
 * @uid, as soon as the bus has said whose they are; to all if none is. -ENOTCONN without a bus. */
int dbus_credentials_announce(DbusCredentials *d, const char *token, uint32_t uid);
/* The token is no longer good: whoever has not been told will not be. */
void dbus_credentials_stop(DbusCredentials *d);
