/* SPDX-License-Identifier: Apache-2.0 */
#include <gio/gio.h>
#include <stdbool.h>

#include "display-ops.h"
#include "mutter-state.h"

#define NAME "org.gnome.Mutter.DisplayConfig"
#define PATH "/org/gnome/Mutter/DisplayConfig"
/* Less than the system agent waits. */
#define ANSWER_MSEC 2000
/* How often a request begins anew, since the monitors changed meanwhile. */
#define TRIES 3

/* The method of ApplyMonitorsConfig. What is applied temporarily is neither written down for later sessions,
 * nor does the shell ask whether to keep it. */
enum {
        METHOD_VERIFY = 0,
        METHOD_TEMPORARY = 1,
};

typedef struct Mutter {
        const Desktop *desktop;
        const DisplayEvents *events;
        DesktopName *name;
        char *owner;
        GCancellable *presence; /* of the owner; for every call to it */
        unsigned subscription;
        bool reading, stale; /* a read is under way; and has to be done again */
        MutterState *state;  /* NULL while there is none */
        Layout layout;

        /* The request, while there is one. */
        DisplayDone done;
        void *userdata;
        Layout wanted, result;
        bool verify;
        unsigned tries;
        GVariant *config;
} Mutter;

static void fetch(Mutter *m);
static void attempt(Mutter *m);

static void call(Mutter *m, const char *method, GVariant *arguments, const char *type,
                 GAsyncReadyCallback on_answer) {
        g_dbus_connection_call(m->desktop->session_bus, m->owner, PATH, NAME, method, arguments,
                               G_VARIANT_TYPE(type), G_DBUS_CALL_FLAGS_NO_AUTO_START, ANSWER_MSEC,
                               m->presence, on_answer, m);
}

/* The answer, or NULL: with an error, or without one when all of this is over. */
static GVariant *take(GObject *bus, GAsyncResult *result, GError **error) {
        GVariant *answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, error);

        if (!answer)
                g_dbus_error_strip_remote_error(*error);
        return answer;
}

static void finish(Mutter *m, const char *reason) {
        DisplayDone done = m->done;

        m->done = NULL;
        g_clear_pointer(&m->config, g_variant_unref);
        done(reason ? NULL : &m->result, reason, m->userdata);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static void on_state(GObject *bus, GAsyncResult *result, gpointer userdata) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = take(bus, result, &error);
        Mutter *m = userdata;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return; /* all of it may be gone */
        m->reading = false;
        if (answer) {
                mutter_state_free(m->state);
                m->state = mutter_state_new(answer);
                mutter_state_layout(m->state, &m->layout);
                m->events->changed(m->events->userdata);
        } else
                g_debug("Mutter does not tell its monitors: %s", error->message);
        if (m->stale)
                fetch(m);
        else if (m->done && m->tries > 0 && !m->config)
                attempt(m);
}

static void fetch(Mutter *m) {
        m->stale = m->reading;
        if (m->reading)
                return;
        m->reading = true;
        call(m, "GetCurrentState", NULL, MUTTER_STATE_TYPE, on_state);
}

static void on_monitors_changed(GDBusConnection *bus, const char *sender, const char *path,
                                const char *interface, const char *signal, GVariant *parameters,
                                gpointer userdata) {
        fetch(userdata);
}

/* --- applying ----------------------------------------------------------------------------------------- */

static void apply_by(Mutter *m, uint32_t method, GAsyncReadyCallback on_answer) {
        g_autoptr(GVariant) monitors = g_variant_get_child_value(m->config, 0);
        g_autoptr(GVariant) properties = g_variant_get_child_value(m->config, 1);

        call(m, "ApplyMonitorsConfig",
             g_variant_new("(uu@a(iiduba(ssa{sv}))@a{sv})", m->state->serial, method, monitors, properties),
             "()", on_answer);
}

/* Whether it went well; otherwise that has been seen to. */
static bool went_well(Mutter *m, GObject *bus, GAsyncResult *result) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) answer = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, &error);

        if (answer)
                return true;
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return false;
        if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED) && m->tries < TRIES) {
                /* The serial is of monitors that are no more. */
                g_clear_pointer(&m->config, g_variant_unref);
                fetch(m);
                return false;
        }
        g_dbus_error_strip_remote_error(error);
        finish(m, error->message);
        return false;
}

static void on_applied(GObject *bus, GAsyncResult *result, gpointer userdata) {
        Mutter *m = userdata;

        if (went_well(m, bus, result))
                finish(m, NULL);
}

static void on_verified(GObject *bus, GAsyncResult *result, gpointer userdata) {
        Mutter *m = userdata;

        if (!went_well(m, bus, result))
                return;
        if (m->verify)
                finish(m, NULL);
        else
                apply_by(m, METHOD_TEMPORARY, on_applied);
}

static void attempt(Mutter *m) {
        g_autofree char *reason = mutter_state_plan(m->state, &m->wanted, &m->config, &m->result);

        m->tries++;
        if (reason)
                finish(m, reason);
        else
                apply_by(m, METHOD_VERIFY, on_verified);
}

static void mutter_apply(void *self, const Layout *wanted, bool verify, DisplayDone done, void *userdata) {
        Mutter *m = self;

        m->wanted = *wanted;
        m->verify = verify;
        m->done = done;
        m->userdata = userdata;
        m->tries = 0;
        attempt(m);
}

/* --- coming and going --------------------------------------------------------------------------------- */

static void forget(Mutter *m) {
        g_cancellable_cancel(m->presence);
        g_clear_object(&m->presence);
        if (m->subscription > 0)
                g_dbus_connection_signal_unsubscribe(m->desktop->session_bus, m->subscription);
        m->subscription = 0;
        g_clear_pointer(&m->owner, g_free);
        m->state = mutter_state_free(m->state);
        m->reading = m->stale = false;
}

static void on_owner_changed(const char *owner, void *userdata) {
        Mutter *m = userdata;
        bool had = m->state;

        forget(m);
        if (m->done)
                finish(m, "The display server is gone");
        if (had)
                m->events->changed(m->events->userdata);
        if (!owner)
                return;
        m->owner = g_strdup(owner);
        m->presence = g_cancellable_new();
        m->subscription = g_dbus_connection_signal_subscribe(
                m->desktop->session_bus, owner, NAME, "MonitorsChanged", PATH, NULL,
                G_DBUS_SIGNAL_FLAGS_NONE, on_monitors_changed, m, NULL);
        fetch(m);
}

static void *mutter_new(const Desktop *desktop, const DisplayEvents *events) {
        Mutter *m = g_new0(Mutter, 1);

        m->desktop = desktop;
        m->events = events;
        m->name = desktop_name_new(desktop, NAME, on_owner_changed, m);
        return m;
}

static void mutter_free(void *self) {
        Mutter *m = self;

        desktop_name_free(m->name);
        forget(m);
        g_clear_pointer(&m->config, g_variant_unref);
        g_free(m);
}

static const Layout *mutter_layout(void *self) {
        const Mutter *m = self;

        return m->state ? &m->layout : NULL;
}

const DisplayOps display_mutter = {
        .name = "mutter",
        .new = mutter_new,
        .free = mutter_free,
        .layout = mutter_layout,
        .apply = mutter_apply,
};
