/* SPDX-License-Identifier: Apache-2.0 */
#include "logout.h"

#include "desktop.h"

typedef struct Manager {
        const char *name; /* whose presence says that this is the desktop */
        DesktopRequest request;
} Manager;

static const Manager managers[] = {
        /* GNOME, MATE, Cinnamon; 1: without a question. 2 would not let programs save either. */
        {"org.gnome.SessionManager",
         {"org.gnome.SessionManager", "/org/gnome/SessionManager", "org.gnome.SessionManager", "Logout",
          "(uint32 1,)"}},
        /* Without a question, without saving the session. */
        {"org.xfce.SessionManager",
         {"org.xfce.SessionManager", "/org/xfce/SessionManager", "org.xfce.Session.Manager", "Logout",
          "(false, false)"}},
        /* KDE. What ends its session is started by the bus when it is called. */
        {"org.kde.plasmashell", {"org.kde.Shutdown", "/Shutdown", "org.kde.Shutdown", "logout", "()"}},
};

struct Logout {
        GDBusConnection *bus;
        void (*changed)(void *userdata);
        void *userdata;
        unsigned watches[G_N_ELEMENTS(managers)];
        bool present[G_N_ELEMENTS(managers)];
};

static const Manager *find_manager(const Logout *l) {
        for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
                if (l->present[i])
                        return &managers[i];
        return NULL;
}

static void set_present(Logout *l, const char *name, bool present) {
        bool before = logout_possible(l);

        for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
                if (g_str_equal(managers[i].name, name))
                        l->present[i] = present;
        if (logout_possible(l) != before)
                l->changed(l->userdata);
}

static void on_name_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata) {
        set_present(userdata, name, true);
}

static void on_name_vanished(GDBusConnection *bus, const char *name, gpointer userdata) {
        set_present(userdata, name, false);
}

Logout *logout_new(GDBusConnection *bus, void (*changed)(void *userdata), void *userdata) {
        Logout *l = g_new0(Logout, 1);

        l->bus = g_object_ref(bus);
        l->changed = changed;
        l->userdata = userdata;
        for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
                l->watches[i] =
                        g_bus_watch_name_on_connection(bus, managers[i].name, G_BUS_NAME_WATCHER_FLAGS_NONE,
                                                       on_name_appeared, on_name_vanished, l, NULL);
        return l;
}

Logout *logout_free(Logout *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(l->watches); i++)
                g_bus_unwatch_name(l->watches[i]);
        g_object_unref(l->bus);
        g_free(l);
        return NULL;
}

bool logout_possible(const Logout *l) {
        return find_manager(l);
}

void logout_logout(Logout *l, GDBusMethodInvocation *invocation) {
        const Manager *m = find_manager(l);

        if (m)
                desktop_ask(l->bus, &m->request, NULL, invocation);
        else
                g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                      "No session manager is on the bus of the session");
}
