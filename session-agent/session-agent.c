/* SPDX-License-Identifier: Apache-2.0 */
#include "session-agent.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dbus-names.h"
#include "display.h"
#include "effect.h"
#include "effects.h"
#include "layout-variant.h"
#include "lock.h"
#include "logout.h"
#include "session-agent-bus.h"

#define ANSWER_MSEC 5000
#define DESKTOP_MAX 64 /* bytes of its name */
/* The shortest time between two reports: a locker that flickers becomes a few calls. Also the time between
 * the appearance of the system agent and the first call, for lockers to answer meanwhile. */
#define PACE_MSEC 250
/* After a refusal: this long, and twice as long after each further one. */
#define RETRY_FIRST_MSEC 1000
#define RETRY_LAST_MSEC (300 * 1000)

/* What the system agent is to know is told by tell(): what we can do by Register(), what is the case by
 * Report(); what we can do changes as lockers come and go, which takes Unregister() before. One call at a
 * time; whatever changes meanwhile is told after it, if it is still news then. */
struct SessionAgent {
        GDBusConnection *bus;
        const Session *session;
        Desktop desktop;
        Lock *lock;
        Logout *logout;
        Effects *effects;
        Display *display;
        OvirtSessionAgent *object;
        unsigned watch, removals; /* subscriptions */

        /* The system agent that is there, and what it knows; all of this ends with it. */
        char *owner;  /* its unique name */
        bool trusted; /* it is root's */
        GCancellable *presence;
        char *registered;        /* the object of our session there; NULL while we are not registered */
        GVariant *offer, *state; /* as told, likewise */
        GVariant *telling;       /* on its way */
        bool unsure;             /* it may have us registered, or not */
        bool settled;            /* all has been told at least once */
        unsigned pause;          /* until the next call */
        unsigned retry_msec;

        char *refusal; /* the last one, so that it is logged once */
};

static void tell(SessionAgent *a);

static gboolean on_pause_end(gpointer userdata) {
        SessionAgent *a = userdata;

        a->pause = 0;
        tell(a);
        return G_SOURCE_REMOVE;
}

static void pause_telling(SessionAgent *a, unsigned msec) {
        a->pause = g_timeout_add(msec, on_pause_end, a);
}

static void add(GVariantBuilder *dictionary, const char *key, GVariant *value) {
        g_variant_builder_add(dictionary, "{sv}", key, value);
}

static void add_effects(GVariantBuilder *dictionary, const char *key, unsigned effects) {
        g_autofree const char **names = effects_to_names(effects);

        add(dictionary, key, g_variant_new_strv(names, -1));
}

static GVariant *make_offer(const SessionAgent *a) {
        const char *desktop = g_getenv("XDG_CURRENT_DESKTOP");
        g_auto(GVariantBuilder) offer = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

        add(&offer, "version", g_variant_new_string(PROJECT_VERSION));
        if (desktop && strlen(desktop) <= DESKTOP_MAX && g_utf8_validate(desktop, -1, NULL))
                add(&offer, "desktop", g_variant_new_string(desktop));
        add(&offer, "lock", g_variant_new_boolean(lock_state(a->lock) != LOCK_UNKNOWN));
        add(&offer, "logout", g_variant_new_boolean(logout_possible(a->logout)));
        add(&offer, "sign-on", g_variant_new_boolean(lock_signs_on(a->lock)));
        if (effects_offered(a->effects) > 0)
                add_effects(&offer, "effects", effects_offered(a->effects));
        if (display_backend(a->display))
                add(&offer, "display", g_variant_new_string(display_backend(a->display)));
        return g_variant_ref_sink(g_variant_builder_end(&offer));
}

static GVariant *make_state(const SessionAgent *a) {
        g_auto(GVariantBuilder) state = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        LockState lock = lock_state(a->lock);

        if (lock != LOCK_UNKNOWN)
                add(&state, "locked", g_variant_new_boolean(lock == LOCK_ON));
        if (effects_present(a->effects))
                add_effects(&state, "effects-off", effects_off(a->effects));
        if (display_layout(a->display))
                add(&state, "layout", layout_to_variant(display_layout(a->display)));
        return g_variant_ref_sink(g_variant_builder_end(&state));
}

/* What the system agent knows of us is not to be relied on: begin anew, later. */
static void begin_anew(SessionAgent *a) {
        g_clear_pointer(&a->registered, g_free);
        g_clear_pointer(&a->offer, g_variant_unref);
        g_clear_pointer(&a->state, g_variant_unref);
        g_clear_pointer(&a->telling, g_variant_unref);
        a->unsure = true;
        a->settled = false;
        g_clear_handle_id(&a->pause, g_source_remove);
        pause_telling(a, a->retry_msec);
        a->retry_msec = MIN(a->retry_msec * 2, RETRY_LAST_MSEC);
}

static void refused(SessionAgent *a, const GError *error) {
        g_autofree char *name = g_dbus_error_get_remote_error(error);
        g_autofree char *refusal = g_strdup(name ?: error->message);

        if (g_strcmp0(refusal, a->refusal) != 0)
                g_message("The system agent refuses session %s: %s", session_id(a->session), error->message);
        g_free(a->refusal);
        a->refusal = g_steal_pointer(&refusal);
        begin_anew(a);
}

/* The object of our session is gone, and our registration with it; should the session be there still, it has
 * another by and by. A call that is under way is answered with a refusal. */
static void on_object_removed(GDBusConnection *bus, const char *sender, const char *path,
                              const char *interface, const char *signal, GVariant *parameters,
                              gpointer userdata) {
        SessionAgent *a = userdata;
        const char *object;

        if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(oas)")) || a->telling)
                return;
        g_variant_get_child(parameters, 0, "&o", &object);
        if (g_strcmp0(object, a->registered) != 0)
                return;
        g_debug("The system agent has forgotten session %s", session_id(a->session));
        begin_anew(a);
}

/* The answer, if the system agent took what it was told; if not, that has been seen to. */
static GVariant *taken(SessionAgent *a, GObject *bus, GAsyncResult *result) {
        g_autoptr(GError) error = NULL;
        GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);

        /* Cancelled: the system agent is gone, and perhaps so are we. */
        if (!answer && !g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                refused(a, error);
        return answer;
}

/* If we were not registered, that is as good. */
static void on_unregistered(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        SessionAgent *a = userdata;

        if (answer)
                g_variant_unref(answer);
        else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        a->unsure = false;
        g_clear_pointer(&a->registered, g_free);
        g_clear_pointer(&a->telling, g_variant_unref);
        g_clear_pointer(&a->offer, g_variant_unref);
        g_clear_pointer(&a->state, g_variant_unref);
        tell(a);
}

static void on_registered(GObject *bus, GAsyncResult *result, gpointer userdata) {
        SessionAgent *a = userdata;
        g_autoptr(GVariant) answer = taken(a, bus, result);

        if (!answer)
                return;
        g_variant_get(answer, "(o)", &a->registered);
        a->offer = g_steal_pointer(&a->telling);
        a->state = g_variant_ref_sink(g_variant_new("a{sv}", NULL)); /* nothing yet */
        tell(a);
        if (!a->telling)
                pause_telling(a, PACE_MSEC);
}

static void on_reported(GObject *bus, GAsyncResult *result, gpointer userdata) {
        SessionAgent *a = userdata;
        g_autoptr(GVariant) answer = taken(a, bus, result);

        if (!answer)
                return;
        g_variant_unref(a->state);
        a->state = g_steal_pointer(&a->telling);
        pause_telling(a, PACE_MSEC);
}

static void call(SessionAgent *a, const char *method, GVariant *arguments, const char *answer_type,
                 GAsyncReadyCallback on_answer) {
        g_dbus_connection_call(a->bus, a->owner, OVIRT_GUEST_AGENT_PATH, OVIRT_GUEST_AGENT_MANAGER, method,
                               arguments, G_VARIANT_TYPE(answer_type), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                               ANSWER_MSEC, a->presence, on_answer, a);
}

static void tell(SessionAgent *a) {
        g_autoptr(GVariant) offer = NULL, state = NULL;

        if (!a->trusted || a->telling || a->pause > 0)
                return;
        offer = make_offer(a);
        state = make_state(a);
        if (a->unsure || (a->offer && !g_variant_equal(offer, a->offer))) {
                a->telling = g_steal_pointer(&offer);
                call(a, "Unregister", NULL, "()", on_unregistered);
        } else if (!a->offer) {
                a->telling = g_steal_pointer(&offer);
                call(a, "Register", g_variant_new("(s@a{sv})", session_id(a->session), a->telling), "(o)",
                     on_registered);
        } else if (!g_variant_equal(state, a->state)) {
                a->telling = g_steal_pointer(&state);
                call(a, "Report", g_variant_new("(@a{sv})", a->telling), "()", on_reported);
        } else if (!a->settled) {
                /* Only now: a system agent that takes the one and refuses the other has refused. */
                g_message("Registered session %s with the system agent", session_id(a->session));
                a->settled = true;
                g_clear_pointer(&a->refusal, g_free);
                a->retry_msec = RETRY_FIRST_MSEC;
        }
}

static void on_changed(void *userdata) {
        tell(userdata);
}

static void forget_system_agent(SessionAgent *a) {
        if (a->presence)
                g_cancellable_cancel(a->presence);
        g_clear_object(&a->presence);
        g_clear_pointer(&a->owner, g_free);
        a->trusted = a->unsure = a->settled = false;
        g_clear_pointer(&a->registered, g_free);
        if (a->removals > 0)
                g_dbus_connection_signal_unsubscribe(a->bus, a->removals);
        a->removals = 0;
        g_clear_pointer(&a->offer, g_variant_unref);
        g_clear_pointer(&a->state, g_variant_unref);
        g_clear_pointer(&a->telling, g_variant_unref);
        g_clear_handle_id(&a->pause, g_source_remove);
        a->retry_msec = RETRY_FIRST_MSEC;
}

static void on_owner_uid(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        SessionAgent *a = userdata;
        uint32_t uid = UINT32_MAX;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        if (answer)
                g_variant_get(answer, "(u)", &uid);
        a->trusted = uid == 0;
        if (!a->trusted)
                g_message("The owner of %s is not root, and thus no system agent", OVIRT_GUEST_AGENT_NAME);
        else
                pause_telling(a, PACE_MSEC);
}

static void on_name_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata) {
        SessionAgent *a = userdata;

        forget_system_agent(a);
        effects_host_gone(a->effects);
        a->owner = g_strdup(owner);
        a->presence = g_cancellable_new();
        a->removals = g_dbus_connection_signal_subscribe(
                bus, owner, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
                OVIRT_GUEST_AGENT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_object_removed, a, NULL);
        g_dbus_connection_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "GetConnectionUnixUser", g_variant_new("(s)", owner), G_VARIANT_TYPE("(u)"),
                               G_DBUS_CALL_FLAGS_NONE, ANSWER_MSEC, a->presence, on_owner_uid, a);
}

static void on_name_vanished(GDBusConnection *bus, const char *name, gpointer userdata) {
        SessionAgent *a = userdata;

        g_debug("There is no system agent");
        forget_system_agent(a);
        effects_host_gone(a->effects);
}

/* The policy of the bus lets only root call; among root's programs, only the system agent is answered. */
static bool is_system_agent(SessionAgent *a, GDBusMethodInvocation *invocation) {
        if (a->trusted && g_strcmp0(g_dbus_method_invocation_get_sender(invocation), a->owner) == 0)
                return true;
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                                              "Only the system agent may ask for this");
        return false;
}

static gboolean on_lock(OvirtSessionAgent *object, GDBusMethodInvocation *invocation, gpointer userdata) {
        SessionAgent *a = userdata;

        if (is_system_agent(a, invocation))
                lock_lock(a->lock, invocation);
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_logout(OvirtSessionAgent *object, GDBusMethodInvocation *invocation, gpointer userdata) {
        SessionAgent *a = userdata;

        if (is_system_agent(a, invocation))
                logout_logout(a->logout, invocation);
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_set_effects(OvirtSessionAgent *object, GDBusMethodInvocation *invocation,
                               const char *const *off, gpointer userdata) {
        SessionAgent *a = userdata;
        const char *bad;
        unsigned effects;

        if (!is_system_agent(a, invocation))
                return G_DBUS_METHOD_INVOCATION_HANDLED;
        if (!effects_from_names(off, &effects, &bad))
                g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS,
                                                      "\"%.40s\" is no effect", bad);
        else if (effects_offered(a->effects) == 0)
                g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                      "No effects can be toned down here");
        else {
                effects_set_wanted(a->effects, effects);
                ovirt_session_agent_complete_set_effects(object, invocation);
        }
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_set_console(OvirtSessionAgent *object, GDBusMethodInvocation *invocation,
                               gboolean connected, gpointer userdata) {
        SessionAgent *a = userdata;

        if (!is_system_agent(a, invocation))
                return G_DBUS_METHOD_INVOCATION_HANDLED;
        effects_set_console(a->effects, connected);
        ovirt_session_agent_complete_set_console(object, invocation);
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_get_layout(OvirtSessionAgent *object, GDBusMethodInvocation *invocation,
                              gpointer userdata) {
        SessionAgent *a = userdata;

        if (!is_system_agent(a, invocation))
                return G_DBUS_METHOD_INVOCATION_HANDLED;
        if (display_layout(a->display))
                ovirt_session_agent_complete_get_layout(object, invocation,
                                                        layout_to_variant(display_layout(a->display)));
        else
                g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                                      "Nothing here arranges the monitors");
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

static gboolean on_apply_layout(OvirtSessionAgent *object, GDBusMethodInvocation *invocation,
                                GVariant *layout, gboolean verify, gpointer userdata) {
        SessionAgent *a = userdata;

        if (is_system_agent(a, invocation))
                display_apply(a->display, layout, verify, invocation);
        return G_DBUS_METHOD_INVOCATION_HANDLED;
}

SessionAgent *session_agent_new(GDBusConnection *system_bus, GDBusConnection *session_bus,
                                const Session *session, const Config *config, GError **error) {
        SessionAgent *a = g_new0(SessionAgent, 1);

        a->bus = g_object_ref(system_bus);
        a->session = session;
        a->desktop = (Desktop){
                .session_bus = session_bus,
                .system_bus = system_bus,
                .session_path = session_path(session),
        };
        a->lock = lock_new(&a->desktop, on_changed, a);
        a->logout = logout_new(&a->desktop, on_changed, a);
        a->effects = effects_new(&a->desktop, config, on_changed, a);
        a->display = display_new(&a->desktop, config->monitors_follow, on_changed, a);
        a->object = ovirt_session_agent_skeleton_new();
        g_signal_connect(a->object, "handle-lock", G_CALLBACK(on_lock), a);
        g_signal_connect(a->object, "handle-logout", G_CALLBACK(on_logout), a);
        g_signal_connect(a->object, "handle-set-effects", G_CALLBACK(on_set_effects), a);
        g_signal_connect(a->object, "handle-set-console", G_CALLBACK(on_set_console), a);
        g_signal_connect(a->object, "handle-get-layout", G_CALLBACK(on_get_layout), a);
        g_signal_connect(a->object, "handle-apply-layout", G_CALLBACK(on_apply_layout), a);
        if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(a->object), system_bus,
                                              OVIRT_SESSION_AGENT_PATH, error))
                return session_agent_free(a);
        a->watch = g_bus_watch_name_on_connection(system_bus, OVIRT_GUEST_AGENT_NAME,
                                                  G_BUS_NAME_WATCHER_FLAGS_NONE, on_name_appeared,
                                                  on_name_vanished, a, NULL);
        return a;
}

SessionAgent *session_agent_free(SessionAgent *a) {
        if (!a)
                return NULL;
        if (a->watch > 0)
                g_bus_unwatch_name(a->watch);
        forget_system_agent(a);
        g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(a->object));
        g_object_unref(a->object);
        a->effects = effects_free(a->effects); /* while it waits, the rest is still there */
        display_free(a->display);
        logout_free(a->logout);
        lock_free(a->lock);
        g_object_unref(a->bus);
        g_free(a->refusal);
        g_free(a);
        return NULL;
}
