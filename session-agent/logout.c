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

typedef struct Presence {
        Logout *logout;
        const Manager *manager;
        DesktopName *name;
        bool present;
} Presence;

struct Logout {
        GDBusConnection *bus;
        void (*changed)(void *userdata);
        void *userdata;
        Presence managers[G_N_ELEMENTS(managers)];
};

static const Manager *find_manager(const Logout *l) {
        for (size_t i = 0; i < G_N_ELEMENTS(l->managers); i++)
                if (l->managers[i].present)
                        return l->managers[i].manager;
        return NULL;
}

static void on_owner_changed(const char *owner, void *userdata) {
        Presence *p = userdata;
        Logout *l = p->logout;
        bool before = logout_possible(l);

        p->present = owner;
        if (logout_possible(l) != before)
                l->changed(l->userdata);
}

Logout *logout_new(const Desktop *desktop, void (*changed)(void *userdata), void *userdata) {
        Logout *l = g_new0(Logout, 1);

        l->bus = g_object_ref(desktop->session_bus);
        l->changed = changed;
        l->userdata = userdata;
        for (size_t i = 0; i < G_N_ELEMENTS(managers); i++) {
                Presence *p = &l->managers[i];

                *p = (Presence){.logout = l, .manager = &managers[i]};
                p->name = desktop_name_new(desktop, managers[i].name, on_owner_changed, p);
        }
        return l;
}

Logout *logout_free(Logout *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(l->managers); i++)
                desktop_name_free(l->managers[i].name);
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
