/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a greeter of LightDM's, with pipes of ours in place of LightDM's, and logs in by itself whom the host
 * sends. Where that cannot be, it runs the greeter and nothing else: nobody is locked out. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <systemd/sd-event.h>
#include <systemd/sd-login.h>

#include "listener.h"
#include "pump.h"
#include "util/log.h"

#define TO_SERVER "LIGHTDM_TO_SERVER_FD"
#define FROM_SERVER "LIGHTDM_FROM_SERVER_FD"

/* Ubuntu starts greeters with this script, which gives them a session bus. LightDM has room for one such
 * program, and this one is in its place. */
#define DISTRIBUTION_WRAPPER "/usr/lib/lightdm/lightdm-greeter-session"

/* Does not return but with an error. */
static int run_greeter(char **argv) {
        if (access(DISTRIBUTION_WRAPPER, X_OK) >= 0) {
                g_autoptr(GPtrArray) command = g_ptr_array_new();

                g_ptr_array_add(command, (char *) DISTRIBUTION_WRAPPER);
                for (char **word = argv; *word; word++)
                        g_ptr_array_add(command, *word);
                g_ptr_array_add(command, NULL);
                (void) execv(DISTRIBUTION_WRAPPER, (char **) command->pdata);
        }
        (void) execvp(argv[0], argv);
        return log_error_errno(-errno, "Cannot run %s: %m", argv[0]);
}

/* The number of an open descriptor in the environment. */
static int get_fd(const char *variable) {
        const char *text = getenv(variable);
        guint64 fd;

        if (!text || !g_ascii_string_to_unsigned(text, 10, 3, INT_MAX, &fd, NULL))
                return -EBADF;
        /* The greeter gets others. */
        return fcntl((int) fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : (int) fd;
}

/* The host shows the person whose password it sends the screen of seat0. LightDM runs the greeters of other
 * seats and of other machines as the same user, and they would hear the agent as well. */
static int check_place(void) {
        _cleanup_free_ char *session = NULL, *seat = NULL, *class = NULL;
        int r;

        if ((r = sd_pid_get_session(0, &session)) < 0 || (r = sd_session_get_class(session, &class)) < 0 ||
            (r = sd_session_get_seat(session, &seat)) < 0 || (r = sd_session_is_remote(session)) < 0)
                return r;
        return r == 0 && strcmp(class, "greeter") == 0 && strcmp(seat, "seat0") == 0 ? 0 : -EXDEV;
}

static void set_fd(const char *variable, int fd) {
        char text[16];

        (void) fcntl(fd, F_SETFD, 0);
        (void) snprintf(text, sizeof(text), "%d", fd);
        (void) setenv(variable, text, 1);
}

static _Noreturn void run_child(char **argv, int to_server, int from_server, const sigset_t *mask) {
        /* Who stops LightDM's greeters knows of this process only. */
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) sigprocmask(SIG_SETMASK, mask, NULL);
        set_fd(TO_SERVER, to_server);
        set_fd(FROM_SERVER, from_server);
        (void) run_greeter(argv);
        _exit(127);
}

typedef struct Wrapper {
        pid_t greeter;
        Pump *pump;
} Wrapper;

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        (void) kill(((Wrapper *) userdata)->greeter, (int) si->ssi_signo);
        return 0;
}

static int on_greeter_end(sd_event_source *source, const siginfo_t *si, void *userdata) {
        return sd_event_exit(sd_event_source_get_event(source),
                             si->si_code == CLD_EXITED ? si->si_status : EXIT_FAILURE);
}

static void on_heard(const char *token, void *userdata) {
        pump_offer(((Wrapper *) userdata)->pump, token);
}

/* Returns the exit status, or a negative errno before there is a greeter. */
static int run(char **argv, PumpEnds server) {
        _cleanup_close_ int to_wrapper_read = -EBADF, to_wrapper_write = -EBADF;
        _cleanup_close_ int to_greeter_read = -EBADF, to_greeter_write = -EBADF;
        _cleanup_(listener_freep) Listener *listener = NULL;
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
        Wrapper w = {};
        int r, pair[2];
        sigset_t mask, before;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        to_wrapper_read = pair[0], to_wrapper_write = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        to_greeter_read = pair[0], to_greeter_write = pair[1];
        r = sd_event_default(&event);
        if (r < 0)
                return r;
        r = pump_new(&w.pump, event, server,
                     (PumpEnds){.in = TAKE_FD(to_wrapper_read), .out = TAKE_FD(to_greeter_write)});
        if (r < 0)
                return r;
        (void) signal(SIGPIPE, SIG_IGN);
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (size_t i = 0; i < G_N_ELEMENTS(signals); i++)
                (void) sigaddset(&mask, signals[i]);
        (void) sigprocmask(SIG_BLOCK, &mask, &before);
        w.greeter = fork();
        if (w.greeter < 0)
                return -errno;
        if (w.greeter == 0)
                run_child(argv, to_wrapper_write, to_greeter_read, &before);
        to_wrapper_write = safe_close(to_wrapper_write);
        to_greeter_read = safe_close(to_greeter_read);

        for (size_t i = 0; i < G_N_ELEMENTS(signals) && r >= 0; i++)
                r = sd_event_add_signal(event, NULL, signals[i], on_signal, &w);
        if (r >= 0)
                r = sd_event_add_child(event, NULL, w.greeter, WEXITED, on_greeter_end, &w);
        if (r >= 0) {
                listener = listener_new(event, on_heard, &w);
                r = sd_event_loop(event);
        }
        w.pump = pump_free(w.pump);
        if (r < 0) {
                log_error_errno(r, "The event loop has failed: %m");
                return EXIT_FAILURE;
        }
        return r;
}

int main(int argc, char **argv) {
        PumpEnds server;
        int r;

        if (argc < 2) {
                fprintf(stderr,
                        "Usage: %s GREETER [ARGUMENT...]\nFor greeter-wrapper= of LightDM; see "
                        "ovirt-lightdm-wrapper(8).\n",
                        argv[0]);
                return 2;
        }
        log_open();
        r = check_place();
        if (r < 0) {
                log_info_errno(r,
                               "Not the login screen of seat0 (%m): nobody is logged in by the host here");
                (void) run_greeter(argv + 1);
                return 127;
        }
        server = (PumpEnds){.in = get_fd(FROM_SERVER), .out = get_fd(TO_SERVER)};
        if (server.in < 0 || server.out < 0) {
                log_error("Not started by LightDM: " FROM_SERVER " and " TO_SERVER " are no descriptors");
                return 2;
        }
        /* Passwords and tokens pass here: no core dumps, no debuggers. */
        (void) prctl(PR_SET_DUMPABLE, 0);
        r = run(argv + 1, server);
        if (r < 0) {
                log_error_errno(r, "Nobody is logged in by the host: %m");
                return EXIT_FAILURE;
        }
        return r;
}
