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

typedef enum AttemptKind {
        LOCK_BY_LOGIND,
        LOCK_BY_AGENT,
        LOGOUT_BY_AGENT,
} AttemptKind;

/* What is being tried with a session. */
typedef struct Attempt {
        SessionControl *control;
        char *id;
        AttemptKind kind;
        sd_event_source *timer;
} Attempt;

struct SessionControl {
        sd_event *event;
        SessionRegistry *registry;
        Logind *logind;
        SessionAgents *agents;
        GHashTable *attempts; /* by session id; one at a time */
};

static void attempt_free(void *p) {
        Attempt *a = p;

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
        c->attempts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, attempt_free);
        return c;
}

SessionControl *session_control_free(SessionControl *c) {
        if (!c)
                return NULL;
        g_hash_table_unref(c->attempts);
        sd_event_unref(c->event);
        g_free(c);
        return NULL;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata);

/* Takes the attempt to @kind, which gets @usec. */
static void attempt_step(Attempt *a, AttemptKind kind, uint64_t usec) {
        int r;

        a->kind = kind;
        a->timer = sd_event_source_disable_unref(a->timer);
        r = sd_event_add_time_relative(a->control->event, &a->timer, CLOCK_MONOTONIC, usec, 0, on_time, a);
        if (r < 0)
                log_error_errno(r, "Cannot set a timer for session %s: %m", a->id);
}

static Attempt *attempt_begin(SessionControl *c, const Session *s, AttemptKind kind, uint64_t usec) {
        Attempt *a = g_new0(Attempt, 1);

        a->control = c;
        a->id = g_strdup(s->id);
        g_hash_table_replace(c->attempts, a->id, a);
        attempt_step(a, kind, usec);
        return a;
}

static void terminate(SessionControl *c, const char *id) {
        int r = logind_terminate_session(c->logind, id);

        if (r < 0)
                log_warning_errno(r, "Cannot end session %s: %m", id);
}

/* Time is up, and the registry has not reported success: the next means. */
static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        Attempt *a = userdata;
        SessionControl *c = a->control;
        const Session *s = session_registry_get(c->registry, a->id);

        if (s && a->kind == LOCK_BY_LOGIND && session_agents_lock(c->agents, s) >= 0) {
                attempt_step(a, LOCK_BY_AGENT, LOCK_BY_AGENT_USEC);
                return 0;
        }
        if (s && (a->kind == LOCK_BY_LOGIND || a->kind == LOCK_BY_AGENT))
                log_warning("Session %s of user %s does not lock: its desktop does not confirm it", s->id,
                            s->user);
        if (s && a->kind == LOGOUT_BY_AGENT) {
                log_info("Session %s of user %s does not end by itself: ending it", s->id, s->user);
                terminate(c, s->id);
        }
        g_hash_table_remove(c->attempts, a->id);
        return 0;
}

/* Terminals have no lock that anybody could ask for. */
static bool can_be_locked(const Session *s) {
        return session_is_persons(s) && !g_str_equal(s->type, "tty") && !g_str_equal(s->type, "unspecified");
}

SessionLock session_control_lock(SessionControl *c, const Session *s) {
        const Attempt *a = g_hash_table_lookup(c->attempts, s->id);
        int r;

        if (!can_be_locked(s))
                return SESSION_LOCK_NOBODY;
        if (s->locked)
                return SESSION_LOCK_ALREADY;
        if (a)
                return SESSION_LOCK_STARTED;
        r = logind_lock_session(c->logind, s->id);
        if (r < 0)
                log_warning_errno(r, "Cannot ask the login manager to lock session %s: %m", s->id);
        /* Where that cannot work, do not wait for it. */
        (void) attempt_begin(c, s, LOCK_BY_LOGIND, r < 0 ? 0 : LOCK_BY_LOGIND_USEC);
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
        const Attempt *a = s ? g_hash_table_lookup(c->attempts, s->id) : NULL;

        if (!s)
                return -ENOENT;
        if (a && a->kind == LOGOUT_BY_AGENT)
                return 0;
        if (session_agents_log_out(c->agents, s) >= 0)
                (void) attempt_begin(c, s, LOGOUT_BY_AGENT, LOGOUT_USEC);
        else
                terminate(c, s->id);
        return 0;
}

void session_control_session_changed(SessionControl *c, const Session *s, unsigned changes) {
        const Attempt *a = g_hash_table_lookup(c->attempts, s->id);

        if (!a)
                return;
        if (changes & SESSION_REMOVED ||
            ((a->kind == LOCK_BY_LOGIND || a->kind == LOCK_BY_AGENT) && s->locked))
                g_hash_table_remove(c->attempts, s->id);
}
