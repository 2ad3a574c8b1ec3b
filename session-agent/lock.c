/* SPDX-License-Identifier: Apache-2.0 */
#include "lock.h"

#include "desktop.h"

/* KDE's has its name before it answers to it: who is no locker is asked again, later each time. */
#define AGAIN_FIRST_MSEC 250U
#define AGAIN_LAST_MSEC 4000U

/* Where it is in the list. */
#define GNOME_SHELL 0

/* Every locker has the methods Lock and GetActive and the signal ActiveChanged. A name in this list counts
 * only once it has answered GetActive: org.freedesktop.ScreenSaver is KDE's locker, and light-locker, but
 * elsewhere it often does no more than to keep the screen lit. */
static const DesktopRequest lockers[] = {
        /* GNOME 3.36 and later; there org.gnome.ScreenSaver is a helper that comes and goes. */
        [GNOME_SHELL] = {"org.gnome.Shell.ScreenShield", "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver",
                         "Lock", "()"},
        {"org.gnome.ScreenSaver", "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver", "Lock", "()"},
        {"org.mate.ScreenSaver", "/org/mate/ScreenSaver", "org.mate.ScreenSaver", "Lock", "()"},
        {"org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver", "org.cinnamon.ScreenSaver", "Lock",
         "('',)"},
        {"org.xfce.ScreenSaver", "/org/xfce/ScreenSaver", "org.xfce.ScreenSaver", "Lock", "()"},
        {"org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver",
         "Lock", "()"},
};

typedef struct Locker {
        Lock *lock;
        const DesktopRequest *request;
        DesktopName *name;
        char *owner;            /* NULL while nobody owns the name; and then: */
        unsigned subscription;  /* to its signal */
        GCancellable *question; /* GetActive, while it waits for its answer */
        unsigned again, msec;   /* when it is asked again, and how long after that the next time */
        LockState state;
} Locker;

struct Lock {
        GDBusConnection *bus;
        void (*changed)(void *userdata);
        void *userdata;
        LockState state;
        GCancellable *asked; /* for the calls that wait until it is LOCK_ON */
        Locker lockers[G_N_ELEMENTS(lockers)];
};

static void locker_set(Locker *locker, LockState state) {
        Lock *l = locker->lock;
        LockState all = LOCK_UNKNOWN;
        bool signs_on = lock_signs_on(l);

        locker->state = state;
        for (size_t i = 0; i < G_N_ELEMENTS(l->lockers); i++)
                all = MAX(all, l->lockers[i].state);
        if (all == l->state && lock_signs_on(l) == signs_on)
                return;
        l->state = all;
        if (all == LOCK_ON && l->asked) {
                g_cancellable_cancel(l->asked);
                g_clear_object(&l->asked);
        }
        l->changed(l->userdata);
}

static void on_active_changed(GDBusConnection *bus, const char *sender, const char *path,
                              const char *interface, const char *signal, GVariant *parameters,
                              gpointer userdata) {
        gboolean active;

        if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(b)")))
                return;
        g_variant_get(parameters, "(b)", &active);
        locker_set(userdata, active ? LOCK_ON : LOCK_OFF);
}

static gboolean on_again(gpointer userdata);

static void on_active(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        Locker *locker = userdata;
        gboolean active;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return; /* the locker may be gone as well */
        g_clear_object(&locker->question);
        if (!answer) {
                g_debug("%s is no locker: %s", locker->request->name, error->message);
                if (locker->msec <= AGAIN_LAST_MSEC)
                        locker->again = g_timeout_add(locker->msec, on_again, locker);
                locker->msec *= 2;
                return;
        }
        g_variant_get(answer, "(b)", &active);
        g_debug("%s is a locker, and %s", locker->request->name, active ? "locked" : "not locked");
        locker_set(locker, active ? LOCK_ON : LOCK_OFF);
}

static void ask(Locker *locker) {
        const DesktopRequest *r = locker->request;

        locker->question = g_cancellable_new();
        g_dbus_connection_call(locker->lock->bus, locker->owner, r->path, r->interface, "GetActive", NULL,
                               G_VARIANT_TYPE("(b)"), G_DBUS_CALL_FLAGS_NONE, -1, locker->question,
                               on_active, locker);
}

static gboolean on_again(gpointer userdata) {
        Locker *locker = userdata;

        locker->again = 0;
        ask(locker);
        return G_SOURCE_REMOVE;
}

static void locker_forget(Locker *locker) {
        if (locker->subscription > 0)
                g_dbus_connection_signal_unsubscribe(locker->lock->bus, locker->subscription);
        locker->subscription = 0;
        g_cancellable_cancel(locker->question);
        g_clear_object(&locker->question);
        g_clear_handle_id(&locker->again, g_source_remove);
        g_clear_pointer(&locker->owner, g_free);
}

/* From here on signals and the answer come from the same owner, and thus in the order of the events. */
static void on_owner_changed(const char *owner, void *userdata) {
        Locker *locker = userdata;
        const DesktopRequest *r = locker->request;
        GDBusConnection *bus = locker->lock->bus;

        locker_forget(locker);
        if (!owner) {
                locker_set(locker, LOCK_UNKNOWN);
                return;
        }
        locker->subscription = g_dbus_connection_signal_subscribe(bus, owner, r->interface, "ActiveChanged",
                                                                  r->path, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                                  on_active_changed, locker, NULL);
        locker->owner = g_strdup(owner);
        locker->msec = AGAIN_FIRST_MSEC;
        ask(locker);
}

Lock *lock_new(const Desktop *desktop, void (*changed)(void *userdata), void *userdata) {
        Lock *l = g_new0(Lock, 1);

        l->bus = g_object_ref(desktop->session_bus);
        l->changed = changed;
        l->userdata = userdata;
        for (size_t i = 0; i < G_N_ELEMENTS(lockers); i++) {
                l->lockers[i] = (Locker){.lock = l, .request = &lockers[i]};
                l->lockers[i].name =
                        desktop_name_new(desktop, lockers[i].name, on_owner_changed, &l->lockers[i]);
        }
        return l;
}

Lock *lock_free(Lock *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < G_N_ELEMENTS(l->lockers); i++) {
                desktop_name_free(l->lockers[i].name);
                locker_forget(&l->lockers[i]);
        }
        g_clear_object(&l->asked);
        g_object_unref(l->bus);
        g_free(l);
        return NULL;
}

LockState lock_state(const Lock *l) {
        return l->state;
}

bool lock_signs_on(const Lock *l) {
        return l->lockers[GNOME_SHELL].state != LOCK_UNKNOWN;
}

static const DesktopRequest *find_locker(const Lock *l) {
        for (size_t i = 0; i < G_N_ELEMENTS(l->lockers); i++)
                if (l->lockers[i].state != LOCK_UNKNOWN)
                        return l->lockers[i].request;
        return NULL;
}

/* The lockers of MATE and Xfce never answer Lock(); that they are locked is their answer. */
void lock_lock(Lock *l, GDBusMethodInvocation *invocation) {
        const DesktopRequest *locker = find_locker(l);

        if (!locker)
                g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                      "No locker is on the bus of the session");
        else if (l->state == LOCK_ON) {
                /* Some call it locked when the screen is only dark. */
                desktop_ask(l->bus, locker, NULL, NULL);
                g_dbus_method_invocation_return_value(invocation, NULL);
        } else {
                if (!l->asked)
                        l->asked = g_cancellable_new();
                desktop_ask(l->bus, locker, l->asked, invocation);
        }
}
