/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The model of the login sessions: what the login manager says of each, what its session agent says, and
 * what follows from both. Knows no bus; whoever does, tells it. */

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "session-agent/layout.h"
#include "util/cleanup.h"

/* At most so many sessions are kept; more are not looked at. */
#define SESSIONS_MAX 4096
/* Registered session agents, of one user and in total. */
#define AGENTS_PER_UID_MAX 4
#define AGENTS_MAX 64

/* What the login manager says. Strings may be empty, never NULL. */
typedef struct SessionFacts {
        const char *id;
        const char *path; /* of its object at the login manager */
        const char *user;
        uint32_t uid;
        const char *seat, *type, *class, *state;
        bool remote, locked_hint;
        bool found; /* it was there when it was looked for, and may have been for long */
} SessionFacts;

/* What a session agent can do. Strings may be NULL. The bus's names for these are in dbus-members.c. */
typedef struct SessionOffer {
        char *version, *desktop, *display;
        bool lock, logout, sign_on;
        unsigned effects; /* a set: see session-agent/effect.h */
} SessionOffer;

void session_offer_clear(SessionOffer *offer);

typedef enum SessionSays {
        SESSION_SAYS_NOTHING,
        SESSION_SAYS_NO,
        SESSION_SAYS_YES,
} SessionSays;

/* In a set of effects: that it is one that was told. */
#define EFFECTS_TOLD (1U << 31)

/* What it says is the case; of what it says nothing it stands by its word. */
typedef struct SessionReport {
        SessionSays locked;
        Layout *layout; /* NULL: nothing */
        unsigned effects_off;
} SessionReport;

void session_report_clear(SessionReport *report);

/* A session; read-only for others than the registry. */
typedef struct Session {
        char *id, *path, *user;
        uint32_t uid;
        uint64_t number; /* later ones have higher numbers */
        char *seat, *type, *class, *state;
        bool remote, locked_hint;
        bool active;      /* its seat shows it */
        bool been_active; /* or may have been, before it was found */

        char *agent; /* unique bus name of its agent, or NULL */
        SessionOffer offer;
        SessionReport said;

        /* What became of the last layout that it was asked for; the reason if it was refused. */
        Layout *arranged;
        char *arranged_error;

        /* Locked by any account (hint, desktop, or covered by a login screen), and still so after a moment.
         */
        bool locked;

        struct SessionRegistry *registry;
        sd_event_source *settle_source;
        unsigned changes;
} Session;

typedef enum SessionChange {
        SESSION_ADDED = 1 << 0,
        SESSION_REMOVED = 1 << 1, /* the last word on it */
        SESSION_FACTS = 1 << 2,
        SESSION_AGENT = 1 << 3, /* came or went */
        SESSION_SAID = 1 << 4,  /* what its agent says */
        SESSION_LOCKED = 1 << 5,
        SESSION_ARRANGED = 1 << 6,
} SessionChange;

typedef struct SessionRegistry SessionRegistry;

typedef struct SessionCallbacks {
        /* @changes: SessionChange bits. */
        void (*changed)(const Session *s, unsigned changes, void *userdata);
        /* After the last of the changes that belong together. */
        void (*settled)(void *userdata);
} SessionCallbacks;

SessionRegistry *session_registry_new(sd_event *event, const SessionCallbacks *callbacks, void *userdata);
SessionRegistry *session_registry_free(SessionRegistry *r);
DEFINE_CLEANUP(SessionRegistry, session_registry_free)

/* The login manager's side. Changes are announced by session_registry_commit(), together: half of a user
 * switch is nothing to tell. */
void session_registry_update(SessionRegistry *r, const SessionFacts *facts);
void session_registry_remove(SessionRegistry *r, const char *id);
/* @id: the active session of @seat, or NULL. */
void session_registry_set_active(SessionRegistry *r, const char *seat, const char *id);
void session_registry_commit(SessionRegistry *r);

/* The session agents' side; announced at once. *@offer is taken over where it is accepted. @sender is the
 * unique bus name, @uid its user's by the bus's word. -ENOENT: no such session, or closing; -EACCES:
 * somebody else's or no session of a person's; -EEXIST: it has an agent; -EBUSY: the sender is another
 * session's; -EMFILE: too many of this user; -ENFILE: in total. */
int session_registry_register(SessionRegistry *r, const char *id, uint32_t uid, const char *sender,
                              SessionOffer *offer, const Session **ret);
/* -ENOENT if @sender is nobody's agent. What *@report holds is taken over. */
int session_registry_unregister(SessionRegistry *r, const char *sender);
int session_registry_report(SessionRegistry *r, const char *sender, SessionReport *report);
/* What became of a layout: @result, or @error. */
void session_registry_arranged(SessionRegistry *r, const char *id, const Layout *result, const char *error);

const Session *session_registry_get(const SessionRegistry *r, const char *id);
const Session *session_registry_by_agent(const SessionRegistry *r, const char *sender);
/* All of them, in no order: Session *. Free the array only. */
GPtrArray *session_registry_list(const SessionRegistry *r);

/* The session of the person at seat0: the active one if it is a user's; while a login screen covers the
 * seat, the one that was, or any that is left; NULL if there is nobody. */
const Session *session_registry_at_seat(const SessionRegistry *r);
/* The number of the session that was added last, whether it is still there or not; 0 before the first. */
uint64_t session_registry_last_number(const SessionRegistry *r);
/* The session that seat0 shows, whatever it is; NULL if there is none. */
const Session *session_registry_shown(const SessionRegistry *r);
/* Whether @s is a login screen, or a lock screen that is a session of its own. */
bool session_is_cover(const Session *s);
/* Whether a person can use @s: of class "user", and not closing. */
bool session_is_persons(const Session *s);
