/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-agent.h"

#include "dbus-names.h"
#include "dbus-own-name.h"
#include "dbus-sender.h"

struct DbusAgent {
        const Channels *channels;
        const SessionRegistry *sessions;
        DbusRegistration *registration;
        void (*refresh)(void *userdata);
        void *userdata;
        sd_bus *bus;
        sd_bus_slot *vtable_slot, *name_slot;
};

static int get_active_user(sd_bus *bus, const char *path, const char *interface, const char *property,
                           sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const DbusAgent *d = userdata;

        const Session *s = session_registry_at_seat(d->sessions);

        return sd_bus_message_append(reply, "s", s ? s->user : "");
}

static int get_channels(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const DbusAgent *d = userdata;
        const Channel *c;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "(ssbu)");
        for (unsigned i = 0; r >= 0 && (c = channels_get(d->channels, i)); i++)
                r = sd_bus_message_append(reply, "(ssbu)", channel_name(c), channel_port(c),
                                          (int) channel_host_connected(c), channel_version(c));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_last_heartbeat(sd_bus *bus, const char *path, const char *interface, const char *property,
                              sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const DbusAgent *d = userdata;
        const Channel *c;
        int r;

        r = sd_bus_message_open_container(reply, 'a', "{st}");
        for (unsigned i = 0; r >= 0 && (c = channels_get(d->channels, i)); i++)
                r = sd_bus_message_append(reply, "{st}", channel_name(c), channel_last_heartbeat(c));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", PROJECT_VERSION);
}

static void refresh_by(sd_bus_message *m, int error, const Sender *sender, void *userdata) {
        DbusAgent *d = userdata;

        if (error < 0 || sender->uid != 0) {
                (void) sd_bus_reply_method_errorf(m, SD_BUS_ERROR_ACCESS_DENIED, "Only root may call this");
                return;
        }
        d->refresh(d->userdata);
        (void) sd_bus_reply_method_return(m, NULL);
}

/* The bus policy lets only root call this; it is asked again where no policy is in force. */
static int method_refresh(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        int r = dbus_sender_ask(m, refresh_by, userdata);

        return r < 0 ? r : 1;
}

static int method_register(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return dbus_registration_register(((DbusAgent *) userdata)->registration, m, error);
}

static int method_unregister(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return dbus_registration_unregister(((DbusAgent *) userdata)->registration, m, error);
}

static int method_report(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return dbus_registration_report(((DbusAgent *) userdata)->registration, m, error);
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Channels", "a(ssbu)", get_channels, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("LastHeartbeat", "a{st}", get_last_heartbeat, 0, 0),
        SD_BUS_PROPERTY("ActiveUser", "s", get_active_user, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        /* Unprivileged for sd-bus, which would block to find out; see refresh_by() and dbus-registration.c.
         */
        SD_BUS_METHOD("Refresh", NULL, NULL, method_refresh, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Register", SD_BUS_ARGS("s", session, "a{sv}", offer),
                                SD_BUS_RESULT("o", object), method_register, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Unregister", NULL, NULL, method_unregister, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Report", SD_BUS_ARGS("a{sv}", state), SD_BUS_NO_RESULT, method_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

DbusAgent *dbus_agent_new(const Channels *channels, const SessionRegistry *sessions,
                          DbusRegistration *registration, void (*refresh)(void *userdata), void *userdata) {
        DbusAgent *d = g_new0(DbusAgent, 1);

        d->channels = channels;
        d->sessions = sessions;
        d->registration = registration;
        d->refresh = refresh;
        d->userdata = userdata;
        return d;
}

DbusAgent *dbus_agent_free(DbusAgent *d) {
        if (!d)
                return NULL;
        dbus_agent_detach(d);
        g_free(d);
        return NULL;
}

int dbus_agent_attach(DbusAgent *d, sd_bus *bus) {
        int r;

        dbus_agent_detach(d);
        d->bus = sd_bus_ref(bus);
        r = sd_bus_add_object_vtable(bus, &d->vtable_slot, OVIRT_GUEST_AGENT_PATH, OVIRT_GUEST_AGENT_MANAGER,
                                     vtable, d);
        if (r < 0)
                return r;
        return dbus_own_name(bus, &d->name_slot, OVIRT_GUEST_AGENT_NAME);
}

void dbus_agent_detach(DbusAgent *d) {
        d->vtable_slot = sd_bus_slot_unref(d->vtable_slot);
        d->name_slot = sd_bus_slot_unref(d->name_slot);
        d->bus = sd_bus_unref(d->bus);
}

static void changed(DbusAgent *d, const char *property) {
        if (d->bus)
                (void) sd_bus_emit_properties_changed(d->bus, OVIRT_GUEST_AGENT_PATH,
                                                      OVIRT_GUEST_AGENT_MANAGER, property, NULL);
}

void dbus_agent_channels_changed(DbusAgent *d) {
        changed(d, "Channels");
}

void dbus_agent_user_changed(DbusAgent *d) {
        changed(d, "ActiveUser");
}
