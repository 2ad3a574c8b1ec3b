/* SPDX-License-Identifier: Apache-2.0 */
#include "listener.h"

#include <string.h>

#include <systemd/sd-bus.h>

#include "cred-wire.h"
#include "dbus-names.h"
#include "util/log.h"

#define DBUS "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define RETRY_USEC UINT64_C(2000000)

struct Listener {
        sd_event *event;
        void (*heard)(const char *token, void *userdata);
        void *userdata;
        sd_bus *bus;
        sd_event_source *retry_source;
        char *agent; /* the unique name of its connection, NULL if it is not there */
        bool said;
};

static int connect_bus(Listener *l);

static void disconnect(Listener *l) {
        if (l->bus) {
                (void) sd_bus_detach_event(l->bus);
                l->bus = sd_bus_close_unref(l->bus);
        }
        g_free(l->agent);
        l->agent = NULL;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void lost(Listener *l, int error) {
        if (!l->said)
                log_warning_errno(error, "No connection to the system bus, and nobody is logged in by the "
                                         "host meanwhile: %m");
        l->said = true;
        disconnect(l);
        l->retry_source = sd_event_source_disable_unref(l->retry_source);
        if (sd_event_add_time_relative(l->event, &l->retry_source, CLOCK_MONOTONIC, RETRY_USEC, 0, on_retry,
                                       l) < 0)
                log_error("Cannot set a timer for the system bus");
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Listener *l = userdata;
        int r = connect_bus(l);

        if (r < 0)
                lost(l, r);
        return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        lost(userdata, -ECONNRESET);
        return 0;
}

static void set_agent(Listener *l, const char *name) {
        g_free(l->agent);
        l->agent = name && *name ? g_strdup(name) : NULL;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Listener *l = userdata;
        const char *name = NULL;

        /* An error says that nobody has the name. */
        if (!sd_bus_message_is_method_error(m, NULL))
                (void) sd_bus_message_read(m, "s", &name);
        set_agent(l, name);
        l->said = false;
        return 0;
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *before, *now;

        /* Anybody can send us a signal that looks like it. */
        if (sd_bus_message_is_signal(m, DBUS, "NameOwnerChanged") > 0 &&
            g_strcmp0(sd_bus_message_get_sender(m), DBUS) == 0 &&
            sd_bus_message_read(m, "sss", &name, &before, &now) >= 0 &&
            g_strcmp0(name, OVIRT_CREDENTIALS_NAME) == 0)
                set_agent(userdata, now);
        return 0;
}

static int on_user_authenticated(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Listener *l = userdata;
        const char *token;

        if (!l->agent || g_strcmp0(sd_bus_message_get_sender(m), l->agent) != 0 ||
            sd_bus_message_read(m, "s", &token) < 0 || !cred_token_is_valid(token, strlen(token)))
                return 0;
        l->heard(token, l->userdata);
        return 0;
}

static int connect_bus(Listener *l) {
        int r;

        if ((r = sd_bus_open_system(&l->bus)) < 0 ||
            (r = sd_bus_match_signal(l->bus, NULL, "org.freedesktop.DBus.Local",
                                     "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                     "Disconnected", on_disconnected, l)) < 0 ||
            (r = sd_bus_match_signal_async(l->bus, NULL, NULL, OVIRT_CREDENTIALS_PATH,
                                           OVIRT_CREDENTIALS_INTERFACE, "UserAuthenticated",
                                           on_user_authenticated, NULL, l)) < 0 ||
            /* The bus keeps the order: whoever takes the name after the question is told of after the
               answer. */
            (r = sd_bus_add_match_async(l->bus, NULL,
                                        "type='signal',sender='" DBUS "',path='" DBUS_PATH
                                        "',interface='" DBUS
                                        "',member='NameOwnerChanged',arg0='" OVIRT_CREDENTIALS_NAME "'",
                                        on_owner_changed, NULL, l)) < 0 ||
            (r = sd_bus_call_method_async(l->bus, NULL, DBUS, DBUS_PATH, DBUS, "GetNameOwner", on_owner, l,
                                          "s", OVIRT_CREDENTIALS_NAME)) < 0)
                return r;
        /* Anybody can send us signals: they are not to be in the way of who types. */
        return sd_bus_attach_event(l->bus, l->event, SD_EVENT_PRIORITY_IDLE);
}

Listener *listener_new(sd_event *event, void (*heard)(const char *token, void *userdata), void *userdata) {
        Listener *l = g_new0(Listener, 1);
        int r;

        l->event = sd_event_ref(event);
        l->heard = heard;
        l->userdata = userdata;
        r = connect_bus(l);
        if (r < 0)
                lost(l, r);
        return l;
}

Listener *listener_free(Listener *l) {
        if (!l)
                return NULL;
        disconnect(l);
        (void) sd_event_source_disable_unref(l->retry_source);
        sd_event_unref(l->event);
        g_free(l);
        return NULL;
}
