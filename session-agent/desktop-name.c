/* SPDX-License-Identifier: Apache-2.0 */
#include "desktop-name.h"

#include <stdbool.h>
#include <stdint.h>

struct DesktopName {
        const Desktop *desktop;
        void (*changed)(const char *owner, void *userdata);
        void *userdata;
        unsigned watch;
        char *owner;
        bool told;
        GCancellable *question; /* whose the owner is; while it waits for an answer */
};

static void forget(DesktopName *n) {
        g_cancellable_cancel(n->question); /* NULL is nothing to it */
        g_clear_object(&n->question);
        g_clear_pointer(&n->owner, g_free);
        n->told = false;
}

static void on_session(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        g_autofree char *refusal = error ? g_dbus_error_get_remote_error(error) : NULL;
        DesktopName *n = userdata;
        const char *path;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return; /* the name may be gone as well */
        g_clear_object(&n->question);
        if (answer) {
                g_variant_get(answer, "(&o)", &path);
                n->told = g_str_equal(path, n->desktop->session_path);
        } else
                n->told = g_strcmp0(refusal, "org.freedesktop.login1.NoSessionForPID") == 0;
        if (n->told)
                n->changed(n->owner, n->userdata);
        else
                g_debug("%s is not of this session: %s", n->owner, answer ? path : error->message);
}

static void on_process(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        DesktopName *n = userdata;
        uint32_t pid;

        if (!answer)
                return; /* it is gone already */
        g_variant_get(answer, "(u)", &pid);
        g_dbus_connection_call(n->desktop->system_bus, "org.freedesktop.login1", "/org/freedesktop/login1",
                               "org.freedesktop.login1.Manager", "GetSessionByPID",
                               g_variant_new("(u)", pid), G_VARIANT_TYPE("(o)"), G_DBUS_CALL_FLAGS_NONE, -1,
                               n->question, on_session, n);
}

static void on_name_vanished(GDBusConnection *bus, const char *name, gpointer userdata) {
        DesktopName *n = userdata;
        bool told = n->told;

        forget(n);
        if (told)
                n->changed(NULL, n->userdata);
}

static void on_name_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata) {
        DesktopName *n = userdata;

        on_name_vanished(bus, name, n); /* it may change hands */
        n->owner = g_strdup(owner);
        n->question = g_cancellable_new();
        g_dbus_connection_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "GetConnectionUnixProcessID", g_variant_new("(s)", owner),
                               G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE, -1, n->question, on_process,
                               n);
}

DesktopName *desktop_name_new(const Desktop *desktop, const char *name,
                              void (*changed)(const char *owner, void *userdata), void *userdata) {
        DesktopName *n = g_new0(DesktopName, 1);

        n->desktop = desktop;
        n->changed = changed;
        n->userdata = userdata;
        n->watch = g_bus_watch_name_on_connection(desktop->session_bus, name, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                  on_name_appeared, on_name_vanished, n, NULL);
        return n;
}

DesktopName *desktop_name_free(DesktopName *n) {
        if (!n)
                return NULL;
        g_bus_unwatch_name(n->watch);
        forget(n);
        g_free(n);
        return NULL;
}
