/* SPDX-License-Identifier: Apache-2.0 */
#include "logind.h"

#include <string.h>

#include "util/log.h"

#define LOGIN1 "org.freedesktop.login1"
#define LOGIN1_PATH "/org/freedesktop/login1"
#define LOGIN1_MANAGER "org.freedesktop.login1.Manager"
#define LOGIN1_SEAT "org.freedesktop.login1.Seat"
#define LOGIN1_SESSION "org.freedesktop.login1.Session"
#define SEAT0_PATH "/org/freedesktop/login1/seat/seat0"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* More sessions than a guest has; an answer beyond that is cut. */
#define SESSIONS_MAX 4096

typedef struct Session {
        Logind *logind;
        char *id, *path;
        /* As of the last answer; NULL before the first. */
        char *user, *class, *seat, *state;
        bool remote;
        sd_bus_slot *load_slot;
} Session;

struct Logind {
        void (*changed)(void *userdata);
        void *userdata;

        sd_bus *bus;
        GHashTable *sessions; /* by id */
        char *active;         /* id of seat0's active session, or NULL */
        unsigned pending;     /* answers that are still to come */
        bool known;
        char *current; /* id of the session that active_user comes from, or NULL */
        char *user;
        sd_bus_slot *slots[5]; /* matches and the calls for lists */
        sd_bus_slot *list_slot, *seat_slot;
};

static void session_free(void *p) {
        Session *s = p;

        if (s->load_slot) {
                sd_bus_slot_unref(s->load_slot);
                s->logind->pending--;
        }
        g_free(s->id);
        g_free(s->path);
        g_free(s->user);
        g_free(s->class);
        g_free(s->seat);
        g_free(s->state);
        g_free(s);
}

/* Later systemds have finer ones; "user-incomplete" is not yet one. */
static bool is_user_class(const char *class) {
        static const char *const classes[] = {"user", "user-early", "user-light", "user-early-light", NULL};

        return class && g_strv_contains(classes, class);
}

/* Whether somebody works, or worked, in @s at the seat. */
static bool session_counts(const Session *s) {
        return s && s->user && !s->remote && is_user_class(s->class) && g_strcmp0(s->seat, "seat0") == 0 &&
               g_strcmp0(s->state, "closing") != 0;
}

static const Session *get_session(const Logind *l, const char *id) {
        return id ? g_hash_table_lookup(l->sessions, id) : NULL;
}

/* The active session if it is a user's. While a login screen covers it, the one that was; after a restart
 * of ours, any: the host is told "nobody" only where nobody is. */
static const Session *choose(const Logind *l) {
        const Session *s = get_session(l, l->active);
        GHashTableIter i;
        void *value;

        if (session_counts(s))
                return s;
        s = get_session(l, l->current);
        if (session_counts(s))
                return s;
        g_hash_table_iter_init(&i, l->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value))
                if (session_counts(value))
                        return value;
        return NULL;
}

/* Draws the conclusion once all answers are there. */
static void update(Logind *l) {
        const Session *s;
        bool news;

        if (l->pending > 0)
                return;
        s = choose(l);
        news = !l->known || g_strcmp0(l->user, s ? s->user : NULL) != 0;
        l->known = true;
        g_free(l->current);
        l->current = s ? g_strdup(s->id) : NULL;
        g_free(l->user);
        l->user = s ? g_strdup(s->user) : NULL;
        if (news)
                l->changed(l->userdata);
}

/* An answer came, with an error or not. */
static void answered(Logind *l, sd_bus_slot **slot) {
        *slot = sd_bus_slot_unref(*slot);
        l->pending--;
}

static int read_string(sd_bus_message *m, char **field) {
        const char *s;
        int r = sd_bus_message_read(m, "v", "s", &s);

        if (r >= 0) {
                g_free(*field);
                *field = g_strdup(s);
        }
        return r;
}

/* Enters the array of properties, and reads those we care for. */
static int session_read(Session *s, sd_bus_message *m) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                if (g_str_equal(name, "Name"))
                        r = read_string(m, &s->user);
                else if (g_str_equal(name, "Class"))
                        r = read_string(m, &s->class);
                else if (g_str_equal(name, "State"))
                        r = read_string(m, &s->state);
                else if (g_str_equal(name, "Remote")) {
                        int remote = 0;

                        r = sd_bus_message_read(m, "v", "b", &remote);
                        s->remote = remote;
                } else if (g_str_equal(name, "Seat")) {
                        const char *id;

                        r = sd_bus_message_read(m, "v", "(so)", &id, NULL);
                        if (r >= 0) {
                                g_free(s->seat);
                                s->seat = g_strdup(id);
                        }
                } else
                        r = sd_bus_message_skip(m, "v");
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r;
}

static int on_session_loaded(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Session *s = userdata;
        Logind *l = s->logind;
        int r;

        answered(l, &s->load_slot);
        r = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m) : session_read(s, m);
        if (r < 0) {
                log_debug("Session %s: %s", s->id, g_strerror(-r));
                g_hash_table_remove(l->sessions, s->id);
        }
        update(l);
        return 0;
}

static void session_load(Session *s) {
        Logind *l = s->logind;
        int r;

        if (s->load_slot)
                answered(l, &s->load_slot); /* superseded */
        r = sd_bus_call_method_async(l->bus, &s->load_slot, LOGIN1, s->path, PROPERTIES, "GetAll",
                                     on_session_loaded, s, "s", LOGIN1_SESSION);
        if (r >= 0)
                l->pending++;
        else
                log_warning_errno(r, "Cannot ask the login manager for session %s: %m", s->id);
}

static void add_session(Logind *l, const char *id, const char *path) {
        Session *s = g_hash_table_lookup(l->sessions, id);

        if (!s) {
                if (g_hash_table_size(l->sessions) >= SESSIONS_MAX)
                        return;
                s = g_new0(Session, 1);
                s->logind = l;
                s->id = g_strdup(id);
                s->path = g_strdup(path);
                g_hash_table_insert(l->sessions, s->id, s);
        }
        session_load(s);
}

static int on_sessions_listed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;
        int r;

        answered(l, &l->list_slot);
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("Cannot list sessions: %s", sd_bus_message_get_error(m)->message);
        else {
                r = sd_bus_message_enter_container(m, 'a', "(susso)");
                while (r >= 0 && (r = sd_bus_message_read(m, "(susso)", &id, NULL, NULL, NULL, &path)) > 0)
                        add_session(l, id, path);
        }
        update(l);
        return 0;
}

/* Reads "(so)" in a variant: the id is empty where there is no session. */
static int on_seat_loaded(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *id = "";

        answered(l, &l->seat_slot);
        /* A guest without a graphics card has no seat0. */
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "(so)", &id, NULL) < 0)
                id = "";
        g_free(l->active);
        l->active = id[0] ? g_strdup(id) : NULL;
        update(l);
        return 0;
}

static void load_seat(Logind *l) {
        int r;

        if (l->seat_slot)
                answered(l, &l->seat_slot);
        r = sd_bus_call_method_async(l->bus, &l->seat_slot, LOGIN1, SEAT0_PATH, PROPERTIES, "Get",
                                     on_seat_loaded, l, "ss", LOGIN1_SEAT, "ActiveSession");
        if (r >= 0)
                l->pending++;
        else
                log_warning_errno(r, "Cannot ask the login manager for the seat: %m");
}

/* A session that ends is "closing" until its last process is gone, and nothing announces that: when the seat
 * changes hands, look at all of them. */
static int on_seat_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        GHashTableIter i;
        void *value;

        load_seat(l);
        g_hash_table_iter_init(&i, l->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value))
                session_load(value);
        return 0;
}

static int on_session_new(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;

        if (sd_bus_message_read(m, "so", &id, &path) >= 0)
                add_session(l, id, path);
        return 0;
}

static int on_session_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *id;

        if (sd_bus_message_read(m, "so", &id, NULL) >= 0) {
                g_hash_table_remove(l->sessions, id);
                update(l);
        }
        return 0;
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *path = sd_bus_message_get_path(m);
        Logind *l = userdata;
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, l->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value)) {
                Session *s = value;

                if (g_str_equal(s->path, path))
                        session_load(s);
        }
        return 0;
}

static int load_all(Logind *l) {
        int r;

        g_hash_table_remove_all(l->sessions);
        if (l->list_slot)
                answered(l, &l->list_slot);
        r = sd_bus_call_method_async(l->bus, &l->list_slot, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
                                     "ListSessions", on_sessions_listed, l, NULL);
        if (r < 0)
                return r;
        l->pending++;
        load_seat(l);
        return 0;
}

/* The login manager has been restarted, or stopped. */
static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && owner[0] != 0)
                (void) load_all(l);
        return 0;
}

Logind *logind_new(void (*changed)(void *userdata), void *userdata) {
        Logind *l = g_new0(Logind, 1);

        l->changed = changed;
        l->userdata = userdata;
        l->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, session_free);
        return l;
}

/* Lets go of the bus, without a conclusion. */
static void detach(Logind *l) {
        g_hash_table_remove_all(l->sessions);
        for (size_t i = 0; i < G_N_ELEMENTS(l->slots); i++)
                l->slots[i] = sd_bus_slot_unref(l->slots[i]);
        l->list_slot = sd_bus_slot_unref(l->list_slot);
        l->seat_slot = sd_bus_slot_unref(l->seat_slot);
        l->pending = 0;
        g_clear_pointer(&l->active, g_free);
        l->bus = sd_bus_unref(l->bus);
}

Logind *logind_free(Logind *l) {
        if (!l)
                return NULL;
        detach(l);
        g_hash_table_unref(l->sessions);
        g_free(l->current);
        g_free(l->user);
        g_free(l);
        return NULL;
}

int logind_attach(Logind *l, sd_bus *bus) {
        static const struct {
                const char *match;
                sd_bus_message_handler_t handler;
        } matches[] = {
                {"type='signal',sender='" LOGIN1 "',path='" SEAT0_PATH "',interface='" PROPERTIES
                 "',member='PropertiesChanged'",
                 on_seat_changed},
                {"type='signal',sender='" LOGIN1 "',path='" LOGIN1_PATH "',interface='" LOGIN1_MANAGER
                 "',member='SessionNew'",
                 on_session_new},
                {"type='signal',sender='" LOGIN1 "',path='" LOGIN1_PATH "',interface='" LOGIN1_MANAGER
                 "',member='SessionRemoved'",
                 on_session_removed},
                {"type='signal',sender='" LOGIN1 "',path_namespace='" LOGIN1_PATH
                 "/session',interface='" PROPERTIES "',member='PropertiesChanged',arg0='" LOGIN1_SESSION "'",
                 on_session_changed},
                {"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" LOGIN1 "'",
                 on_owner_changed},
        };
        int r;

        G_STATIC_ASSERT(G_N_ELEMENTS(matches) == G_N_ELEMENTS(((Logind *) NULL)->slots));
        detach(l);
        l->bus = sd_bus_ref(bus);
        for (size_t i = 0; i < G_N_ELEMENTS(matches); i++) {
                r = sd_bus_add_match_async(bus, &l->slots[i], matches[i].match, matches[i].handler, NULL, l);
                if (r < 0)
                        return r;
        }
        return load_all(l);
}

void logind_detach(Logind *l) {
        detach(l);
        if (!l->known)
                update(l);
}

bool logind_is_known(const Logind *l) {
        return l->known;
}

const char *logind_active_user(const Logind *l) {
        return l->user;
}
