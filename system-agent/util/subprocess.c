/* SPDX-License-Identifier: Apache-2.0 */
#include "util/subprocess.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define READ_CHUNK 16384

struct Subprocess {
        pid_t pid;       /* 0 once reaped */
        int fd;          /* our end of the pipe */
        bool finished;   /* done has been called */
        bool overflowed; /* wrote more than it may */
        int exit_status; /* once reaped */
        SubprocessLimits limits;
        GString *output;
        SubprocessDone done;
        void *userdata;
        sd_event_source *exit_source, *io_source, *timer_source;
};

int write_all(int fd, const char *data, size_t n) {
        while (n > 0) {
                ssize_t k = write(fd, data, n);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                data += k;
                n -= (size_t) k;
        }
        return 0;
}

/* The last thing to do with @s: the callback may free it. */
static void finish(Subprocess *s, int error) {
        g_autoptr(GString) output = TAKE_PTR(s->output);

        s->finished = true;
        s->io_source = sd_event_source_disable_unref(s->io_source);
        s->timer_source = sd_event_source_disable_unref(s->timer_source);
        s->fd = safe_close(s->fd);
        s->done(error, output->str, output->len, s->userdata);
}

/* With whatever it has started itself. */
static void kill_child(Subprocess *s) {
        if (s->pid > 0)
                (void) kill(-s->pid, SIGKILL);
}

/* Takes what is in the pipe. False at its end, and once the child has said too much. */
static bool drain(Subprocess *s) {
        for (;;) {
                char chunk[READ_CHUNK];
                ssize_t n = read(s->fd, chunk, sizeof(chunk));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN;
                if (n == 0)
                        return false;

                size_t room = s->limits.output_max - s->output->len;
                if ((size_t) n > room && !s->limits.output_cut) {
                        s->overflowed = true;
                        return false;
                }
                g_string_append_len(s->output, chunk, MIN(n, (ssize_t) room));
                if ((size_t) n > room)
                        return true; /* who writes faster than we read must not keep us here */
        }
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Subprocess *s = userdata;

        if (!drain(s)) {
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
                if (s->overflowed)
                        kill_child(s);
        }
        return 0;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *si, void *userdata) {
        Subprocess *s = userdata;

        if (!s) {
                /* Freed before the kernel let go of its child: nobody else holds the source. */
                (void) sd_event_source_set_floating(source, false);
                return 0;
        }
        s->pid = 0;
        s->exit_status = si->si_code == CLD_EXITED ? si->si_status : 128 + si->si_status;
        s->exit_source = sd_event_source_disable_unref(s->exit_source);
        if (s->finished)
                return 0;
        if (!s->overflowed)
                (void) drain(s);
        if (s->overflowed)
                finish(s, -EFBIG);
        else if (s->exit_status != 0)
                finish(s, -EIO);
        else
                finish(s, 0);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Subprocess *s = userdata;

        kill_child(s);
        finish(s, -ETIMEDOUT);
        return 0;
}

/* The child's life. An inherited descriptor would keep a port busy, so all but ours go. */
static void run_child(pid_t parent, int input, int fd, SubprocessFunction function, void *userdata) {
        sigset_t none;

        (void) setpgid(0, 0);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        if (dup2(input, STDIN_FILENO) < 0 || dup2(fd, STDERR_FILENO + 1) < 0)
                _exit(EXIT_FAILURE);
        (void) close_range(STDERR_FILENO + 2, ~0U, 0);
        for (int i = 1; i < NSIG; i++)
                (void) signal(i, SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        _exit(function(STDERR_FILENO + 1, userdata));
}

int subprocess_start(Subprocess **ret, sd_event *event, const SubprocessLimits *limits,
                     SubprocessFunction function, void *function_userdata, SubprocessDone done,
                     void *done_userdata) {
        _cleanup_(subprocess_freep) Subprocess *s = NULL;
        _cleanup_close_ int our_end = -EBADF, child_end = -EBADF;
        pid_t parent = getpid(), pid;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        our_end = fds[0];
        child_end = fds[1];
        if (fcntl(our_end, F_SETFL, O_NONBLOCK) < 0)
                return -errno;

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_child(parent, limits->input, child_end, function, function_userdata);

        s = g_new0(Subprocess, 1);
        s->pid = pid;
        s->fd = TAKE_FD(our_end);
        s->limits = *limits;
        s->output = g_string_new(NULL);
        s->done = done;
        s->userdata = done_userdata;
        (void) setpgid(pid, pid); /* whoever comes first */

        r = sd_event_add_child(event, &s->exit_source, pid, WEXITED, on_exit_of_child, s);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &s->io_source, s->fd, EPOLLIN, on_io, s);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &s->timer_source, CLOCK_MONOTONIC, limits->time_usec, 0,
                                       on_deadline, s);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(s);
        return 0;
}

int subprocess_exit_status(const Subprocess *s) {
        return s->exit_status;
}

bool subprocess_exists(const Subprocess *s) {
        return s && s->pid > 0;
}

Subprocess *subprocess_free(Subprocess *s) {
        if (!s)
                return NULL;

        kill_child(s);
        if (s->exit_source) {
                /* The loop itself reaps the child whenever it ends. */
                (void) sd_event_source_set_userdata(s->exit_source, NULL);
                (void) sd_event_source_set_floating(s->exit_source, true);
                s->exit_source = sd_event_source_unref(s->exit_source);
        } else if (s->pid > 0)
                (void) waitpid(s->pid, NULL, 0); /* it never got as far as being watched */
        (void) sd_event_source_disable_unref(s->io_source);
        (void) sd_event_source_disable_unref(s->timer_source);
        safe_close(s->fd);
        if (s->output)
                g_string_free(s->output, true);
        g_free(s);
        return NULL;
}
