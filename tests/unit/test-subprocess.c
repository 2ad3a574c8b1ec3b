/* SPDX-License-Identifier: Apache-2.0 */
#include "util/subprocess.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SECOND UINT64_C(1000000)

static sd_event *event;

typedef struct Result {
        unsigned called;
        int error;
        GString *output;
        Subprocess *s;
        bool free_in_callback;
} Result;

static void on_done(int error, const char *output, size_t n, void *userdata) {
        Result *r = userdata;

        r->called++;
        r->error = error;
        g_assert_cmpuint(output[n], ==, 0);
        r->output = g_string_new_len(output, (gssize) n);
        if (r->free_in_callback)
                r->s = subprocess_free(r->s);
}

static void result_done(Result *r) {
        subprocess_free(r->s);
        if (r->output)
                g_string_free(r->output, true);
}
#define _cleanup_result_ _cleanup_(result_done)

/* Runs the loop until *@flag, or for 20 s: then the test fails. */
static void run_until(const unsigned *flag) {
        gint64 deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;

        while (!*flag) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
}

static void run_until_gone(const Subprocess *s) {
        gint64 deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;

        while (subprocess_exists(s)) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
}

static void start(Result *r, SubprocessFunction f, uint64_t time_usec, size_t output_max) {
        SubprocessLimits limits = {.time_usec = time_usec, .output_max = output_max};

        g_assert_cmpint(subprocess_start(&r->s, event, &limits, f, (void *) "given", on_done, r), ==, 0);
        g_assert_true(subprocess_exists(r->s));
}

static int child_hello(int fd, void *userdata) {
        return write_all(fd, userdata, strlen(userdata)) < 0 || write_all(fd, "\0!", 2) < 0;
}

static int child_fails(int fd, void *userdata) {
        (void) write_all(fd, "half", 4);
        return 3;
}

static int child_crashes(int fd, void *userdata) {
        (void) kill(getpid(), SIGKILL);
        return 0;
}

static int child_hangs(int fd, void *userdata) {
        (void) write_all(fd, "begun", 5);
        while (pause() < 0)
                ;
        return 0;
}

static int child_closes_and_hangs(int fd, void *userdata) {
        (void) close(fd);
        return child_hangs(-1, userdata);
}

static int child_floods(int fd, void *userdata) {
        static const char block[4096] = {'x'};

        while (write_all(fd, block, sizeof(block)) >= 0)
                ;
        return 0;
}

static int child_megabyte(int fd, void *userdata) {
        g_autofree char *text = g_strnfill(1024 * 1024, 'x');

        return write_all(fd, text, 1024 * 1024) < 0;
}

/* Leaves somebody behind who holds the pipe. */
static int child_leaves_grandchild(int fd, void *userdata) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) alarm(20);
                (void) pause();
                _exit(0);
        }
        g_autofree char *text = g_strdup_printf("%d", (int) pid);
        return write_all(fd, text, strlen(text)) < 0;
}

/* Reports what it inherited: "descriptors blocked-signals". */
static int child_environment(int fd, void *userdata) {
        g_autoptr(GString) s = g_string_new(NULL);
        sigset_t blocked;

        for (int i = 0; i < 1024; i++)
                if (fcntl(i, F_GETFD) >= 0)
                        g_string_append_printf(s, "%d,", i);
        (void) sigprocmask(SIG_SETMASK, NULL, &blocked);
        g_string_append_printf(s, " %d %d", sigisemptyset(&blocked) == 1,
                               signal(SIGPIPE, SIG_DFL) == SIG_DFL);
        return write_all(fd, s->str, s->len) < 0;
}

static void test_results(void) {
        static const struct {
                SubprocessFunction f;
                uint64_t usec;
                size_t max;
                int error;
                const char *output;
                size_t n;
        } cases[] = {
                {child_hello, 20 * SECOND, 7, 0, "given\0!", 7},
                {child_hello, 20 * SECOND, 6, -EFBIG, "", 0},
                {child_fails, 20 * SECOND, 100, -EIO, "half", 4},
                {child_crashes, 20 * SECOND, 100, -EIO, "", 0},
                {child_hangs, SECOND / 5, 100, -ETIMEDOUT, "begun", 5},
                {child_closes_and_hangs, SECOND / 5, 100, -ETIMEDOUT, "", 0},
                {child_floods, 20 * SECOND, 1000, -EFBIG, "", 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                for (unsigned k = 0; k < 2; k++) {
                        _cleanup_result_ Result r = {.free_in_callback = k};

                        start(&r, cases[i].f, cases[i].usec, cases[i].max);
                        run_until(&r.called);
                        g_assert_cmpint(r.error, ==, cases[i].error);
                        if (cases[i].error != -EFBIG)
                                g_assert_cmpmem(r.output->str, r.output->len, cases[i].output, cases[i].n);
                        else
                                g_assert_cmpuint(r.output->len, <=, cases[i].max);
                        run_until_gone(r.s);
                        g_assert_cmpuint(r.called, ==, 1);
                }
}

static void test_large(void) {
        _cleanup_result_ Result r = {0};

        start(&r, child_megabyte, 20 * SECOND, 1024 * 1024);
        run_until(&r.called);
        g_assert_cmpint(r.error, ==, 0);
        g_assert_cmpuint(r.output->len, ==, 1024 * 1024);
}

/* Cut instead of killed; and how it ended. */
static void test_cut(void) {
        static const struct {
                SubprocessFunction f;
                size_t max;
                int error, status;
                size_t n;
        } cases[] = {
                {child_megabyte, 1000, 0, 0, 1000},
                {child_megabyte, 0, 0, 0, 0},
                {child_hello, 100, 0, 0, 7},
                {child_fails, 3, -EIO, 3, 3},
                {child_crashes, 3, -EIO, 128 + SIGKILL, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                SubprocessLimits limits = {20 * SECOND, cases[i].max, .output_cut = true};
                _cleanup_result_ Result r = {0};

                g_assert_cmpint(
                        subprocess_start(&r.s, event, &limits, cases[i].f, (void *) "given", on_done, &r),
                        ==, 0);
                run_until(&r.called);
                g_assert_cmpint(r.error, ==, cases[i].error);
                g_assert_cmpuint(r.output->len, ==, cases[i].n);
                g_assert_cmpint(subprocess_exit_status(r.s), ==, cases[i].status);
        }
}

static void test_environment(void) {
        _cleanup_close_ int low = open("/dev/null", O_RDONLY), high = -EBADF;
        _cleanup_result_ Result r = {0};
        void (*before)(int) = signal(SIGPIPE, SIG_IGN);

        high = fcntl(low, F_DUPFD, 500);
        g_assert_cmpint(high, >=, 500);
        start(&r, child_environment, 20 * SECOND, 1000);
        run_until(&r.called);
        (void) signal(SIGPIPE, before);
        g_assert_cmpint(r.error, ==, 0);
        g_assert_cmpstr(r.output->str, ==, "0,1,2,3, 1 1");
}

/* The child's end counts, not the pipe's. */
static void test_grandchild(void) {
        _cleanup_result_ Result r = {0};
        gint64 begin = g_get_monotonic_time();

        start(&r, child_leaves_grandchild, 15 * SECOND, 1000);
        run_until(&r.called);
        g_assert_cmpint(r.error, ==, 0);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * (gint64) SECOND);
        g_assert_cmpint(kill((pid_t) g_ascii_strtoll(r.output->str, NULL, 10), SIGKILL), ==, 0);
}

static unsigned count_descriptors(void) {
        DIR *dir = opendir("/proc/self/fd");
        unsigned n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static bool has_children(void) {
        siginfo_t si = {0};

        return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Whoever is freed early is killed, reaped by the loop, and leaves nothing behind. */
static void test_freed_early(void) {
        unsigned before = count_descriptors();
        gint64 deadline;

        for (unsigned i = 0; i < 20; i++) {
                _cleanup_result_ Result r = {0};

                start(&r, child_hangs, 20 * SECOND, 100);
                r.s = subprocess_free(r.s);
                g_assert_cmpuint(r.called, ==, 0);
        }
        deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;
        while (has_children()) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_assert_cmpint(sd_event_run(event, SECOND / 10), >=, 0);
        }
        g_assert_cmpuint(count_descriptors(), ==, before);
}

static void test_null(void) {
        g_assert_false(subprocess_exists(NULL));
        g_assert_null(subprocess_free(NULL));
}

/* "subprocess" in a path has a meaning of its own to GLib. */
int main(int argc, char **argv) {
        sigset_t child;
        int r;

        g_test_init(&argc, &argv, NULL);
        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        (void) sigprocmask(SIG_BLOCK, &child, NULL);
        g_assert_cmpint(sd_event_new(&event), ==, 0);
        g_test_add_func("/child/results", test_results);
        g_test_add_func("/child/large", test_large);
        g_test_add_func("/child/cut", test_cut);
        g_test_add_func("/child/environment", test_environment);
        g_test_add_func("/child/grandchild", test_grandchild);
        g_test_add_func("/child/freed-early", test_freed_early);
        g_test_add_func("/child/null", test_null);
        r = g_test_run();
        sd_event_unref(event);
        return r;
}
