/* SPDX-License-Identifier: Apache-2.0 */
#include "greeter-process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

#define DEADLINE_MS 20000
/* LightDM's pipes have these numbers in the wrapper, and one more is the greeter's to hold. */
#define FROM_SERVER 50
#define TO_SERVER 51
#define HELD 52
#define SAY "head -c 8 /dev/zero >/dev/fd/$LIGHTDM_TO_SERVER_FD; "

/* LightDM's ends, and the wrapper in a process of its own. */
typedef struct Bed {
        int in, out, held;
        pid_t wrapper;
} Bed;

static void make_pipe(int *ret_read, int *ret_write) {
        int pair[2];

        g_assert_cmpint(pipe2(pair, O_CLOEXEC), ==, 0);
        *ret_read = pair[0];
        *ret_write = pair[1];
}

/* What the wrapper finds when LightDM starts it. */
static void prepare(int from_server, int to_server, int held) {
        g_assert_cmpint(dup2(from_server, FROM_SERVER), ==, FROM_SERVER);
        g_assert_cmpint(dup2(to_server, TO_SERVER), ==, TO_SERVER);
        g_assert_cmpint(dup2(held, HELD), ==, HELD);
        g_assert_true(g_setenv("LIGHTDM_FROM_SERVER_FD", G_STRINGIFY(FROM_SERVER), TRUE));
        g_assert_true(g_setenv("LIGHTDM_TO_SERVER_FD", G_STRINGIFY(TO_SERVER), TRUE));
        g_assert_true(g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE));
}

/* @body runs in the wrapper's process, and returns its exit status. */
static Bed bed_new(int (*body)(const char *script), const char *script) {
        int from_server, to_server, held;
        Bed b;

        make_pipe(&b.in, &to_server);
        make_pipe(&from_server, &b.out);
        make_pipe(&b.held, &held);
        b.wrapper = fork();
        g_assert_cmpint(b.wrapper, >=, 0);
        if (b.wrapper == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                prepare(from_server, to_server, held);
                (void) close_range(3, FROM_SERVER - 1, 0);
                _exit(body(script));
        }
        (void) safe_close(from_server);
        (void) safe_close(to_server);
        (void) safe_close(held);
        return b;
}

static int run_script(const char *script) {
        char *argv[] = {(char *) "/bin/sh", (char *) "-c", (char *) script, NULL};
        int r = greeter_run(argv);

        return r < 0 ? 200 : r;
}

/* Reads to the end. */
static size_t read_all(int fd) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint8_t buffer[4096];
        size_t got = 0;
        ssize_t n;

        do {
                g_assert_cmpint(poll(&p, 1, DEADLINE_MS), ==, 1);
                n = read(fd, buffer, sizeof(buffer));
                g_assert_cmpint(n, >=, 0);
                got += (size_t) n;
        } while (n > 0);
        return got;
}

static void wait_said(const Bed *b) {
        struct pollfd p = {.fd = b->in, .events = POLLIN};
        uint8_t frame[8];

        g_assert_cmpint(poll(&p, 1, DEADLINE_MS), ==, 1);
        g_assert_cmpint(read(b->in, frame, sizeof(frame)), ==, sizeof(frame));
}

/* Returns its exit status. */
static int bed_end(Bed *b) {
        int status;

        /* Whoever is left has it open. */
        (void) read_all(b->held);
        g_assert_cmpint(waitpid(b->wrapper, &status, 0), ==, b->wrapper);
        (void) safe_close(b->in);
        (void) safe_close(b->out);
        (void) safe_close(b->held);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect_status(const char *script, int status) {
        Bed b = bed_new(run_script, script);

        g_assert_cmpint(bed_end(&b), ==, status);
}

static void test_exit_status(void) {
        expect_status("exit 0", 0);
        expect_status("exit 3", 3);
        expect_status("kill -KILL $$", EXIT_FAILURE);
        expect_status("exec /nonexistent", 127);
}

/* What a program finds that LightDM itself has started. */
static void test_what_the_greeter_finds(void) {
        expect_status("test -p /dev/fd/$LIGHTDM_TO_SERVER_FD && test -p /dev/fd/$LIGHTDM_FROM_SERVER_FD", 0);
        /* LightDM's own ends: what went through them would pass us by, and none of them would ever end. */
        expect_status("test ! -e /dev/fd/" G_STRINGIFY(FROM_SERVER) " && test ! -e /dev/fd/" G_STRINGIFY(
                              TO_SERVER),
                      0);
        expect_status("test $LIGHTDM_FROM_SERVER_FD != $LIGHTDM_TO_SERVER_FD", 0);
        /* No signal is blocked, nor SIGPIPE ignored. */
        expect_status("grep -q 'SigBlk:.*0000000000000000$' /proc/self/status", 0);
        expect_status("grep -q 'SigIgn:.*[02468ace]...$' /proc/self/status", 0);
}

/* More than is read at once, by one who leaves. */
static void test_last_words(void) {
        for (int i = 0; i < 8; i++) {
                Bed b = bed_new(run_script,
                                "head -c 60000 /dev/zero >/dev/fd/$LIGHTDM_TO_SERVER_FD; exit 3");

                g_assert_cmpuint(read_all(b.in), ==, 60000);
                g_assert_cmpint(bed_end(&b), ==, 3);
        }
}

static void test_signals(void) {
        static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

        for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
                Bed b = bed_new(run_script,
                                "sleep 60 & trap 'kill $!; exit 15' TERM; trap 'kill $!; exit 2' INT;"
                                "trap 'kill $!; exit 1' HUP; " SAY "wait");

                wait_said(&b);
                g_assert_cmpint(kill(b.wrapper, signals[i]), ==, 0);
                g_assert_cmpint(bed_end(&b), ==, signals[i]);
        }
}

static void test_wrapper_that_is_killed(void) {
        Bed b = bed_new(run_script, SAY "exec sleep 60");

        wait_said(&b);
        g_assert_cmpint(kill(b.wrapper, SIGKILL), ==, 0);
        g_assert_cmpint(bed_end(&b), ==, -SIGKILL);
}

/* Whether the process has @text in its memory. */
static bool knows(pid_t pid, const char *text) {
        _cleanup_free_ char *maps_path = g_strdup_printf("/proc/%d/maps", (int) pid);
        _cleanup_free_ char *mem_path = g_strdup_printf("/proc/%d/mem", (int) pid), *maps = NULL;
        _cleanup_close_ int mem = open(mem_path, O_RDONLY | O_CLOEXEC);
        g_auto(GStrv) lines = NULL;
        bool found = false;

        g_assert_cmpint(mem, >=, 0);
        g_assert_true(g_file_get_contents(maps_path, &maps, NULL, NULL));
        lines = g_strsplit(maps, "\n", 0);
        for (char **line = lines; *line && !found; line++) {
                _cleanup_free_ char *area = NULL;
                unsigned long begin, end;
                ssize_t n;

                /* The sanitizers' shadows are larger. */
                if (sscanf(*line, "%lx-%lx", &begin, &end) != 2 || end - begin > 1UL << 26)
                        continue;
                area = g_malloc(end - begin);
                n = pread(mem, area, end - begin, (off_t) begin);
                found = n > 0 && memmem(area, (size_t) n, text, strlen(text));
        }
        return found;
}

/* An answer passes, and does not stay. */
static void test_passwords_are_wiped(void) {
        Bed b = bed_new(run_script,
                        "{ printf '\\0\\0\\0\\3\\0\\0\\0\\026\\0\\0\\0\\1\\0\\0\\0\\016typed-by'; printf %s "
                        "-alice; }"
                        " >/dev/fd/$LIGHTDM_TO_SERVER_FD; read nothing </dev/fd/$LIGHTDM_FROM_SERVER_FD");
        /* In one piece it is nowhere but in what the greeter says. */
        _cleanup_free_ char *password = g_strconcat("typed-by", "-alice", NULL);
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * G_GINT64_CONSTANT(1000);
        struct pollfd p = {.fd = b.in, .events = POLLIN};
        char said[30];

        g_assert_cmpint(poll(&p, 1, DEADLINE_MS), ==, 1);
        g_assert_cmpint(read(b.in, said, sizeof(said)), ==, sizeof(said));
        g_assert_cmpmem(said + 16, 14, password, 14);
        g_assert_true(knows(b.wrapper, "-alice; }"));
        while (knows(b.wrapper, password))
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        b.out = safe_close(b.out);
        (void) bed_end(&b);
}

/* LightDM is another process, which has to learn that the greeter has closed its pipe, and the greeter that
 * LightDM has gone. */
static void test_lightdm_that_leaves(void) {
        Bed b = bed_new(run_script, SAY "read nothing </dev/fd/$LIGHTDM_FROM_SERVER_FD; exit 5");

        wait_said(&b);
        b.out = safe_close(b.out);
        g_assert_cmpint(bed_end(&b), ==, 5);
}

/* The greeter can be started without us. */
static int run_without_descriptors(const char *script) {
        const struct rlimit none = {3, 3};
        sigset_t mask;

        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
        g_assert_cmpint(run_script(script), ==, 200);
        g_assert_cmpint(fcntl(FROM_SERVER, F_GETFD), ==, 0);
        g_assert_cmpint(fcntl(TO_SERVER, F_GETFD), ==, 0);
        g_assert_cmpint(fcntl(FROM_SERVER, F_GETFL) & O_NONBLOCK, ==, 0);
        g_assert_cmpint(fcntl(TO_SERVER, F_GETFL) & O_NONBLOCK, ==, 0);
        g_assert_cmpstr(g_getenv("LIGHTDM_TO_SERVER_FD"), ==, G_STRINGIFY(TO_SERVER));
        g_assert_cmpint(sigprocmask(SIG_BLOCK, NULL, &mask), ==, 0);
        g_assert_cmpint(sigismember(&mask, SIGTERM), ==, 0);
        return 0;
}

static int run_without_pipes(const char *script) {
        g_unsetenv("LIGHTDM_TO_SERVER_FD");
        g_assert_cmpint(run_script(script), ==, 200);
        g_assert_true(g_setenv("LIGHTDM_TO_SERVER_FD", "1", TRUE));
        g_assert_cmpint(run_script(script), ==, 200);
        g_assert_true(g_setenv("LIGHTDM_TO_SERVER_FD", "999", TRUE));
        g_assert_cmpint(run_script(script), ==, 200);
        g_assert_cmpint(fcntl(FROM_SERVER, F_GETFD), ==, 0);
        return 0;
}

static void test_cannot_be(void) {
        Bed b = bed_new(run_without_descriptors, SAY);

        g_assert_cmpint(bed_end(&b), ==, 0);
        b = bed_new(run_without_pipes, SAY);
        g_assert_cmpint(bed_end(&b), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/greeter-process/exit-status", test_exit_status);
        g_test_add_func("/greeter-process/what-the-greeter-finds", test_what_the_greeter_finds);
        g_test_add_func("/greeter-process/last-words", test_last_words);
        g_test_add_func("/greeter-process/passwords-are-wiped", test_passwords_are_wiped);
        g_test_add_func("/greeter-process/signals", test_signals);
        g_test_add_func("/greeter-process/wrapper-that-is-killed", test_wrapper_that_is_killed);
        g_test_add_func("/greeter-process/lightdm-that-leaves", test_lightdm_that_leaves);
        g_test_add_func("/greeter-process/cannot-be", test_cannot_be);
        return g_test_run();
}
