/* SPDX-License-Identifier: Apache-2.0 */
#include "greeter-process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <systemd/sd-event.h>

#include "listener.h"
#include "pump.h"
#include "util/log.h"

#define TO_SERVER "LIGHTDM_TO_SERVER_FD"
#define FROM_SERVER "LIGHTDM_FROM_SERVER_FD"

/* Ubuntu starts greeters with this script, which gives them a session bus. LightDM has room for one such
 * program, and this one is in its place. */
#define DISTRIBUTION_WRAPPER "/usr/lib/lightdm/lightdm-greeter-session"

/* After what the greeter has said, and before the bus, on which anybody may keep us busy. */
#define END_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 1)

int greeter_exec(char **argv) {
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
        return fcntl((int) fd, F_GETFD) < 0 ? -errno : (int) fd;
}

static void set_fd(const char *variable, int fd) {
        char text[16];

        (void) fcntl(fd, F_SETFD, 0);
        (void) snprintf(text, sizeof(text), "%d", fd);
        (void) setenv(variable, text, 1);
}

static _Noreturn void run_child(char **argv, PumpEnds server, PumpEnds ours, const sigset_t *mask) {
        /* Who stops LightDM's greeters knows of this process only. */
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void) signal(SIGPIPE, SIG_DFL);
        (void) sigprocmask(SIG_SETMASK, mask, NULL);
        (void) fcntl(server.in, F_SETFD, FD_CLOEXEC);
        (void) fcntl(server.out, F_SETFD, FD_CLOEXEC);
        set_fd(FROM_SERVER, ours.in);
        set_fd(TO_SERVER, ours.out);
        (void) greeter_exec(argv);
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

/* Until the greeter's end. @greeter are our ends of its pipes. */
static int loop(sd_event *event, Wrapper *w, const int *signals, PumpEnds server, PumpEnds greeter) {
        _cleanup_(sd_event_source_unrefp) sd_event_source *end = NULL;
        _cleanup_(listener_freep) Listener *listener = NULL;
        int r = pump_new(&w->pump, event, server, greeter);

        for (; *signals && r >= 0; signals++)
                r = sd_event_add_signal(event, NULL, *signals, on_signal, w);
        if (r >= 0)
                r = sd_event_add_child(event, &end, w->greeter, WEXITED, on_greeter_end, w);
        if (r >= 0)
                r = sd_event_source_set_priority(end, END_PRIORITY);
        if (r >= 0) {
                listener = listener_new(event, on_heard, w);
                r = sd_event_loop(event);
        }
        w->pump = pump_free(w->pump);
        return r;
}

int greeter_run(char **argv) {
        const PumpEnds server = {.in = get_fd(FROM_SERVER), .out = get_fd(TO_SERVER)};
        _cleanup_close_ int to_wrapper_read = -EBADF, to_wrapper_write = -EBADF;
        _cleanup_close_ int to_greeter_read = -EBADF, to_greeter_write = -EBADF;
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP, 0};
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        sigset_t mask, before;
        int r, pair[2];
        Wrapper w = {};

        if (server.in < 0 || server.out < 0)
                return log_error_errno(-EBADF, "Not started by LightDM: " FROM_SERVER " and " TO_SERVER
                                               " are no descriptors");
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        to_wrapper_read = pair[0], to_wrapper_write = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        to_greeter_read = pair[0], to_greeter_write = pair[1];
        r = sd_event_new(&event);
        if (r < 0)
                return r;
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGCHLD);
        for (const int *s = signals; *s; s++)
                (void) sigaddset(&mask, *s);
        (void) sigprocmask(SIG_BLOCK, &mask, &before);
        w.greeter = fork();
        if (w.greeter < 0) {
                r = -errno;
                (void) sigprocmask(SIG_SETMASK, &before, NULL);
                return r;
        }
        if (w.greeter == 0)
                run_child(argv, server, (PumpEnds){.in = to_greeter_read, .out = to_wrapper_write}, &before);
        to_wrapper_write = safe_close(to_wrapper_write);
        to_greeter_read = safe_close(to_greeter_read);
        (void) signal(SIGPIPE, SIG_IGN);

        /* From now on there is a greeter: it ends with us. */
        r = loop(event, &w, signals, server,
                 (PumpEnds){.in = TAKE_FD(to_wrapper_read), .out = TAKE_FD(to_greeter_write)});
        if (r < 0) {
                log_error_errno(r, "The event loop has failed: %m");
                return EXIT_FAILURE;
        }
        return r;
}
