/* SPDX-License-Identifier: Apache-2.0 */
/* Asks for a token and exchanges it at the agent for the user's name and password, which the modules below
 * it judge as if they had been typed. This is a guest in other people's privileged processes: all state is
 * in its arguments and on its stack, and it changes nothing of the process. */

#include "cred-client.h"

#include <errno.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <security/pam_modutil.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define TIMEOUT_DEFAULT_S 5
#define TIMEOUT_MAX_S 60

#define EXPORT __attribute__((visibility("default")))

typedef struct Options {
        const char *socket;
        const char *if_user; /* NULL: whoever */
        unsigned timeout_s;
        bool allow_remote;
        bool any_seat;
        bool debug;
} Options;

#define debug(pamh, options, ...)                                                                           \
        do {                                                                                                \
                if ((options)->debug)                                                                       \
                        pam_syslog(pamh, LOG_DEBUG, __VA_ARGS__);                                           \
        } while (0)

static const char *value_of(const char *argument, const char *name) {
        size_t n = strlen(name);

        return strncmp(argument, name, n) == 0 ? argument + n : NULL;
}

static bool parse_timeout(const char *text, unsigned *ret) {
        char *end;
        unsigned long n;

        if (*text < '0' || *text > '9')
                return false;
        n = strtoul(text, &end, 10);
        if (*end != '\0' || n < 1 || n > TIMEOUT_MAX_S)
                return false;
        *ret = (unsigned) n;
        return true;
}

static bool parse_option(const char *argument, Options *o) {
        const char *value;

        if ((value = value_of(argument, "timeout=")))
                return parse_timeout(value, &o->timeout_s);
        if ((value = value_of(argument, "socket="))) {
                if (*value != '/')
                        return false;
                o->socket = value;
        } else if ((value = value_of(argument, "if_user="))) {
                if (*value == '\0')
                        return false;
                o->if_user = value;
        } else if (strcmp(argument, "allow_remote") == 0)
                o->allow_remote = true;
        else if (strcmp(argument, "any_seat") == 0)
                o->any_seat = true;
        else if (strcmp(argument, "debug") == 0)
                o->debug = true;
        else
                return false;
        return true;
}

/* What is not understood is said and passed over: an administrator's slip is not to keep people out. */
static Options parse_options(pam_handle_t *pamh, int argc, const char **argv) {
        Options o = {.socket = CRED_SOCKET_PATH, .timeout_s = TIMEOUT_DEFAULT_S};

        for (int i = 0; i < argc; i++)
                if (!parse_option(argv[i], &o))
                        pam_syslog(pamh, LOG_ERR, "ignoring the option \"%s\"", argv[i]);
        return o;
}

static const char *item(pam_handle_t *pamh, int type) {
        const void *value = NULL;

        if (pam_get_item(pamh, type, &value) != PAM_SUCCESS)
                return "";
        return value ?: "";
}

/* What PAM knows of the terminal says nothing: GDM names tty1 for displays that are nowhere, too. */
static bool is_seat0(pam_handle_t *pamh) {
        const char *seat = pam_getenv(pamh, "XDG_SEAT");

        return seat && strcmp(seat, "seat0") == 0;
}

/* "HOST:0", a display of another machine; ":0" is one of this. */
static bool is_remote_display(const char *tty) {
        const char *colon = strrchr(tty, ':');

        return *tty != '/' && colon && colon > tty && colon[1] >= '0' && colon[1] <= '9';
}

/* The host shows the user the screen of seat0, and has the credentials of the person who looks at it. */
static bool is_acceptable_place(pam_handle_t *pamh, const Options *o) {
        if (!o->allow_remote && (*item(pamh, PAM_RHOST) || is_remote_display(item(pamh, PAM_TTY)))) {
                pam_syslog(pamh, LOG_NOTICE, "refused: the login comes from another machine");
                return false;
        }
        if (!o->any_seat && !is_seat0(pamh)) {
                pam_syslog(pamh, LOG_NOTICE, "refused: the login is not at seat0");
                return false;
        }
        return true;
}

static void wipe_and_free(char *text) {
        if (text)
                explicit_bzero(text, strlen(text));
        free(text);
}

/* The one question, which a greeter that was told the token answers by itself. */
static int ask_for_token(pam_handle_t *pamh, char **ret) {
        char *token = NULL;
        int r = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &token, CRED_QUESTION);

        /* An application that comes back later with the answer asks anew. */
        if (r == PAM_CONV_AGAIN)
                return PAM_INCOMPLETE;
        if (r == PAM_SUCCESS && (!token || !cred_token_is_valid(token, strlen(token)))) {
                pam_syslog(pamh, LOG_NOTICE, "refused: the answer is not a token");
                r = PAM_AUTH_ERR;
        }
        if (r != PAM_SUCCESS) {
                wipe_and_free(token);
                return r;
        }
        *ret = token;
        return PAM_SUCCESS;
}

/* The account that the host's name for the user stands for: of that very name, or of the part before the
 * domain. NULL if there is neither. */
static const struct passwd *find_account(pam_handle_t *pamh, const char *user) {
        const struct passwd *account = pam_modutil_getpwnam(pamh, user);
        const char *at = strrchr(user, '@');
        char name[CRED_USER_MAX + 1];

        if (account || !at || at == user)
                return account;
        memcpy(name, user, (size_t) (at - user));
        name[at - user] = '\0';
        return pam_modutil_getpwnam(pamh, name);
}

/* Unlocking, the application knows whose session it is: the credentials have to be that user's, however each
 * of them spells the name. */
static int check_preset_user(pam_handle_t *pamh, const char *preset, const struct passwd *received) {
        const struct passwd *account = pam_modutil_getpwnam(pamh, preset);

        if (!account) {
                pam_syslog(pamh, LOG_NOTICE, "refused: no account for the user whom the application named");
                return PAM_USER_UNKNOWN;
        }
        if (!received || received->pw_uid != account->pw_uid) {
                pam_syslog(pamh, LOG_NOTICE, "refused: these are another user's credentials");
                return PAM_AUTH_ERR;
        }
        return PAM_SUCCESS;
}

static int take_credentials(pam_handle_t *pamh, const Options *o, const CredReply *reply) {
        const char *preset = o->if_user ? "" : item(pamh, PAM_USER);
        const struct passwd *account = find_account(pamh, reply->user);
        int r;

        if (*preset)
                r = check_preset_user(pamh, preset, account);
        else
                /* No account yet: modules that make one when it is needed know the name in full. */
                r = pam_set_item(pamh, PAM_USER, account ? account->pw_name : reply->user);
        if (r != PAM_SUCCESS)
                return r;
        return pam_set_item(pamh, PAM_AUTHTOK, reply->password);
}

static int fetch(pam_handle_t *pamh, const Options *o, const char *token, uint8_t *buffer, CredReply *ret) {
        int r = cred_client_fetch(o->socket, token, o->timeout_s * 1000, buffer, ret);

        switch (r) {
        case 0:
                break;
        case -ENOENT:
        case -ECONNREFUSED:
                debug(pamh, o, "the agent does not listen at %s", o->socket);
                return PAM_AUTHINFO_UNAVAIL;
        case -EPERM:
                pam_syslog(pamh, LOG_ALERT, "not root, but somebody else listens at %s", o->socket);
                return PAM_AUTHINFO_UNAVAIL;
        case -EBADMSG:
                pam_syslog(pamh, LOG_ERR, "the agent's answer makes no sense: do versions differ?");
                return PAM_AUTHINFO_UNAVAIL;
        default:
                errno = -r;
                pam_syslog(pamh, LOG_ERR, "no answer from the agent: %m");
                return PAM_AUTHINFO_UNAVAIL;
        }

        switch (ret->status) {
        case CRED_OK:
                debug(pamh, o, "the agent handed out credentials");
                return PAM_SUCCESS;
        case CRED_NOTHING:
                debug(pamh, o, "the agent has nothing to hand out");
                return PAM_AUTHINFO_UNAVAIL;
        case CRED_WRONG:
                pam_syslog(pamh, LOG_NOTICE, "refused: the agent knows another token");
                return PAM_AUTH_ERR;
        }
        return PAM_AUTHINFO_UNAVAIL;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        uint8_t buffer[CRED_REPLY_MAX];
        Options o = parse_options(pamh, argc, argv);
        char *token = NULL;
        CredReply reply;
        int r;

        /* Somebody is at the ordinary prompt of a service that is for both. */
        if (o.if_user && strcmp(item(pamh, PAM_USER), o.if_user) != 0)
                return PAM_IGNORE;
        if (!is_acceptable_place(pamh, &o))
                return PAM_AUTHINFO_UNAVAIL;

        r = ask_for_token(pamh, &token);
        if (r != PAM_SUCCESS)
                return r;
        r = fetch(pamh, &o, token, buffer, &reply);
        if (r == PAM_SUCCESS)
                r = take_credentials(pamh, &o, &reply);
        explicit_bzero(buffer, sizeof(buffer));
        wipe_and_free(token);
        return r;
}

/* There are no credentials of this module's own to set. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        return PAM_SUCCESS;
}
