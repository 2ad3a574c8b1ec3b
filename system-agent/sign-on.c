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
        /* The last login, until everything that has arrived with it is read: of many only the newest is
         * worth a process. */
        Credentials *unchecked;
        sd_event_source *check_source;
        PasswordCheck *check;
        RateLimit dropped_limit, done_limit;
};

/* A host may send as many logins as it likes: not of each is said what becomes of it. */
#define log_some(limit, level, format, ...)                                                                 \
        do {                                                                                                \
                unsigned suppressed;                                                                        \
                if (rate_limit(limit, &suppressed))                                                         \
                        log_full(level, 0, NULL, NULL, format " (%u more before)", __VA_ARGS__,             \
                                 suppressed);                                                               \
        } while (0)

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
        s->dropped_limit = s->done_limit = (RateLimit){.interval_usec = 60 * USEC_PER_SEC, .burst = 10};
        return s;
}

/* Stops verifying. */
static void forget(SignOn *s) {
        s->check_source = sd_event_source_disable_unref(s->check_source);
        s->unchecked = credentials_free(s->unchecked);
        s->check = password_check_free(s->check);
}

SignOn *sign_on_free(SignOn *s) {
        if (!s)
                return NULL;
        forget(s);
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
                log_some(&s->dropped_limit, LOG_WARNING,
                         "The host's login is dropped, as it cannot be offered: %s", g_strerror(-r));
                if (s->server)
                        cred_server_withdraw(s->server);
                return;
        }
        log_some(&s->done_limit, LOG_INFO, "The host's login is offered to session %s, %s", shown->id,
                 session_is_cover(shown) ? "a login screen" : "which is locked");
}

/* The session may be another's meanwhile, or gone: nothing that was true before counts. */
static void on_checked(int error, uint32_t uid, void *userdata) {
        SignOn *s = userdata;
        const Session *shown = session_registry_shown(s->registry);
        int r;

        s->check = password_check_free(s->check);
        if (error < 0) {
                log_some(&s->dropped_limit, LOG_NOTICE, "Session %s stays locked: %s", s->session,
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
                log_some(&s->done_limit, LOG_INFO,
                         "Unlocking session %s: the host has sent its user's password", shown->id);
}

static int on_check(sd_event_source *source, void *userdata) {
        SignOn *s = userdata;
        _cleanup_(credentials_freep) Credentials *c = TAKE_PTR(s->unchecked);
        const Session *shown = session_registry_shown(s->registry);
        int r;

        s->check_source = sd_event_source_disable_unref(s->check_source);
        if (!is_waiting(s) || session_is_cover(shown)) {
                log_some(&s->dropped_limit, LOG_INFO, "The host's login is dropped: %s",
                         "the seat shows something else now");
                return 0;
        }
        r = password_check_start(&s->check, s->event, c, shown->uid, on_checked, s);
        if (r < 0)
                log_some(&s->dropped_limit, LOG_WARNING,
                         "Session %s stays locked: the password cannot be verified: %s", shown->id,
                         g_strerror(-r));
        else
                log_debug("Verifying the password for session %s", shown->id);
        return 0;
}

static void check(SignOn *s, Credentials *c) {
        int r = sd_event_add_defer(s->event, &s->check_source, on_check, s);

        s->unchecked = c;
        if (r < 0) {
                forget(s);
                log_warning_errno(r, "The host's login is dropped: %m");
        }
}

void sign_on_login(SignOn *s, Credentials *credentials) {
        _cleanup_(credentials_freep) Credentials *c = credentials;
        const Session *shown = session_registry_shown(s->registry);
        const char *obstacle = find_obstacle(s, c);

        /* The newest counts: what came before it is over, also if nothing comes of this one. */
        forget(s);
        if (s->server)
                cred_server_withdraw(s->server);
        if (obstacle) {
                log_some(&s->dropped_limit, LOG_INFO, "The host's login is dropped: %s", obstacle);
                return;
        }
        g_free(s->session);
        s->session = g_strdup(shown->id);
        /* A lock screen that takes the token has PAM look at everything, and opens the keyring. */
        if (s->config->credentials_unlock && !session_is_cover(shown) && !shown->offer.sign_on)
                check(s, TAKE_PTR(c));
        else
                offer(s, c, shown);
}

void sign_on_sessions_settled(SignOn *s) {
        if (!s->server || !cred_server_is_offering(s->server) || is_waiting(s))
                return;
        log_info("The host's login is dropped: the seat shows something else now");
        cred_server_withdraw(s->server);
}
