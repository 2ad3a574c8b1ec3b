/* SPDX-License-Identifier: Apache-2.0 */
#include "password-check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "cred-wire.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/subprocess.h"

/* Directories far away may take long, and modules wait on purpose after a wrong password. */
#define CHECK_USEC UINT64_C(20000000)

struct PasswordCheck {
        uint32_t uid;
        Subprocess *child;
        PasswordChecked checked;
        void *userdata;
};

static void on_done(int error, const char *output, size_t n, void *userdata) {
        PasswordCheck *p = userdata;

        if (error == -EIO && subprocess_exit_status(p->child) == CRED_EXIT_WRONG)
                error = -EACCES;
        if (error < 0 && n > 0) {
                _cleanup_free_ char *said = g_strescape(output, NULL);

                log_debug("Verifying the password: %s", said);
        }
        p->checked(error, p->uid, p->userdata);
}

/* In the child. */
static int run(int fd, void *userdata) {
        char **argv = userdata;

        if (dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 || chdir("/") < 0)
                return EXIT_FAILURE;
        (void) close_range(STDERR_FILENO + 1, ~0U, 0);
        (void) execv(argv[0], argv);
        (void) dprintf(STDERR_FILENO, "%s cannot be started: %m", argv[0]);
        return EXIT_FAILURE;
}

/* The service manager runs it where there is one, outside of our sandbox. */
static char **make_command(uint32_t uid) {
        g_autoptr(GStrvBuilder) b = g_strv_builder_new();
        _cleanup_free_ char *self = g_file_read_link("/proc/self/exe", NULL),
                            *directory = g_path_get_dirname(self ?: ""),
                            *program = g_build_filename(directory, "ovirt-check-password", NULL),
                            *number = g_strdup_printf("%" PRIu32, uid),
                            *runtime = g_strdup_printf("--property=RuntimeMaxSec=%" PRIu64 "us", CHECK_USEC);

        if (sd_booted() > 0)
                g_strv_builder_add_many(b, "/usr/bin/systemd-run", "--quiet", "--no-ask-password", "--pipe",
                                        "--wait", "--collect", "--service-type=exec",
                                        "--property=LimitCORE=0", "--description=oVirt password check",
                                        runtime, "--", NULL);
        g_strv_builder_add_many(b, program, number, NULL);
        return g_strv_builder_end(b);
}

/* What a program reads @c from. All of it fits into an empty socket. */
static int open_input(const Credentials *c) {
        const CredReply frame = {.status = CRED_OK, .user = c->user, .password = c->password};
        uint8_t *buffer = secret_new(CRED_REPLY_MAX);
        int n = cred_reply_encode(&frame, buffer), fds[2], r;

        r = n < 0 ? n : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : fds[0];
        if (r >= 0) {
                if (send(fds[1], buffer, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL) != n) {
                        safe_close(fds[0]);
                        r = -EIO;
                }
                safe_close(fds[1]);
        }
        (void) secret_free(buffer, CRED_REPLY_MAX);
        return r;
}

int password_check_start(PasswordCheck **ret, sd_event *event, const Credentials *c, uint32_t uid,
                         PasswordChecked checked, void *userdata) {
        _cleanup_close_ int input = open_input(c);
        const SubprocessLimits limits = {
                .time_usec = CHECK_USEC,
                .output_max = 1024,
                .output_cut = true,
                .input = input,
        };
        _cleanup_(password_check_freep) PasswordCheck *p = NULL;
        g_auto(GStrv) command = make_command(uid);
        int r;

        if (input < 0)
                return input;
        p = g_new0(PasswordCheck, 1);
        p->uid = uid;
        p->checked = checked;
        p->userdata = userdata;
        r = subprocess_start(&p->child, event, &limits, run, command, on_done, p);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

PasswordCheck *password_check_free(PasswordCheck *p) {
        if (!p)
                return NULL;
        subprocess_free(p->child);
        g_free(p);
        return NULL;
}
