/* SPDX-License-Identifier: Apache-2.0 */
#include "dbus-registration.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#include "dbus-members.h"
#include "dbus-names.h"
#include "dbus-sender.h"
#include "dbus-session.h"
#include "util/log.h"

/* Of one caller: so many calls at once, and so many a second on the long run. */
#define TOKENS_MAX 20.0
#define TOKENS_PER_SEC 5.0
/* Callers whose calls are counted; the bus itself limits how many connections a user has. */
#define CALLERS_MAX 1024
/* Registrations that wait for an answer of the bus. */
#define PENDING_MAX 64

typedef struct Caller {
        double tokens;
        gint64 since; /* usec */
} Caller;

/* From Register() to its answer, and then as long as the agent lives. */
typedef struct Registration {
        DbusRegistration *face;
        sd_bus_message *message; /* the call that waits, or NULL */
        char *sender, *session;
        SessionOffer offer;
        uint32_t uid, pid;
        int process; /* pidfd of the caller, until the answer; -EBADF where there are none */
        sd_bus_slot *vanish_slot, *session_slot;
} Registration;

struct DbusRegistration {
        SessionRegistry *registry;
        GHashTable *callers;       /* unique name -> Caller */
        GHashTable *registrations; /* unique name -> Registration */
        unsigned pending;
        RateLimit refused_limit;
};

static void registration_free(void *p) {
        Registration *g = p;

        if (g->message) {
                sd_bus_message_unref(g->message);
                g->face->pending--;
        }
        (void) safe_close(g->process);
        sd_bus_slot_unref(g->vanish_slot);
        sd_bus_slot_unref(g->session_slot);
        g_free(g->sender);
        g_free(g->session);
        session_offer_clear(&g->offer);
        g_free(g);
}

DbusRegistration *dbus_registration_new(SessionRegistry *registry) {
        DbusRegistration *d = g_new0(DbusRegistration, 1);

        d->registry = registry;
        d->callers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        d->registrations = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, registration_free);
        d->refused_limit = (RateLimit){.interval_usec = 60 * UINT64_C(1000000), .burst = 5};
        return d;
}

DbusRegistration *dbus_registration_free(DbusRegistration *d) {
        if (!d)
                return NULL;
        g_hash_table_unref(d->registrations);
        g_hash_table_unref(d->callers);
        g_free(d);
        return NULL;
}

/* Drops the agent that is, or wants to be, called @sender. */
static void drop(DbusRegistration *d, const char *sender) {
        _cleanup_free_ char *name = g_strdup(sender);

        g_hash_table_remove(d->registrations, name);
        (void) session_registry_unregister(d->registry, name);
}

void dbus_registration_detach(DbusRegistration *d) {
        GHashTableIter i;
        void *name;

        while (g_hash_table_iter_init(&i, d->registrations), g_hash_table_iter_next(&i, &name, NULL))
                drop(d, name);
        g_hash_table_remove_all(d->callers);
}

void dbus_registration_session_changed(DbusRegistration *d, const Session *s, unsigned changes) {
        if (changes & SESSION_REMOVED && s->agent)
                g_hash_table_remove(d->registrations, s->agent);
}

/* Takes a token of the caller's bucket. */
static bool may_call(DbusRegistration *d, const char *sender) {
        Caller *c = g_hash_table_lookup(d->callers, sender);
        gint64 now = g_get_monotonic_time();

        if (!c) {
                if (g_hash_table_size(d->callers) >= CALLERS_MAX)
                        g_hash_table_remove_all(d->callers);
                c = g_new0(Caller, 1);
                c->tokens = TOKENS_MAX;
                c->since = now;
                g_hash_table_insert(d->callers, g_strdup(sender), c);
        }
        c->tokens = MIN(TOKENS_MAX, c->tokens + (double) (now - c->since) / 1e6 * TOKENS_PER_SEC);
        c->since = now;
        if (c->tokens < 1)
                return false;
        c->tokens -= 1;
        return true;
}

static int rate_limited(sd_bus_error *error) {
        return sd_bus_error_set(error, OVIRT_ERROR_RATE_LIMITED, "Too many calls; try again later");
}

static int wrong_type(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        const Session *s = session_registry_by_agent(d->registry, sender);
        unsigned suppressed;

        if (rate_limit(&d->refused_limit, &suppressed))
                log_info("Refusing %s() of %s%s%s: a member has another type (%u more before)",
                         sd_bus_message_get_member(m), sender, s ? ", the agent of session " : "",
                         s ? s->id : "", suppressed);
        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "A member has another type");
}

/* Answers the waiting call with an error, and forgets the caller. */
static void refuse(Registration *g, const char *error, const char *why) {
        DbusRegistration *d = g->face;
        unsigned suppressed;

        if (rate_limit(&d->refused_limit, &suppressed)) {
                _cleanup_free_ char *session = g_strescape(g->session, NULL);

                log_info("Refusing user %u as the agent of session \"%.64s\": %s (%u more before)", g->uid,
                         session, why, suppressed);
        }
        (void) sd_bus_reply_method_errorf(g->message, error, "%s", why);
        g_hash_table_remove(d->registrations, g->sender);
}

static void finish(Registration *g) {
        _cleanup_free_ char *path = NULL;
        const Session *s = NULL;
        int r;

        r = session_registry_register(g->face->registry, g->session, g->uid, g->sender, &g->offer, &s);
        if (r == -ENOENT)
                refuse(g, OVIRT_ERROR_NO_SUCH_SESSION, "there is no such session, or it is closing");
        else if (r == -EACCES)
                refuse(g, OVIRT_ERROR_NOT_YOUR_SESSION,
                       "the session is another user's, or not for a person");
        else if (r == -EEXIST || r == -EBUSY)
                refuse(g, OVIRT_ERROR_ALREADY_REGISTERED, "the session has an agent");
        else if (r < 0)
                refuse(g, OVIRT_ERROR_TOO_MANY, "too many sessions have agents");
        else {
                log_info("Session %s of user %s has an agent", s->id, s->user);
                path = dbus_session_path(s);
                (void) sd_bus_reply_method_return(g->message, "o", path);
                g->message = sd_bus_message_unref(g->message);
                g->face->pending--;
                g->process = safe_close(g->process);
        }
}

/* --- who the caller is ---------------------------------------------------------------------------------

   The user is what the bus says of the connection, and that alone lets anybody in. The process can only be a
   reason to refuse: who is part of a session is not another's agent. The login manager knows processes by
   their numbers, and a number may have become another process's by the time that it is asked about it. With
   a descriptor of the process, which newer buses hand out with the connection's credentials, that is
   settled: it still lives after the answer, so the answer was about it. For other buses we make one from the
   number, and ask the bus again after the answer: the connection is still there, and is still that
   process's. */

/* Whether the process has not ended; one that we have no descriptor of might. */
static bool process_lives(int pidfd) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd < 0 || poll(&p, 1, 0) == 0;
}

/* The registration that the answer to a question about @m is for, or NULL if the caller has left. */
static Registration *find_waiting(const DbusRegistration *d, sd_bus_message *m) {
        Registration *g = g_hash_table_lookup(d->registrations, sd_bus_message_get_sender(m));

        return g && g->message == m ? g : NULL;
}

static void refuse_unknown(Registration *g) {
        refuse(g, SD_BUS_ERROR_FAILED, "it cannot be told who the caller is");
}

static void on_sender_confirmed(sd_bus_message *m, int error, const Sender *sender, void *userdata) {
        Registration *g = find_waiting(userdata, m);

        if (!g)
                return;
        if (error < 0 || sender->uid != g->uid || sender->pid != g->pid || !process_lives(g->process))
                refuse_unknown(g);
        else
                finish(g);
}

/* Most are part of no session, but of the user's service manager. */
static bool is_part_of_none(sd_bus_message *m) {
        return sd_bus_message_is_method_error(m, "org.freedesktop.login1.NoSessionForPID") > 0;
}

static int on_session_of_process(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Registration *g = userdata;
        const Session *s = session_registry_get(g->face->registry, g->session);
        const char *path = NULL;

        if (!is_part_of_none(m) && sd_bus_message_read(m, "o", &path) < 0)
                refuse_unknown(g);
        else if (path && s && !g_str_equal(path, s->path))
                refuse(g, OVIRT_ERROR_NOT_YOUR_SESSION, "the caller is part of another session");
        else if (dbus_sender_ask(g->message, on_sender_confirmed, g->face) < 0)
                refuse_unknown(g);
        return 0;
}

static void on_sender_known(sd_bus_message *m, int error, const Sender *sender, void *userdata) {
        Registration *g = find_waiting(userdata, m);
        int r = error;

        if (!g)
                return;
        if (r >= 0) {
                g->uid = sender->uid;
                g->pid = sender->pid;
                g->process = sender->pidfd >= 0 ? fcntl(sender->pidfd, F_DUPFD_CLOEXEC, 3)
                                                : (int) syscall(SYS_pidfd_open, (pid_t) sender->pid, 0);
                /* Kernels before 5.3 have none, and a seccomp filter may hide them. */
                r = g->pid == 0 || (g->process < 0 && errno == ESRCH) ? -ESRCH : 0;
        }
        if (r >= 0)
                r = sd_bus_call_method_async(sd_bus_message_get_bus(m), &g->session_slot,
                                             "org.freedesktop.login1", "/org/freedesktop/login1",
                                             "org.freedesktop.login1.Manager", "GetSessionByPID",
                                             on_session_of_process, g, "u", g->pid);
        if (r < 0)
                refuse_unknown(g);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Registration *g = userdata;
        const char *owner;

        if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) >= 0 && owner[0] == 0)
                drop(g->face, g->sender);
        return 0;
}

/* From now on we learn when the caller leaves the bus. */
static int watch(Registration *g, sd_bus *bus) {
        _cleanup_free_ char *match =
                g_strdup_printf("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                                g->sender);

        return sd_bus_add_match_async(bus, &g->vanish_slot, match, on_owner_changed, NULL, g);
}

int dbus_registration_register(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m), *session;
        Registration *g;
        int r;

        if (!sender || !may_call(d, sender))
                return rate_limited(error);
        if (g_hash_table_contains(d->registrations, sender))
                return sd_bus_error_set(error, OVIRT_ERROR_ALREADY_REGISTERED, "You are registered already");
        if (d->pending >= PENDING_MAX)
                return sd_bus_error_set(error, OVIRT_ERROR_TOO_MANY, "Too many registrations at once");

        g = g_new0(Registration, 1);
        g->face = d;
        g->sender = g_strdup(sender);
        g->uid = UINT32_MAX;
        g->process = -EBADF;
        r = sd_bus_message_read(m, "s", &session);
        if (r >= 0) {
                g->session = g_strndup(session, 256);
                r = dbus_members_read(m, session_offer_members, &g->offer);
        }
        if (r >= 0)
                r = watch(g, sd_bus_message_get_bus(m));
        if (r >= 0)
                r = dbus_sender_ask(m, on_sender_known, d);
        if (r < 0) {
                registration_free(g);
                return r == -ENXIO ? wrong_type(d, m, error) : r;
        }
        g->message = sd_bus_message_ref(m);
        d->pending++;
        g_hash_table_insert(d->registrations, g->sender, g);
        return 1;
}

static int not_registered(sd_bus_error *error) {
        return sd_bus_error_set(error, OVIRT_ERROR_NOT_REGISTERED, "You are not registered for a session");
}

int dbus_registration_unregister(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);

        if (!sender || !session_registry_by_agent(d->registry, sender))
                return not_registered(error);
        drop(d, sender);
        return sd_bus_reply_method_return(m, NULL);
}

int dbus_registration_report(DbusRegistration *d, sd_bus_message *m, sd_bus_error *error) {
        const char *sender = sd_bus_message_get_sender(m);
        SessionReport report = {};
        int r;

        if (!sender || !session_registry_by_agent(d->registry, sender))
                return not_registered(error);
        if (!may_call(d, sender))
                return rate_limited(error);
        r = dbus_members_read(m, session_report_members, &report);
        if (r >= 0)
                (void) session_registry_report(d->registry, sender, &report);
        session_report_clear(&report);
        if (r < 0)
                return wrong_type(d, m, error);
        return sd_bus_reply_method_return(m, NULL);
}
