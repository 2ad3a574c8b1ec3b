/* SPDX-License-Identifier: Apache-2.0 */
/* An application that uses PAM, as the tests want it:
 *
 *   pam-driver DIRECTORY SERVICE [user=NAME] [rhost=HOST] [tty=TTY] [env=NAME=VALUE]... [OPTION]...
 *
 * authenticates with the service's file in DIRECTORY once for each line of standard input, which answers
 * every hidden question. Prints a line for each question ("hidden TEXT", "visible TEXT", "error TEXT", "info
 * TEXT"), then "authenticate CODE", and after a success "setcred CODE", "user NAME" and the variables of
 * PAM's environment, then "end". The codes are numbers of Linux-PAM. Fails if PAM has changed something of
 * the process. Options:
 *
 *   threads   all of that at once, each in a thread
 *   mute      cannot ask questions
 *   null      answers with NULL
 *   linger    once it is authenticated or is not, forgets the answer, prints "lingering CODE" and waits to
 * be killed */

#include <dirent.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define ANSWERS_MAX 64

static char input[65536];
static char **arguments;
static int n_arguments;

typedef struct Transaction {
        const char *answer;
        FILE *out;
        char *text;
        size_t n;
} Transaction;

static void check(bool good, const char *what) {
        if (good)
                return;
        fprintf(stderr, "pam-driver: %s\n", what);
        exit(2);
}

static const char *argument(const char *name, int *i) {
        for (; *i < n_arguments; (*i)++)
                if (strncmp(arguments[*i], name, strlen(name)) == 0)
                        return arguments[(*i)++] + strlen(name);
        return NULL;
}

static const char *first_argument(const char *name) {
        int i = 3;

        return argument(name, &i);
}

static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *userdata) {
        Transaction *t = userdata;
        struct pam_response *responses = calloc((size_t) n, sizeof(*responses));
        static const char *const styles[] = {
                [PAM_PROMPT_ECHO_OFF] = "hidden",
                [PAM_PROMPT_ECHO_ON] = "visible",
                [PAM_ERROR_MSG] = "error",
                [PAM_TEXT_INFO] = "info",
        };

        if (first_argument("mute")) {
                free(responses);
                return PAM_CONV_ERR;
        }
        for (int i = 0; i < n; i++) {
                fprintf(t->out, "%s %s\n", styles[messages[i]->msg_style], messages[i]->msg);
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF && !first_argument("null"))
                        responses[i].resp = strdup(t->answer);
        }
        *ret = responses;
        return PAM_SUCCESS;
}

/* Disturbs memory as little as it can. */
static void linger(int r) {
        char line[] = "lingering ?\n";

        explicit_bzero(input, sizeof(input));
        line[10] = (char) ('0' + r);
        if (write(STDOUT_FILENO, line, strlen(line)) > 0)
                pause();
}

static void *transact(void *userdata) {
        Transaction *t = userdata;
        const struct pam_conv conversation = {.conv = converse, .appdata_ptr = t};
        const char *value;
        const void *user = NULL;
        char **environment;
        pam_handle_t *pamh;
        int r, i = 3;

        t->out = open_memstream(&t->text, &t->n);
        r = pam_start_confdir(arguments[2], first_argument("user="), &conversation, arguments[1], &pamh);
        check(r == PAM_SUCCESS, "pam_start_confdir");
        if ((value = first_argument("rhost=")))
                check(pam_set_item(pamh, PAM_RHOST, value) == PAM_SUCCESS, "rhost");
        if ((value = first_argument("tty=")))
                check(pam_set_item(pamh, PAM_TTY, value) == PAM_SUCCESS, "tty");
        while ((value = argument("env=", &i)))
                check(pam_putenv(pamh, value) == PAM_SUCCESS, "env");

        r = pam_authenticate(pamh, 0);
        if (first_argument("linger"))
                linger(r);
        fprintf(t->out, "authenticate %d\n", r);
        if (r == PAM_SUCCESS) {
                fprintf(t->out, "setcred %d\n", pam_setcred(pamh, PAM_ESTABLISH_CRED));
                if (first_argument("account")) {
                        fprintf(t->out, "account %d\n", pam_acct_mgmt(pamh, 0));
                        fprintf(t->out, "password %d\n", pam_chauthtok(pamh, 0));
                }
                check(pam_get_item(pamh, PAM_USER, &user) == PAM_SUCCESS, "user");
                fprintf(t->out, "user %s\n", user ? (const char *) user : "");
                environment = pam_getenvlist(pamh);
                for (char **e = environment; *e; e++) {
                        fprintf(t->out, "%s\n", *e);
                        free(*e);
                }
                free(environment);
        }
        fprintf(t->out, "end\n");
        pam_end(pamh, r);
        fclose(t->out);
        return NULL;
}

/* What belongs to the process and not to a guest in it. */
static char *describe_process(void) {
        struct sigaction action;
        sigset_t mask;
        mode_t bits = umask(0);
        char directory[4096];
        char *text;
        int n_descriptors = 0;
        DIR *d = opendir("/proc/self/fd");

        umask(bits);
        while (readdir(d))
                n_descriptors++;
        closedir(d);
        sigaction(SIGPIPE, NULL, &action);
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        check(asprintf(&text, "%d descriptors, umask %o, directory %s, SIGPIPE %s and %d", n_descriptors,
                       bits, getcwd(directory, sizeof(directory)),
                       action.sa_handler == SIG_DFL ? "default" : "changed",
                       sigismember(&mask, SIGPIPE)) > 0,
              "asprintf");
        return text;
}

int main(int argc, char **argv) {
        static Transaction transactions[ANSWERS_MAX];
        pthread_t threads[ANSWERS_MAX];
        char *before, *after, *line, *rest = input;
        int n = 0;

        check(argc >= 3, "what service?");
        arguments = argv;
        n_arguments = argc;
        for (ssize_t k = 1, length = 0; k > 0; length += k)
                k = read(STDIN_FILENO, input + length, sizeof(input) - 1 - (size_t) length);
        while ((line = strsep(&rest, "\n")) && rest && n < ANSWERS_MAX)
                transactions[n++].answer = line;

        openlog(NULL, LOG_NDELAY, LOG_AUTHPRIV);
        before = describe_process();
        if (first_argument("threads")) {
                for (int i = 0; i < n; i++)
                        check(pthread_create(&threads[i], NULL, transact, &transactions[i]) == 0,
                              "pthread_create");
                for (int i = 0; i < n; i++)
                        pthread_join(threads[i], NULL);
        } else
                for (int i = 0; i < n; i++)
                        transact(&transactions[i]);
        after = describe_process();
        check(strcmp(before, after) == 0, after);
        free(before);
        free(after);

        for (int i = 0; i < n; i++) {
                fputs(transactions[i].text, stdout);
                free(transactions[i].text);
        }
        return 0;
}
