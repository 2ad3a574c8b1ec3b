/* SPDX-License-Identifier: Apache-2.0 */
#include "sign-on.h"

#include "password-check.h"
#include "util/log.h"

#define USEC_PER_SEC UINT64_C(1000000)

struct SignOn {
        sd_event *event;
        const Config *config;
        const SessionRegistry *registry;
        Logind *logind;
        CredServer *server;
        SignOnAnnounce announce;
        void *userdata;
        char *session; /* id of the one that the last login was for */
        PasswordCheck *check;
        RateLimit dropped_limit;
};

SignOn *sign_on_new(sd_event *event, const Config *config, const SessionRegistry *registry, Logind *logind,
                    CredServer *server, SignOnAnnounce announce, void *userdata) {
        SignOn *s = g_new0(SignOn, 1);

        s->event = sd_event_ref(event);
        s->config = config;
        s->registry = registry;
        s->logind = logind;
        s->server = server;
        s->announce = announce;
        s->userdata = userdata;
        s->dropped_limit = (RateLimit){.interval_usec = 60 * USEC_PER_SEC, .burst = 10};
        return s;
}

SignOn *sign_on_free(SignOn *s) {
        if (!s)
                return NULL;
        password_check_free(s->check);
        g_free(s->session);
        sd_event_unref(s->event);
        g_free(s);
        return NULL;
}

/* Whether the seat shows a screen where somebody could be logged in with what was last offered. */
static bool is_waiting(const SignOn *s) {
        const Session *shown = session_registry_shown(s->registry);

        return shown && g_strcmp0(shown->id, s->session) == 0 &&
               (session_is_cover(shown) || (session_is_persons(shown) && shown->locked));
}

/* Why nobody can be logged in with @c there now, or NULL. */
static const char *find_obstacle(const SignOn *s, Credentials *c) {
        const Session *shown = session_registry_shown(s->registry);

        if (c->password[0] == 0)
                return "the host has no password for the user";
        if (credentials_map_domain(c, (const char *const *) s->config->credentials_domains) < 0)
                return "the user's name is too long with the guest's domain";
        if (!shown)
                return "the seat shows neither a login screen nor a session";
        if (session_is_cover(shown))
                return NULL;
        if (!session_is_persons(shown))
                return "the seat shows no session of a user's";
        if (!shown->locked)
                return "the session at the seat is not locked";
        if (credentials_are_for_other(c, shown->user))
                return "the locked session is another user's";
        return NULL;
}

static void offer(SignOn *s, const Credentials *c, const Session *shown) {
        const char *token;
        int r;

        r = s->server ? cred_server_offer(s->server, c, s->config->credentials_valid * USEC_PER_SEC, &token)
                      : -EOPNOTSUPP;
        if (r >= 0)
                r = s->announce(token, shown->uid, s->userdata);
        if (r < 0) {
                log_warning_errno(r, "The host's login is dropped, as it cannot be offered: %m");
                if (s->server)
                        cred_server_withdraw(s->server);
                return;
        }
        log_info("The host's login is offered to session %s, %s", shown->id,
                 session_is_cover(shown) ? "a login screen" : "which is locked");
}

/* The session may be another's meanwhile, or gone: nothing that was true before counts. */
static void on_checked(int error, uint32_t uid, void *userdata) {
        SignOn *s = userdata;
        const Session *shown = session_registry_shown(s->registry);
        int r;

        s->check = password_check_free(s->check);
        if (error < 0) {
                log_full(LOG_NOTICE, error, NULL, NULL, "Session %s stays locked: %s", s->session,
                         error == -EACCES      ? "the password is not its user's"
                         : error == -ETIMEDOUT ? "the password was not verified in time"
                                               : "the password could not be verified");
                return;
        }
        if (!is_waiting(s) || !session_is_persons(shown) || shown->uid != uid) {
                log_info("Session %s is not unlocked: the seat shows something else now", s->session);
                return;
        }
        r = logind_unlock_session(s->logind, shown->id);
        if (r < 0)
                log_warning_errno(r, "Cannot ask the login manager to unlock session %s: %m", shown->id);
        else
                log_info("Unlocking session %s: the host has sent its user's password", shown->id);
}

static void check(SignOn *s, const Credentials *c, const Session *shown) {
        int r = password_check_start(&s->check, s->event, c, shown->uid, on_checked, s);

        if (r < 0)
                log_warning_errno(r, "Session %s stays locked: the password cannot be verified: %m",
                                  shown->id);
        else
                log_debug("Verifying the password for session %s", shown->id);
}

void sign_on_login(SignOn *s, Credentials *credentials) {
        _cleanup_(credentials_freep) Credentials *c = credentials;
        const Session *shown = session_registry_shown(s->registry);
        const char *obstacle = find_obstacle(s, c);
        unsigned suppressed;

        /* The newest counts: what came before it is over, also if nothing comes of this one. */
        s->check = password_check_free(s->check);
        if (s->server)
                cred_server_withdraw(s->server);
        if (obstacle) {
                if (rate_limit(&s->dropped_limit, &suppressed))
                        log_info("The host's login is dropped: %s (%u more before)", obstacle, suppressed);
                return;
        }
        g_free(s->session);
        s->session = g_strdup(shown->id);
        if (s->config->credentials_unlock && !session_is_cover(shown))
                check(s, c, shown);
        else
                offer(s, c, shown);
}

void sign_on_sessions_settled(SignOn *s) {
        if (!s->server || !cred_server_is_offering(s->server) || is_waiting(s))
                return;
        log_info("The host's login is dropped: the seat shows something else now");
        cred_server_withdraw(s->server);
}
