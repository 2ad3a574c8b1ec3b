/* SPDX-License-Identifier: Apache-2.0 */
#include "session-control.h"

#include <string.h>

#include "util/log.h"

#define USEC_PER_SEC UINT64_C(1000000)

/* gnome-shell takes some 50 ms; what has not begun by then ignores the login manager. */
#define LOCK_BY_LOGIND_USEC (2 * USEC_PER_SEC)
/* Greeters that come up on another terminal take their time. */
#define LOCK_BY_AGENT_USEC (3 * USEC_PER_SEC)
#define LOGOUT_USEC (8 * USEC_PER_SEC)
/* Of why a session agent refuses, for the log. */
#define REASON_MAX 128

typedef enum Means {
        LOCK_BY_LOGIND,
        LOCK_BY_AGENT,
        LOGOUT_BY_AGENT,
} Means;

/* What is being tried with a session. */
typedef struct Attempt {
        SessionControl *control;
        GHashTable *table; /* that it is in */
        char *id;
        bool put_off; /* until there is a bus again */
        Means means;
        sd_bus_slot *call; /* until it is answered */
        sd_event_source *timer;
} Attempt;

/* A session may have one attempt of each sort. To be asked to lock is no reason to stop ending it, nor the
 * other way round: while programs ask whether to save, the screen stands open. */
struct SessionControl {
        sd_event *event;
        SessionRegistry *registry;
        Logind *logind;
        SessionAgents *agents;
        GHashTable *locks, *logouts; /* Attempt, by session id */
        RateLimit refused_limit, failed_limit;
};

static void attempt_free(void *p) {
        Attempt *a = p;

        /* An answer that comes now is about nothing. */
        sd_bus_slot_unref(a->call);
        (void) sd_event_source_disable_unref(a->timer);
        g_free(a->id);
        g_free(a);
}

SessionControl *session_control_new(sd_event *event, SessionRegistry *registry, Logind *logind,
                                    SessionAgents *agents) {
        SessionControl *c = g_new0(SessionControl, 1);

        c->event = sd_event_ref(event);
        c->registry = registry;
        c->logind = logind;
        c->agents = agents;
        c->locks = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, attempt_free);
        c->logouts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, attempt_free);
        c->refused_limit = c->failed_limit = (RateLimit){.interval_usec = 60 * USEC_PER_SEC, .burst = 5};
        return c;
}

SessionControl *session_control_free(SessionControl *c) {
        if (!c)
                return NULL;
        g_hash_table_unref(c->locks);
        g_hash_table_unref(c->logouts);
        sd_event_unref(c->event);
        g_free(c);
        return NULL;
}

/* Nothing was wrong with the means: there is nobody to ask. */
static void put_off(Attempt *a) {
        if (!a->put_off)
                log_info("Session %s will be %s when the login manager can be reached", a->id,
                         a->table == a->control->locks ? "locked" : "ended");
        a->put_off = true;
        a->call = sd_bus_slot_unref(a->call);
        a->timer = sd_event_source_disable_unref(a->timer);
}

static void terminate(SessionControl *c, const char *id) {
        int r = logind_terminate_session(c->logind, id);

        if (r < 0)
                log_warning_errno(r, "Cannot end session %s: %m", id);
}

static void next_means(Attempt *a);

/* Time is up, and the registry has not told of success. */
static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        next_means(userdata);
        return 0;
}

/* What comes of a request that is taken the registry sees; where it is refused, nothing will. The words are
 * those of a user's program. */
static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Attempt *a = userdata;
        unsigned suppressed;

        if (!sd_bus_message_is_method_error(m, NULL))
                return 0;
        if (rate_limit(&a->control->refused_limit, &suppressed)) {
                const char *said = sd_bus_message_get_error(m)->message ?: "no reason given";
                _cleanup_free_ char *words = g_strndup(said, strnlen(said, REASON_MAX));
                _cleanup_free_ char *clean = g_strescape(words, NULL);

                log_info("%s does not %s session %s: %s (%u more before)",
                         a->means == LOCK_BY_LOGIND ? "The login manager" : "The session agent",
                         a->means == LOGOUT_BY_AGENT ? "end" : "lock", a->id, clean, suppressed);
        }
        next_means(a);
        return 0;
}

/* Tries it by @means. */
static int use(Attempt *a, const Session *s, Means means) {
        SessionControl *c = a->control;
        uint64_t usec = 0;
        int r = -EINVAL;

        a->means = means;
        a->call = sd_bus_slot_unref(a->call);
        a->timer = sd_event_source_disable_unref(a->timer);
        switch (means) {
        case LOCK_BY_LOGIND:
                r = logind_lock_session(c->logind, s->id, &a->call, on_answer, a);
                usec = LOCK_BY_LOGIND_USEC;
                break;
        case LOCK_BY_AGENT:
                r = session_agents_lock(c->agents, s, &a->call, on_answer, a);
                usec = LOCK_BY_AGENT_USEC;
                break;
        case LOGOUT_BY_AGENT:
                r = session_agents_log_out(c->agents, s, &a->call, on_answer, a);
                usec = LOGOUT_USEC;
                break;
        }
        return r < 0 ? r
                     : sd_event_add_time_relative(c->event, &a->timer, CLOCK_MONOTONIC, usec, 0, on_time, a);
}

/* The attempt may be over after this. */
static void next_means(Attempt *a) {
        SessionControl *c = a->control;
        const Session *s = session_registry_get(c->registry, a->id);

        if (s && !logind_is_reachable(c->logind)) {
                put_off(a);
                return;
        }
        if (s && a->means == LOCK_BY_LOGIND && use(a, s, LOCK_BY_AGENT) >= 0)
                return;
        if (s && a->table == c->locks) {
                unsigned suppressed;

                if (rate_limit(&c->failed_limit, &suppressed))
                        log_warning("Session %s of user %s does not lock: its desktop does not confirm it "
                                    "(%u more before)",
                                    s->id, s->user, suppressed);
        } else if (s) {
                log_info("Session %s of user %s does not end by itself: ending it", s->id, s->user);
                terminate(c, s->id);
        }
        g_hash_table_remove(a->table, a->id);
}

/* The attempt may be over after this. */
static void start(Attempt *a, const Session *s) {
        SessionControl *c = a->control;

        if (!logind_is_reachable(c->logind)) {
                put_off(a);
                return;
        }
        a->put_off = false;
        if (a->table == c->logouts && !(s->agent && s->offer.logout)) {
                terminate(c, s->id);
                g_hash_table_remove(a->table, a->id);
        } else if (use(a, s, a->table == c->locks ? LOCK_BY_LOGIND : LOGOUT_BY_AGENT) < 0)
                next_means(a);
}

/* Does nothing if it is being tried already. */
static void begin(SessionControl *c, GHashTable *table, const Session *s) {
        Attempt *a;

        if (g_hash_table_contains(table, s->id))
                return;
        a = g_new0(Attempt, 1);
        a->control = c;
        a->table = table;
        a->id = g_strdup(s->id);
        g_hash_table_insert(table, a->id, a);
        start(a, s);
}

/* Terminals have no lock that anybody could ask for. */
static bool can_be_locked(const Session *s) {
        return session_is_persons(s) && !g_str_equal(s->type, "tty") && !g_str_equal(s->type, "unspecified");
}

SessionLock session_control_lock(SessionControl *c, const Session *s) {
        if (!can_be_locked(s))
                return SESSION_LOCK_NOBODY;
        if (s->locked) {
                /* Asked all the same: some call it locked when the screen is only dark, a login screen may
                 * cover a session that has no lock of its own, and anybody may lie about his. */
                (void) logind_lock_session(c->logind, s->id, NULL, NULL, NULL);
                return SESSION_LOCK_ALREADY;
        }
        begin(c, c->locks, s);
        return SESSION_LOCK_STARTED;
}

SessionLock session_control_lock_seat(SessionControl *c) {
        const Session *shown = session_registry_at_seat(c->registry);
        g_autoptr(GPtrArray) all = NULL;
        SessionLock answer;

        if (!shown)
                return SESSION_LOCK_NOBODY;
        answer = session_control_lock(c, shown);
        all = session_registry_list(c->registry);
        for (guint i = 0; i < all->len; i++) {
                const Session *s = all->pdata[i];

                if (s != shown && !s->remote && g_str_equal(s->seat, shown->seat))
                        (void) session_control_lock(c, s);
        }
        return answer;
}

int session_control_log_off(SessionControl *c) {
        const Session *s = session_registry_at_seat(c->registry);

        if (!s)
                return -ENOENT;
        begin(c, c->logouts, s);
        return 0;
}

void session_control_session_changed(SessionControl *c, const Session *s, unsigned changes) {
        if (changes & SESSION_REMOVED || s->locked)
                g_hash_table_remove(c->locks, s->id);
        if (changes & SESSION_REMOVED)
                g_hash_table_remove(c->logouts, s->id);
}

void session_control_sessions_settled(SessionControl *c) {
        GHashTable *const tables[] = {c->locks, c->logouts};

        /* What is known may be from before the bus was lost. */
        for (size_t i = 0; i < G_N_ELEMENTS(tables) && logind_is_current(c->logind); i++) {
                g_autoptr(GList) all = g_hash_table_get_values(tables[i]);

                for (GList *l = all; l; l = l->next) {
                        Attempt *a = l->data; /* still there: none but itself ends with a start */
                        const Session *s = session_registry_get(c->registry, a->id);

                        if (a->put_off && s)
                                start(a, s);
                }
        }
}

void session_control_bus_lost(SessionControl *c) {
        GHashTable *const tables[] = {c->locks, c->logouts};
        GHashTableIter iter;
        void *value;

        for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
                g_hash_table_iter_init(&iter, tables[i]);
                while (g_hash_table_iter_next(&iter, NULL, &value))
                        put_off(value);
        }
}
