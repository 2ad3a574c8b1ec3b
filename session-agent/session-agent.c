/* SPDX-License-Identifier: Apache-2.0 */
#include "session-agent.h"

#include "dbus-names.h"
#include "lock.h"
#include "logout.h"
#include "session-agent-bus.h"

#define ANSWER_MSEC 5000
/* The shortest time between two calls that tell of changes: a locker that flickers becomes a few calls. */
#define PACE_MSEC 250
/* After a refusal: this long, and twice as long after each further one. */
#define RETRY_FIRST_MSEC 1000
#define RETRY_LAST_MSEC (300 * 1000)

/* What the system agent is to know is told by tell(): what we can do by Register(), what is the case by Report().
 * One call at a time; whatever changes meanwhile is told after it, if it is still news then. */
struct SessionAgent {
        GDBusConnection *bus;
        char *session_id;
        Lock *lock;
        Logout *logout;
        OvirtSessionAgent *object;
        unsigned watch;

        /* The system agent that is there, and what it knows; all of this ends with it. */
        char *owner; /* its unique name */
        GCancellable *presence;
        GVariant *offer, *state; /* as told; NULL before */
        GVariant *telling;       /* on its way */
        unsigned pause;          /* until the next call */
        unsigned retry_msec;

        char *refusal; /* the last one, that it is logged once */
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

static GVariant *make_offer(const SessionAgent *a) {
        const char *desktop = g_getenv("XDG_CURRENT_DESKTOP");
        g_auto(GVariantDict) offer = G_VARIANT_DICT_INIT(NULL);

        g_variant_dict_insert(&offer, "version", "s", PROJECT_VERSION);
        if (desktop && g_utf8_validate(desktop, -1, NULL))
                g_variant_dict_insert(&offer, "desktop", "s", desktop);
        g_variant_dict_insert(&offer, "lock", "b", lock_state(a->lock) != LOCK_UNKNOWN);
        g_variant_dict_insert(&offer, "logout", "b", logout_possible(a->logout));
        return g_variant_ref_sink(g_variant_dict_end(&offer));
}

static GVariant *make_state(const SessionAgent *a) {
        g_auto(GVariantDict) state = G_VARIANT_DICT_INIT(NULL);

        if (lock_state(a->lock) != LOCK_UNKNOWN)
                g_variant_dict_insert(&state, "locked", "b", lock_state(a->lock) == LOCK_ON);
        return g_variant_ref_sink(g_variant_dict_end(&state));
}

/* The system agent knows nothing of us, or it cannot be relied on that it does: begin anew, later. */
static void refused(SessionAgent *a, const GError *error) {
        g_autofree char *name = g_dbus_error_get_remote_error(error);
        g_autofree char *refusal = g_strdup(name ?: error->message);

        if (g_strcmp0(refusal, a->refusal) != 0)
                g_message("The system agent refuses session %s: %s", a->session_id, error->message);
        g_free(a->refusal);
        a->refusal = g_steal_pointer(&refusal);
        g_clear_pointer(&a->offer, g_variant_unref);
        g_clear_pointer(&a->state, g_variant_unref);
        pause_telling(a, a->retry_msec);
        a->retry_msec = MIN(a->retry_msec * 2, RETRY_LAST_MSEC);
}

/* What every answer has in common: true if it is a good one. */
static bool answered(SessionAgent *a, const GError *error) {
        if (error) {
                g_clear_pointer(&a->telling, g_variant_unref);
                refused(a, error);
                return false;
        }
        return true;
}

static void on_registered(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer =
                g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        SessionAgent *a = userdata;
        bool first;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return; /* the system agent is gone, perhaps we are, too */
        if (!answered(a, error))
                return;
        first = !a->offer;
        g_clear_pointer(&a->offer, g_variant_unref);
        a->offer = g_steal_pointer(&a->telling);
        if (!first) {
                pause_telling(a, PACE_MSEC);
                return;
        }
        g_message("Registered session %s with the system agent", a->session_id);
        tell(a);
}

static void on_reported(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer =
                g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        SessionAgent *a = userdata;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        if (!answered(a, error))
                return;
        g_clear_pointer(&a->state, g_variant_unref);
        a->state = g_steal_pointer(&a->telling);
        /* Only now is everything told; a system agent that takes the one and refuses the other is no better than
         * one that refuses both. */
        g_clear_pointer(&a->refusal, g_free);
        a->retry_msec = RETRY_FIRST_MSEC;
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

        if (!a->owner || a->telling || a->pause > 0)
                return;
        offer = make_offer(a);
        state = make_state(a);
        if (!a->offer || !g_variant_equal(offer, a->offer)) {
                a->telling = g_steal_pointer(&offer);
                call(a, "Register", g_variant_new("(s@a{sv})", a->session_id, a->telling), "(o)",
                     on_registered);
        } else if (!a->state || !g_variant_equal(state, a->state)) {
                a->telling = g_steal_pointer(&state);
                call(a, "Report", g_variant_new("(@a{sv})", a->telling), "()", on_reported);
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
        g_clear_pointer(&a->offer, g_variant_unref);
        g_clear_pointer(&a->state, g_variant_unref);
        g_clear_pointer(&a->telling, g_variant_unref);
        g_clear_handle_id(&a->pause, g_source_remove);
        a->retry_msec = RETRY_FIRST_MSEC;
}

static void on_owner_uid(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer =
                g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);
        SessionAgent *a = userdata;
        uint32_t uid = UINT32_MAX;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        if (answer)
                g_variant_get(answer, "(u)", &uid);
        if (uid != 0) {
                g_message("%s is not root's, and thus no system agent", OVIRT_GUEST_AGENT_NAME);
                forget_system_agent(a);
                return;
        }
        tell(a);
}

static void on_name_appeared(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata) {
        SessionAgent *a = userdata;

        forget_system_agent(a);
        a->owner = g_strdup(owner);
        a->presence = g_cancellable_new();
        g_dbus_connection_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "GetConnectionUnixUser", g_variant_new("(s)", owner), G_VARIANT_TYPE("(u)"),
                               G_DBUS_CALL_FLAGS_NONE, ANSWER_MSEC, a->presence, on_owner_uid, a);
}

static void on_name_vanished(GDBusConnection *bus, const char *name, gpointer userdata) {
        g_debug("There is no system agent");
        forget_system_agent(userdata);
}
