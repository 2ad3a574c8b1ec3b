/* SPDX-License-Identifier: Apache-2.0 */

/* ovirt-check-password UID: whether the name and password on standard input, a frame as the credentials'
 * server replies, are those of that user, by the PAM service "ovirt-guest-agent". The system agent starts it
 * when it is configured to unlock sessions, and takes its exit status for an answer. */

#include <errno.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cred-wire.h"

#define SERVICE "ovirt-guest-agent"

/* What is read, and what points into it; wiped before the end. */
static uint8_t frame[CRED_REPLY_MAX];

typedef struct Answers {
        const char *password;
        int given; /* once: a second hidden question is for something else */
} Answers;

static void free_responses(struct pam_response *responses, int n) {
        for (int i = 0; i < n; i++)
                if (responses[i].resp) {
                        explicit_bzero(responses[i].resp, strlen(responses[i].resp));
                        free(responses[i].resp);
                }
        free(responses);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *userdata) {
        struct pam_response *responses;
        Answers *a = userdata;

        if (n <= 0 || n > PAM_MAX_NUM_MSG)
                return PAM_CONV_ERR;
        responses = calloc((size_t) n, sizeof(*responses));
        if (!responses)
                return PAM_BUF_ERR;
        for (int i = 0; i < n; i++) {
                if (messages[i]->msg_style == PAM_ERROR_MSG || messages[i]->msg_style == PAM_TEXT_INFO)
                        continue;
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF && !a->given)
                        responses[i].resp = strdup(a->password);
                if (!responses[i].resp) {
                        free_responses(responses, n);
                        return PAM_CONV_ERR;
                }
                a->given = 1;
        }
        *ret = responses;
        return PAM_SUCCESS;
}

/* The entry stands until the next call. */
static const struct passwd *find_user(const char *name) {
        static char buffer[65536];
        static struct passwd entry;
        struct passwd *found = NULL;

        return getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) == 0 ? found : NULL;
}

static int is_user(const char *name, uid_t uid) {
        const struct passwd *user = find_user(name);

        return user && user->pw_uid == uid;
}

/* Leaves in @name what the user with number @uid is called, if that is whom it stands for: the account of
 * that very name, or of the part before the domain, as the module takes it. */
static int resolve(char name[static CRED_USER_MAX + 1], uid_t uid) {
        char *at = strrchr(name, '@');

        if (!find_user(name) && at && at > name)
                *at = 0;
        return is_user(name, uid);
}

static int authenticate(const char *name, const char *password, uid_t uid) {
        Answers answers = {.password = password};
        const struct pam_conv conversation = {converse, &answers};
        const void *user = NULL;
        pam_handle_t *pam;
        int r;

        r = pam_start(SERVICE, name, &conversation, &pam);
        if (r != PAM_SUCCESS)
                return EXIT_FAILURE;
        r = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        if (r == PAM_SUCCESS)
                r = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
        /* A module may have made somebody else of the user. */
        if (r == PAM_SUCCESS)
                r = pam_get_item(pam, PAM_USER, &user);
        if (r == PAM_SUCCESS && (!user || !is_user(user, uid)))
                r = PAM_USER_UNKNOWN;
        (void) pam_end(pam, r);
        return r == PAM_SUCCESS ? EXIT_SUCCESS : CRED_EXIT_WRONG;
}

/* Reads to the end of input, and no more than a frame has. */
static size_t read_frame(void) {
        size_t length = 0;

        while (length < sizeof(frame)) {
                ssize_t n = read(STDIN_FILENO, frame + length, sizeof(frame) - length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                length += (size_t) n;
        }
        return length;
}

int main(int argc, char **argv) {
        char name[CRED_USER_MAX + 1] = {};
        int status = EXIT_FAILURE;
        CredReply credentials;
        unsigned long uid;
        char *end;

        (void) prctl(PR_SET_DUMPABLE, 0);
        (void) mlock(frame, sizeof(frame));
        if (argc != 2)
                return EXIT_FAILURE;
        errno = 0;
        uid = strtoul(argv[1], &end, 10);
        if (errno != 0 || end == argv[1] || *end || uid >= UINT32_MAX)
                return EXIT_FAILURE;

        if (cred_reply_decode(frame, read_frame(), &credentials) == 1 && credentials.status == CRED_OK) {
                memcpy(name, credentials.user, strlen(credentials.user));
                /* Others' passwords are not tried here. */
                status = resolve(name, (uid_t) uid) ? authenticate(name, credentials.password, (uid_t) uid)
                                                    : CRED_EXIT_WRONG;
        }
        explicit_bzero(frame, sizeof(frame));
        return status;
}
