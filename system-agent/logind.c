/* SPDX-License-Identifier: Apache-2.0 */
#include "logind.h"

#include <string.h>
#include <systemd/sd-event.h>
#include <systemd/sd-login.h>

#include "util/log.h"

#define LOGIN1 "org.freedesktop.login1"
#define LOGIN1_PATH "/org/freedesktop/login1"
#define LOGIN1_MANAGER "org.freedesktop.login1.Manager"
#define LOGIN1_SEAT "org.freedesktop.login1.Seat"
#define LOGIN1_SESSION "org.freedesktop.login1.Session"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* What users are shown of the host's message. */
#define MESSAGE_MAX 1024

/* A session or a seat at the login manager. */
typedef struct Object {
        Logind *logind;
        char *id, *path;
        bool found;        /* listed, and not announced as new */
        sd_bus_slot *slot; /* of the question under way, or NULL */
} Object;

struct Logind {
        SessionRegistry *registry;
        sd_bus *bus;
        GHashTable *sessions, *seats; /* Object, by id */
        unsigned pending;             /* answers that are still to come */
        bool known;
        sd_bus_slot *match_slots[6], *sessions_slot, *seats_slot;
        sd_login_monitor *files;
        sd_event_source *files_source;
};

/* --- the questions ------------------------------------------------------------------------------------ */

/* An answer came, with an error or not, or is no longer wanted. */
static void answered(Logind *l, sd_bus_slot **slot) {
        if (!*slot)
                return;
        *slot = sd_bus_slot_unref(*slot);
        l->pending--;
}

static void object_free(void *p) {
        Object *o = p;

        answered(o->logind, &o->slot);
        g_free(o->id);
        g_free(o->path);
        g_free(o);
}

/* Draws the conclusion once all answers are there. */
static void conclude(Logind *l) {
        if (l->pending > 0)
                return;
        l->known = true;
        session_registry_commit(l->registry);
}

/* Reads the value of the property called @name, if we care for it. */
static int read_property(sd_bus_message *m, const char *name, SessionFacts *f) {
        int r, b = 0;

        if (g_str_equal(name, "Name"))
                return sd_bus_message_read(m, "v", "s", &f->user);
        if (g_str_equal(name, "Class"))
                return sd_bus_message_read(m, "v", "s", &f->class);
        if (g_str_equal(name, "State"))
                return sd_bus_message_read(m, "v", "s", &f->state);
        if (g_str_equal(name, "Type"))
                return sd_bus_message_read(m, "v", "s", &f->type);
        if (g_str_equal(name, "Seat"))
                return sd_bus_message_read(m, "v", "(so)", &f->seat, NULL);
        if (g_str_equal(name, "User"))
                return sd_bus_message_read(m, "v", "(uo)", &f->uid, NULL);
        if (g_str_equal(name, "Remote")) {
                r = sd_bus_message_read(m, "v", "b", &b);
                f->remote = b;
                return r;
        }
        if (g_str_equal(name, "LockedHint")) {
                r = sd_bus_message_read(m, "v", "b", &b);
                f->locked_hint = b;
                return r;
        }
        return sd_bus_message_skip(m, "v");
}

/* Reads an array of properties. The strings of *ret are the message's. */
static int read_properties(sd_bus_message *m, SessionFacts *ret) {
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                if ((r = sd_bus_message_read(m, "s", &name)) < 0 || (r = read_property(m, name, ret)) < 0 ||
                    (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r;
}

/* Without a name or an owner it is no session. */
static bool facts_are_complete(const SessionFacts *f) {
        return f->user[0] != 0 && f->uid != UINT32_MAX && f->class[0] != 0;
}

/* The bus answers in the place of a login manager that is not there, or takes too long: that says nothing of
 * a session. */
static bool is_its_word(sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        return sender && sender[0] == ':';
}

static int on_session_loaded(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Object *o = userdata;
        Logind *l = o->logind;
        SessionFacts facts = {
                .id = o->id,
                .path = o->path,
                .user = "",
                .uid = UINT32_MAX,
                .seat = "",
                .type = "",
                .class = "",
                .state = "",
                .found = o->found,
        };
        int r;

        answered(l, &o->slot);
        r = sd_bus_message_is_method_error(m, NULL) ? -sd_bus_message_get_errno(m)
                                                    : read_properties(m, &facts);
        if (r >= 0 && facts_are_complete(&facts))
                session_registry_update(l->registry, &facts);
        else if (is_its_word(m)) {
                log_debug("Session %s: %s", o->id, r < 0 ? g_strerror(-r) : "incomplete");
                session_registry_remove(l->registry, o->id);
                g_hash_table_remove(l->sessions, o->id);
        }
        conclude(l);
        return 0;
}

/* The id is empty where nothing is active. */
static int on_seat_loaded(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Object *o = userdata;
        Logind *l = o->logind;
        const char *id = "";

        answered(l, &o->slot);
        if (is_its_word(m)) {
                if (sd_bus_message_is_method_error(m, NULL) ||
                    sd_bus_message_read(m, "v", "(so)", &id, NULL) < 0)
                        id = "";
                session_registry_set_active(l->registry, o->id, id[0] ? id : NULL);
        }
        conclude(l);
        return 0;
}

/* Asks for the object's properties; a question under way is superseded. */
static void object_load(Object *o) {
        Logind *l = o->logind;
        int r;

        answered(l, &o->slot);
        if (g_hash_table_lookup(l->seats, o->id) == o)
                r = sd_bus_call_method_async(l->bus, &o->slot, LOGIN1, o->path, PROPERTIES, "Get",
                                             on_seat_loaded, o, "ss", LOGIN1_SEAT, "ActiveSession");
        else
                r = sd_bus_call_method_async(l->bus, &o->slot, LOGIN1, o->path, PROPERTIES, "GetAll",
                                             on_session_loaded, o, "s", LOGIN1_SESSION);
        if (r >= 0)
                l->pending++;
        else
                log_warning_errno(r, "Cannot ask the login manager for %s: %m", o->id);
}

static void add_object(Logind *l, GHashTable *table, const char *id, const char *path, bool found) {
        Object *o = g_hash_table_lookup(table, id);

        if (!o) {
                if (g_hash_table_size(table) >= SESSIONS_MAX)
                        return;
                o = g_new0(Object, 1);
                o->logind = l;
                o->id = g_strdup(id);
                o->path = g_strdup(path);
                o->found = found;
                g_hash_table_insert(table, o->id, o);
        }
        object_load(o);
}

/* Loads the object at @path, or all. */
static void load(GHashTable *table, const char *path) {
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, table);
        while (g_hash_table_iter_next(&i, NULL, &value)) {
                Object *o = value;

                if (!path || g_str_equal(o->path, path))
                        object_load(o);
        }
}

static int on_sessions_listed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;
        int r;

        answered(l, &l->sessions_slot);
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("Cannot list sessions: %s", sd_bus_message_get_error(m)->message);
        else {
                r = sd_bus_message_enter_container(m, 'a', "(susso)");
                while (r >= 0 && (r = sd_bus_message_read(m, "(susso)", &id, NULL, NULL, NULL, &path)) > 0)
                        add_object(l, l->sessions, id, path, true);
        }
        conclude(l);
        return 0;
}

/* A guest without a graphics card has no seat. */
static int on_seats_listed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;
        int r;

        answered(l, &l->seats_slot);
        if (!sd_bus_message_is_method_error(m, NULL)) {
                r = sd_bus_message_enter_container(m, 'a', "(so)");
                while (r >= 0 && (r = sd_bus_message_read(m, "(so)", &id, &path)) > 0)
                        add_object(l, l->seats, id, path, true);
        }
        conclude(l);
        return 0;
}

/* --- the signals -------------------------------------------------------------------------------------- */

/* A session that ends is "closing" until its last process is gone, and no signal announces that: when a seat
 * changes hands, look at all of them. */
static int on_seat_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;

        load(l->seats, sd_bus_message_get_path(m));
        load(l->sessions, NULL);
        return 0;
}

static int on_session_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;

        load(l->sessions, sd_bus_message_get_path(m));
        return 0;
}

static int on_seat_new(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;

        if (sd_bus_message_read(m, "so", &id, &path) >= 0)
                add_object(l, l->seats, id, path, false);
        return 0;
}

static int on_session_new(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id, *path;
        Logind *l = userdata;

        if (sd_bus_message_read(m, "so", &id, &path) >= 0)
                add_object(l, l->sessions, id, path, false);
        return 0;
}

static int on_session_removed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *id;

        if (sd_bus_message_read(m, "so", &id, NULL) >= 0) {
                session_registry_remove(l->registry, id);
                g_hash_table_remove(l->sessions, id);
                conclude(l);
        }
        return 0;
}

/* The seat need not change hands: that of a session whose login program has died stays as it is. What the
 * login manager writes for sd-login then tells that there is something to be asked. */
static int on_files_changed(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Logind *l = userdata;
        GHashTableIter i;
        void *value;

        (void) sd_login_monitor_flush(l->files);
        g_hash_table_iter_init(&i, l->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value)) {
                Object *o = value;
                const Session *s = session_registry_get(l->registry, o->id);
                _cleanup_free_ char *state = NULL;

                if (sd_session_get_state(o->id, &state) >= 0 && (!s || !g_str_equal(state, s->state)))
                        object_load(o);
        }
        return 0;
}

/* The directory is there once the login manager has been. */
static void watch_files(Logind *l) {
        int r;

        if (l->files)
                return;
        r = sd_login_monitor_new("session", &l->files);
        if (r >= 0)
                r = sd_event_add_io(sd_bus_get_event(l->bus), &l->files_source,
                                    sd_login_monitor_get_fd(l->files),
                                    (uint32_t) sd_login_monitor_get_events(l->files), on_files_changed, l);
        if (r < 0) {
                if (r != -ENOENT)
                        log_warning_errno(r, "Cannot watch the login manager's files: %m");
                l->files = sd_login_monitor_unref(l->files);
        }
}

/* Asks for everything anew, what the registry has from before included: it may be gone. */
static int load_all(Logind *l) {
        g_autoptr(GPtrArray) before = session_registry_list(l->registry);
        int r;

        g_hash_table_remove_all(l->sessions);
        g_hash_table_remove_all(l->seats);
        answered(l, &l->sessions_slot);
        answered(l, &l->seats_slot);
        watch_files(l);
        for (guint i = 0; i < before->len; i++) {
                const Session *s = before->pdata[i];

                add_object(l, l->sessions, s->id, s->path, true);
        }
        r = sd_bus_call_method_async(l->bus, &l->sessions_slot, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
                                     "ListSessions", on_sessions_listed, l, NULL);
        if (r < 0)
                return r;
        l->pending++;
        r = sd_bus_call_method_async(l->bus, &l->seats_slot, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER,
                                     "ListSeats", on_seats_listed, l, NULL);
        if (r < 0)
                return r;
        l->pending++;
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

/* ------------------------------------------------------------------------------------------------------ */

Logind *logind_new(SessionRegistry *registry) {
        Logind *l = g_new0(Logind, 1);

        l->registry = registry;
        l->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, object_free);
        l->seats = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, object_free);
        return l;
}

/* Lets go of the bus, without a conclusion. */
static void detach(Logind *l) {
        g_hash_table_remove_all(l->sessions);
        g_hash_table_remove_all(l->seats);
        for (size_t i = 0; i < G_N_ELEMENTS(l->match_slots); i++)
                l->match_slots[i] = sd_bus_slot_unref(l->match_slots[i]);
        answered(l, &l->sessions_slot);
        answered(l, &l->seats_slot);
        l->files_source = sd_event_source_disable_unref(l->files_source);
        l->files = sd_login_monitor_unref(l->files);
        l->bus = sd_bus_unref(l->bus);
}

Logind *logind_free(Logind *l) {
        if (!l)
                return NULL;
        detach(l);
        g_hash_table_unref(l->sessions);
        g_hash_table_unref(l->seats);
        g_free(l);
        return NULL;
}

#define MATCH(path, interface, member)                                                                      \
        "type='signal',sender='" LOGIN1 "'," path ",interface='" interface "',member='" member "'"

int logind_attach(Logind *l, sd_bus *bus) {
        static const struct {
                const char *match;
                sd_bus_message_handler_t handler;
        } matches[] = {
                {MATCH("path_namespace='" LOGIN1_PATH "/seat'", PROPERTIES, "PropertiesChanged"),
                 on_seat_changed},
                {MATCH("path_namespace='" LOGIN1_PATH "/session'", PROPERTIES, "PropertiesChanged"),
                 on_session_changed},
                {MATCH("path='" LOGIN1_PATH "'", LOGIN1_MANAGER, "SessionNew"), on_session_new},
                {MATCH("path='" LOGIN1_PATH "'", LOGIN1_MANAGER, "SessionRemoved"), on_session_removed},
                {MATCH("path='" LOGIN1_PATH "'", LOGIN1_MANAGER, "SeatNew"), on_seat_new},
                {"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" LOGIN1 "'",
                 on_owner_changed},
        };
        int r;

        G_STATIC_ASSERT(G_N_ELEMENTS(matches) == G_N_ELEMENTS(((Logind *) NULL)->match_slots));
        detach(l);
        l->bus = sd_bus_ref(bus);
        for (size_t i = 0; i < G_N_ELEMENTS(matches); i++) {
                r = sd_bus_add_match_async(bus, &l->match_slots[i], matches[i].match, matches[i].handler,
                                           NULL, l);
                if (r < 0)
                        return r;
        }
        return load_all(l);
}

void logind_detach(Logind *l) {
        detach(l);
        if (!l->known)
                conclude(l);
}

bool logind_is_known(const Logind *l) {
        return l->known;
}

bool logind_is_reachable(const Logind *l) {
        return l->bus && sd_bus_is_ready(l->bus) > 0;
}

bool logind_is_current(const Logind *l) {
        return logind_is_reachable(l) && l->pending == 0;
}

/* --- what it carries out ------------------------------------------------------------------------------ */

/* @userdata: what was asked for, a constant. */
static int on_done(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(m, NULL))
                log_warning("The login manager refuses to %s: %s", (const char *) userdata,
                            sd_bus_message_get_error(m)->message);
        return 0;
}

/* Calls a method of the manager. */
#define call_manager(l, what, method, ...)                                                                  \
        ((l)->bus ? sd_bus_call_method_async((l)->bus, NULL, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER, method,   \
                                             on_done, (void *) (what), __VA_ARGS__)                         \
                  : -ENOTCONN)

int logind_lock_session(Logind *l, const char *id, sd_bus_slot **ret_call,
                        sd_bus_message_handler_t on_answer, void *userdata) {
        if (!on_answer)
                return call_manager(l, "lock the session", "LockSession", "s", id);
        if (!l->bus)
                return -ENOTCONN;
        return sd_bus_call_method_async(l->bus, ret_call, LOGIN1, LOGIN1_PATH, LOGIN1_MANAGER, "LockSession",
                                        on_answer, userdata, "s", id);
}

int logind_unlock_session(Logind *l, const char *id) {
        return call_manager(l, "unlock the session", "UnlockSession", "s", id);
}

int logind_terminate_session(Logind *l, const char *id) {
        return call_manager(l, "end the session", "TerminateSession", "s", id);
}

/* Terminals obey control characters, and the text is the host's. */
static char *printable(const char *text) {
        _cleanup_free_ char *valid = g_utf8_make_valid(text, (gssize) strnlen(text, MESSAGE_MAX));
        GString *s = g_string_new(NULL);

        for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);

                g_string_append_unichar(s, g_unichar_isprint(c) ? c : ' ');
        }
        return g_string_free(s, false);
}

int logind_shut_down(Logind *l, bool reboot, uint64_t delay_usec, const char *message) {
        _cleanup_free_ char *text = printable(message);
        int r;

        r = call_manager(l, "show a message", "SetWallMessage", "sb", text, (int) true);
        if (r < 0)
                return r;
        if (delay_usec == 0)
                return call_manager(l, "shut down", reboot ? "Reboot" : "PowerOff", "b", (int) false);
        return call_manager(l, "schedule a shutdown", "ScheduleShutdown", "st",
                            reboot ? "reboot" : "poweroff", (uint64_t) g_get_real_time() + delay_usec);
}

int logind_sleep(Logind *l, bool to_disk) {
        return call_manager(l, to_disk ? "suspend to disk" : "suspend to memory",
                            to_disk ? "Hibernate" : "Suspend", "b", (int) false);
}
