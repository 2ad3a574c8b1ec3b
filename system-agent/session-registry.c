/* SPDX-License-Identifier: Apache-2.0 */
#include "session-registry.h"

#include <string.h>

/* xss-lock says "locked" before its locker has proved itself, and takes it back. */
#define SETTLE_USEC UINT64_C(300000)

#define SEAT "seat0"

struct SessionRegistry {
        sd_event *event;
        const SessionCallbacks *callbacks;
        void *userdata;
        GHashTable *sessions; /* by id */
        GHashTable *removed;  /* a set: gone, and not yet announced */
        GHashTable *active;   /* seat -> id */
        char *at_seat;        /* id of the session last seen at seat0, or NULL */
        uint64_t last_number;
};

void session_offer_clear(SessionOffer *offer) {
        g_free(offer->version);
        g_free(offer->desktop);
        g_free(offer->display);
        *offer = (SessionOffer){};
}

void session_report_clear(SessionReport *report) {
        g_free(report->layout);
        *report = (SessionReport){};
}

static void session_free(void *p) {
        Session *s = p;

        (void) sd_event_source_disable_unref(s->settle_source);
        g_free(s->id);
        g_free(s->path);
        g_free(s->user);
        g_free(s->seat);
        g_free(s->type);
        g_free(s->class);
        g_free(s->state);
        g_free(s->agent);
        session_offer_clear(&s->offer);
        session_report_clear(&s->said);
        g_free(s->arranged);
        g_free(s->arranged_error);
        g_free(s);
}

bool session_is_persons(const Session *s) {
        /* Later systemds have finer ones; "user-incomplete" is not yet one. */
        static const char *const classes[] = {"user", "user-early", "user-light", "user-early-light", NULL};

        return g_strv_contains(classes, s->class) && !g_str_equal(s->state, "closing");
}

bool session_is_cover(const Session *s) {
        return g_str_equal(s->class, "greeter") || g_str_equal(s->class, "lock-screen");
}

static bool is_at_seat(const Session *s) {
        return s && session_is_persons(s) && !s->remote && g_str_equal(s->seat, SEAT);
}

static Session *get(const SessionRegistry *r, const char *id) {
        return id ? g_hash_table_lookup(r->sessions, id) : NULL;
}

static Session *active_of(const SessionRegistry *r, const char *seat) {
        return get(r, g_hash_table_lookup(r->active, seat));
}

const Session *session_registry_get(const SessionRegistry *r, const char *id) {
        return get(r, id);
}

uint64_t session_registry_last_number(const SessionRegistry *r) {
        return r->last_number;
}

const Session *session_registry_shown(const SessionRegistry *r) {
        return active_of(r, SEAT);
}

const Session *session_registry_at_seat(const SessionRegistry *r) {
        const Session *s = active_of(r, SEAT);
        GHashTableIter i;
        void *value;

        if (is_at_seat(s))
                return s;
        s = get(r, r->at_seat);
        if (is_at_seat(s))
                return s;
        g_hash_table_iter_init(&i, r->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value))
                if (is_at_seat(value))
                        return value;
        return NULL;
}

/* --- locked, or not ----------------------------------------------------------------------------------- */

/* A session that has never been active is only being started behind the login screen. */
static bool is_covered(const Session *s) {
        const Session *active = s->seat[0] ? active_of(s->registry, s->seat) : NULL;

        return s->been_active && active && active != s && session_is_cover(active);
}

static bool seems_locked(const Session *s) {
        return s->locked_hint || s->said.locked == SESSION_SAYS_YES || is_covered(s);
}

static void announce(Session *s) {
        unsigned changes = s->changes;

        s->changes = 0;
        if (changes)
                s->registry->callbacks->changed(s, changes, s->registry->userdata);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata) {
        Session *s = userdata;
        SessionRegistry *r = s->registry;

        s->settle_source = sd_event_source_disable_unref(s->settle_source);
        s->locked = true;
        s->changes |= SESSION_LOCKED;
        announce(s);
        r->callbacks->settled(r->userdata);
        return 0;
}

/* Draws the conclusion: unlocked at once, locked when it has lasted. */
static void judge_lock(Session *s) {
        if (!seems_locked(s)) {
                s->settle_source = sd_event_source_disable_unref(s->settle_source);
                if (s->locked)
                        s->changes |= SESSION_LOCKED;
                s->locked = false;
        } else if (!s->locked && !s->settle_source)
                (void) sd_event_add_time_relative(s->registry->event, &s->settle_source, CLOCK_MONOTONIC,
                                                  SETTLE_USEC, 1000, on_settled, s);
}

/* --- the login manager's side ------------------------------------------------------------------------- */

static bool set_string(char **field, const char *value) {
        if (g_strcmp0(*field, value) == 0)
                return false;
        g_free(*field);
        *field = g_strdup(value);
        return true;
}

void session_registry_update(SessionRegistry *r, const SessionFacts *f) {
        Session *s = get(r, f->id);
        bool changed = false;

        if (!s) {
                if (g_hash_table_size(r->sessions) >= SESSIONS_MAX)
                        return;
                s = g_new0(Session, 1);
                s->registry = r;
                s->number = ++r->last_number;
                s->id = g_strdup(f->id);
                s->been_active = f->found;
                s->changes = SESSION_ADDED;
                g_hash_table_insert(r->sessions, s->id, s);
        }
        changed |= set_string(&s->path, f->path);
        changed |= set_string(&s->user, f->user);
        changed |= set_string(&s->seat, f->seat);
        changed |= set_string(&s->type, f->type);
        changed |= set_string(&s->class, f->class);
        changed |= set_string(&s->state, f->state);
        changed |= s->uid != f->uid || s->remote != f->remote || s->locked_hint != f->locked_hint;
        s->uid = f->uid;
        s->remote = f->remote;
        s->locked_hint = f->locked_hint;
        if (changed)
                s->changes |= SESSION_FACTS;
}

void session_registry_remove(SessionRegistry *r, const char *id) {
        Session *s = get(r, id);

        if (!s)
                return;
        g_hash_table_steal(r->sessions, id);
        s->settle_source = sd_event_source_disable_unref(s->settle_source);
        g_hash_table_add(r->removed, s);
}

void session_registry_set_active(SessionRegistry *r, const char *seat, const char *id) {
        if (id)
                g_hash_table_insert(r->active, g_strdup(seat), g_strdup(id));
        else
                g_hash_table_remove(r->active, seat);
}

static void judge_active(Session *s) {
        bool active = s->seat[0] && active_of(s->registry, s->seat) == s;

        if (active != s->active)
                s->changes |= SESSION_FACTS;
        s->active = active;
        s->been_active = s->been_active || active;
}

void session_registry_commit(SessionRegistry *r) {
        g_autoptr(GPtrArray) all = session_registry_list(r);
        const Session *at_seat;
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, r->removed);
        while (g_hash_table_iter_next(&i, &value, NULL)) {
                r->callbacks->changed(value, SESSION_REMOVED, r->userdata);
                g_hash_table_iter_remove(&i);
        }
        for (guint k = 0; k < all->len; k++)
                judge_active(all->pdata[k]);
        for (guint k = 0; k < all->len; k++) {
                judge_lock(all->pdata[k]);
                announce(all->pdata[k]);
        }
        at_seat = session_registry_at_seat(r);
        (void) set_string(&r->at_seat, at_seat ? at_seat->id : NULL);
        r->callbacks->settled(r->userdata);
}

/* --- the session agents' side ------------------------------------------------------------------------- */

static Session *by_agent(const SessionRegistry *r, const char *sender) {
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, r->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value))
                if (g_strcmp0(((Session *) value)->agent, sender) == 0)
                        return value;
        return NULL;
}

const Session *session_registry_by_agent(const SessionRegistry *r, const char *sender) {
        return by_agent(r, sender);
}

static int check_quota(const SessionRegistry *r, uint32_t uid) {
        unsigned total = 0, of_user = 0;
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, r->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value)) {
                const Session *s = value;

                if (s->agent) {
                        total++;
                        of_user += s->uid == uid;
                }
        }
        return of_user >= AGENTS_PER_UID_MAX ? -EMFILE : total >= AGENTS_MAX ? -ENFILE : 0;
}

int session_registry_register(SessionRegistry *r, const char *id, uint32_t uid, const char *sender,
                              SessionOffer *offer, const Session **ret) {
        Session *s = get(r, id);
        int error;

        if (!s || g_str_equal(s->state, "closing"))
                return -ENOENT;
        if (s->uid != uid || !(session_is_persons(s) || session_is_cover(s)))
                return -EACCES;
        if (s->agent)
                return -EEXIST;
        if (by_agent(r, sender))
                return -EBUSY;
        error = check_quota(r, uid);
        if (error < 0)
                return error;

        s->agent = g_strdup(sender);
        s->offer = *offer;
        *offer = (SessionOffer){};
        s->changes |= SESSION_AGENT;
        announce(s);
        *ret = s;
        return 0;
}

int session_registry_unregister(SessionRegistry *r, const char *sender) {
        Session *s = by_agent(r, sender);

        if (!s)
                return -ENOENT;
        g_clear_pointer(&s->agent, g_free);
        session_offer_clear(&s->offer);
        session_report_clear(&s->said);
        judge_lock(s);
        s->changes |= SESSION_AGENT | SESSION_SAID;
        announce(s);
        r->callbacks->settled(r->userdata);
        return 0;
}

/* Whether it was news. */
static bool take(SessionSays *field, SessionSays says) {
        if (says == SESSION_SAYS_NOTHING || says == *field)
                return false;
        *field = says;
        return true;
}

static bool take_layout(Layout **field, Layout **layout) {
        if (!*layout || (*field && layout_equal(*field, *layout)))
                return false;
        g_free(*field);
        *field = TAKE_PTR(*layout);
        return true;
}

static bool take_effects(unsigned *field, unsigned effects) {
        if (!(effects & EFFECTS_TOLD) || *field == effects)
                return false;
        *field = effects;
        return true;
}

int session_registry_report(SessionRegistry *r, const char *sender, SessionReport *report) {
        Session *s = by_agent(r, sender);
        bool changed = false;

        if (!s)
                return -ENOENT;
        changed |= take(&s->said.locked, report->locked);
        changed |= take_layout(&s->said.layout, &report->layout);
        changed |= take_effects(&s->said.effects_off, report->effects_off);
        if (!changed)
                return 0;
        s->changes |= SESSION_SAID;
        judge_lock(s);
        announce(s);
        r->callbacks->settled(r->userdata);
        return 0;
}

void session_registry_arranged(SessionRegistry *r, const char *id, const Layout *result, const char *error) {
        Session *s = get(r, id);

        if (!s)
                return;
        g_free(s->arranged);
        g_free(s->arranged_error);
        s->arranged = result ? g_memdup2(result, sizeof *result) : NULL;
        s->arranged_error = g_strdup(error);
        s->changes |= SESSION_ARRANGED;
        announce(s);
}

/* --- the whole ---------------------------------------------------------------------------------------- */

GPtrArray *session_registry_list(const SessionRegistry *r) {
        GPtrArray *list = g_ptr_array_sized_new(g_hash_table_size(r->sessions));
        GHashTableIter i;
        void *value;

        g_hash_table_iter_init(&i, r->sessions);
        while (g_hash_table_iter_next(&i, NULL, &value))
                g_ptr_array_add(list, value);
        return list;
}

SessionRegistry *session_registry_new(sd_event *event, const SessionCallbacks *callbacks, void *userdata) {
        SessionRegistry *r = g_new0(SessionRegistry, 1);

        r->event = sd_event_ref(event);
        r->callbacks = callbacks;
        r->userdata = userdata;
        r->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, session_free);
        r->removed = g_hash_table_new_full(NULL, NULL, session_free, NULL);
        r->active = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        return r;
}

SessionRegistry *session_registry_free(SessionRegistry *r) {
        if (!r)
                return NULL;
        g_hash_table_unref(r->sessions);
        g_hash_table_unref(r->removed);
        g_hash_table_unref(r->active);
        g_free(r->at_seat);
        sd_event_unref(r->event);
        g_free(r);
        return NULL;
}
