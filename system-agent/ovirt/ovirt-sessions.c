/* SPDX-License-Identifier: Apache-2.0 */
#include "ovirt/ovirt-sessions.h"

#include <string.h>

#include "ovirt/ovirt-encode.h"
#include "ovirt/ovirt-reports.h"
#include "port.h"
#include "services.h"
#include "util/log.h"

struct OvirtSessions {
        ProtocolContext context;
        OvirtReports *reports;
        bool told;  /* the host knows the following */
        char *user; /* NULL: nobody */
        bool locked;
        char *id;                     /* of the session it was told of, or NULL */
        uint64_t number, last_number; /* that session's, and the highest then */
};

OvirtSessions *ovirt_sessions_new(const ProtocolContext *context, OvirtReports *reports) {
        OvirtSessions *s = g_new0(OvirtSessions, 1);

        s->context = *context;
        s->reports = reports;
        return s;
}

OvirtSessions *ovirt_sessions_free(OvirtSessions *s) {
        if (!s)
                return NULL;
        g_free(s->user);
        g_free(s->id);
        g_free(s);
        return NULL;
}

void ovirt_sessions_forget(OvirtSessions *s) {
        s->told = false;
}

/* Answers to the host count as such: they wait in the port if it does not read. */
static void send(OvirtSessions *s, const char *event) {
        _cleanup_free_ char *line = ovirt_encode_event(event);

        if (port_write(s->context.port, line, strlen(line)) >= 0)
                log_debug("Sending %s", event);
}

static void remember(OvirtSessions *s, const Session *now) {
        s->told = true;
        g_free(s->user);
        s->user = now ? g_strdup(now->user) : NULL;
        s->locked = now && now->locked;
        g_free(s->id);
        s->id = now ? g_strdup(now->id) : NULL;
        s->number = now ? now->number : 0;
        s->last_number = session_registry_last_number(s->context.services->sessions);
}

/* Whether the session that the host knows of is over, and @now has begun since: whoever logged in, perhaps
 * the same user, somebody logged out before. */
static bool has_been_empty(const OvirtSessions *s, const Session *now) {
        const Session *before = session_registry_get(s->context.services->sessions, s->id);
        bool over = !before || before->number != s->number || !session_is_persons(before);

        return s->user && now && over && now->number > s->last_number;
}

void ovirt_sessions_tell(OvirtSessions *s) {
        const Session *now = session_registry_at_seat(s->context.services->sessions);
        const char *user = now ? now->user : NULL;
        bool locked = now && now->locked, same_user;

        if (!port_is_connected(s->context.port) || port_is_congested(s->context.port) ||
            ovirt_reports_set_is_under_way(s->reports) || !logind_is_known(s->context.services->logind))
                return;
        if (s->told && has_been_empty(s, now)) {
                send(s, "session-logoff");
                ovirt_reports_send_nobody(s->reports);
                g_clear_pointer(&s->user, g_free);
                s->locked = false;
        }
        same_user = g_strcmp0(s->user, user) == 0;
        if (s->told && same_user && s->locked == locked) {
                remember(s, now);
                return;
        }

        if (!s->told) {
                /* The user was part of the set. */
                ovirt_reports_send_user(s->reports);
                send(s, !user ? "session-logoff" : locked ? "session-lock" : "session-unlock");
        } else if (same_user)
                send(s, locked ? "session-lock" : "session-unlock");
        else if (!user) {
                send(s, "session-logoff");
                ovirt_reports_send_user(s->reports);
        } else if (!s->user) {
                ovirt_reports_send_user(s->reports);
                send(s, "session-logon");
                if (locked)
                        send(s, "session-lock");
        } else {
                ovirt_reports_send_user(s->reports);
                send(s, locked ? "session-lock" : "session-unlock");
        }

        port_flush(s->context.port);
        remember(s, now);
}

void ovirt_sessions_tell_locked(OvirtSessions *s, bool locked) {
        send(s, locked ? "session-lock" : "session-logoff");
        port_flush(s->context.port);
}
