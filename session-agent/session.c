/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOGIN1 "org.freedesktop.login1"
#define LOGIN1_PATH "/org/freedesktop/login1"
#define LOGIN1_MANAGER "org.freedesktop.login1.Manager"
#define LOGIN1_SESSION "org.freedesktop.login1.Session"

#define ANSWER_MSEC 10000
#define ID_MAX 64

struct Session {
        GDBusConnection *bus;
        void (*ended)(void *userdata);
        void *userdata;
        char *id, *path;
        unsigned removed; /* subscription to the signal SessionRemoved */
        int leader;       /* pidfd */
        unsigned leader_exit;
};

/* The id becomes part of a bus name, too. */
static bool is_session_id(const char *id) {
        size_t n = strlen(id);

        return n > 0 && n <= ID_MAX &&
               strspn(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == n;
}

static void on_session_removed(GDBusConnection *bus, const char *sender, const char *path,
                               const char *interface, const char *signal, GVariant *parameters,
                               gpointer userdata) {
        Session *s = userdata;
        const char *id;

        if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(so)")))
                return;
        g_variant_get(parameters, "(&s&o)", &id, NULL);
        if (g_strcmp0(id, s->id) == 0)
                s->ended(s->userdata);
}

static gboolean on_leader_exit(int fd, GIOCondition condition, gpointer userdata) {
        Session *s = userdata;

        s->leader_exit = 0;
        s->ended(s->userdata);
        return G_SOURCE_REMOVE;
}

/* The session's leader is the process of the login program that opened it. When it is gone, the session is
 * over, but may stay for as long as any process is left in it: waiting for SessionRemoved, we would be that
 * process. False if it is gone. */
static bool watch_leader(Session *s, uint32_t pid) {
        s->leader = syscall(SYS_pidfd_open, (pid_t) pid, 0);
        if (s->leader < 0)
                return errno != ESRCH; /* a kernel without pidfds: the bus tells the rest */
        s->leader_exit = g_unix_fd_add(s->leader, G_IO_IN, on_leader_exit, s);
        return true;
}

/* Takes the session called @name, if it is a living one of this user. */
static bool take_session(Session *s, const char *name, GError **error) {
        g_autoptr(GVariant) object = NULL, answer = NULL, properties = NULL;
        const char *path, *id, *state;
        uint32_t uid, leader = 0;

        object = g_dbus_connection_call_sync(s->bus, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER, "GetSession",
                                             g_variant_new("(s)", name), G_VARIANT_TYPE("(o)"),
                                             G_DBUS_CALL_FLAGS_NONE, ANSWER_MSEC, NULL, error);
        if (!object)
                return false;
        g_variant_get(object, "(&o)", &path);
        answer = g_dbus_connection_call_sync(s->bus, LOGIN1, path, "org.freedesktop.DBus.Properties",
                                             "GetAll", g_variant_new("(s)", LOGIN1_SESSION),
                                             G_VARIANT_TYPE("(a{sv})"), G_DBUS_CALL_FLAGS_NONE, ANSWER_MSEC,
                                             NULL, error);
        if (!answer)
                return false;
        properties = g_variant_get_child_value(answer, 0);
        if (!g_variant_lookup(properties, "Id", "&s", &id) || !is_session_id(id) ||
            !g_variant_lookup(properties, "User", "(uo)", &uid, NULL) ||
            !g_variant_lookup(properties, "State", "&s", &state)) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                            "The login manager's description of session \"%s\" makes no sense", name);
                return false;
        }
        (void) g_variant_lookup(properties, "Leader", "u", &leader);
        if (uid != getuid() || g_str_equal(state, "closing") || (leader > 0 && !watch_leader(s, leader))) {
                g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                            "Session %s is somebody else's, or is being closed", id);
                return false;
        }
        s->id = g_strdup(id);
        s->path = g_strdup(path);
        return true;
}

Session *session_new(GDBusConnection *bus, void (*ended)(void *userdata), void *userdata, GError **error) {
        Session *s = g_new0(Session, 1);
        const char *id = g_getenv("XDG_SESSION_ID");

        s->bus = g_object_ref(bus);
        s->leader = -EBADF;
        s->ended = ended;
        s->userdata = userdata;
        /* Before the questions, so that the end of the session is missed in no case. */
        s->removed = g_dbus_connection_signal_subscribe(bus, LOGIN1, LOGIN1_MANAGER, "SessionRemoved",
                                                        LOGIN1_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                                                        on_session_removed, s, NULL);
        /* Services of the user's service manager are part of no session, and what they find in their
         * environment may be left from another one. "auto" is the caller's session, or the one that its user
         * looks at. */
        if (id && is_session_id(id)) {
                g_autoptr(GError) stale = NULL;

                if (take_session(s, id, &stale))
                        return s;
                g_debug("XDG_SESSION_ID=%s: %s", id, stale->message);
        }
        if (take_session(s, "auto", error))
                return s;
        session_free(s);
        return NULL;
}

Session *session_free(Session *s) {
        if (!s)
                return NULL;
        g_dbus_connection_signal_unsubscribe(s->bus, s->removed);
        if (s->leader_exit > 0)
                g_source_remove(s->leader_exit);
        if (s->leader >= 0)
                (void) close(s->leader);
        g_object_unref(s->bus);
        g_free(s->id);
        g_free(s->path);
        g_free(s);
        return NULL;
}

const char *session_id(const Session *s) {
        return s->id;
}

const char *session_path(const Session *s) {
        return s->path;
}
