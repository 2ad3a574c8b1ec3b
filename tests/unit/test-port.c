/* SPDX-License-Identifier: Apache-2.0 */
#include "port.h"
#include "test-tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>

/* UNIX sockets and terminals play the device; the test is the host, and a protocol that takes notes. */

#define SECOND UINT64_C(1000000)
#define QUEUE_MAX (4U * 1024 * 1024)

static sd_event *event;

typedef struct Recorder {
        Port *port;
        GString *input;
        GString *events;      /* "+" host came, "-" it left, "d" drained */
        const char *greeting; /* written when the host comes */
        bool echo;
} Recorder;

static void on_link(void *self, bool host_present) {
        Recorder *r = self;

        g_string_append_c(r->events, host_present ? '+' : '-');
        g_assert_cmpint(port_is_connected(r->port), ==, host_present);
        if (host_present) {
                /* Nothing of an earlier host's is left. */
                g_assert_cmpuint(port_pending(r->port), ==, 0);
                g_assert_false(port_is_congested(r->port));
                if (r->greeting)
                        g_assert_cmpint(port_write(r->port, r->greeting, strlen(r->greeting)), ==, 0);
                port_flush(r->port);
        }
}

static void on_input(void *self, const uint8_t *data, size_t n) {
        Recorder *r = self;

        g_string_append_len(r->input, (const char *) data, (gssize) n);
        if (r->echo)
                g_assert_cmpint(port_write(r->port, (const char *) data, n), ==, 0);
}

static void on_drained(void *self) {
        Recorder *r = self;

        g_string_append_c(r->events, 'd');
        g_assert_cmpuint(port_pending(r->port), ==, 0);
}

static const ProtocolOps ops = {
        .name = "test",
        .port_names = (const char *const[]){"first", "second", NULL},
        .queue_max = QUEUE_MAX,
        .link_changed = on_link,
        .input = on_input,
        .drained = on_drained,
};

static Recorder recorder_new(void) {
        return (Recorder){.input = g_string_new(NULL), .events = g_string_new(NULL)};
}

static void recorder_done(Recorder *r) {
        port_free(r->port);
        g_string_free(r->input, true);
        g_string_free(r->events, true);
}
#define _cleanup_recorder_ _cleanup_(recorder_done)

/* Two sockets, below a directory of their own. */
typedef struct Bed {
        Tree tree;
        char *path[2];
        PortOverride overrides[2];
} Bed;

static Bed bed_new(void) {
        Bed b = {.tree = tree_new()};

        for (size_t i = 0; i < 2; i++) {
                b.path[i] = tree_path(&b.tree, ops.port_names[i]);
                b.overrides[i] = (PortOverride){ops.port_names[i], b.path[i]};
        }
        return b;
}

static void bed_done(Bed *b) {
        tree_done(&b->tree);
        g_free(b->path[0]);
        g_free(b->path[1]);
}
#define _cleanup_bed_ _cleanup_(bed_done)

static void start(Recorder *r, const PortOverride *overrides, size_t n) {
        r->port = port_new(event, &ops, "/nowhere/", overrides, n);
        port_start(r->port, r);
}

static int listen_at(const char *path) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        g_assert_cmpuint(g_strlcpy(sa.sun_path, path, sizeof(sa.sun_path)), <, sizeof(sa.sun_path));
        g_assert_cmpint(bind(fd, (const struct sockaddr *) &sa, sizeof(sa)), ==, 0);
        g_assert_cmpint(listen(fd, 10), ==, 0);
        return fd;
}

static bool readable(int fd) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};

        return poll(&pfd, 1, 0) > 0;
}

/* Runs the loop until @condition, for 20 s at most. */
#define RUN_UNTIL(condition)                                                                                \
        do {                                                                                                \
                gint64 _deadline = g_get_monotonic_time() + 20 * (gint64) SECOND;                           \
                while (!(condition)) {                                                                      \
                        g_assert_cmpint(g_get_monotonic_time(), <, _deadline);                              \
                        g_assert_cmpint(sd_event_run(event, SECOND / 100), >=, 0);                          \
                }                                                                                           \
        } while (false)

/* Handles what there is to handle now. */
static void run_pending(void) {
        for (unsigned n = 0; sd_event_run(event, 0) > 0; n++)
                g_assert_cmpuint(n, <, 10000);
}

static int accept_port(int listener) {
        int fd = -EBADF;

        RUN_UNTIL((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
        return fd;
}

/* Reads @n bytes from the port's other side while the loop runs. */
static char *host_read(int fd, size_t n) {
        GString *s = g_string_new(NULL);

        while (s->len < n) {
                char chunk[65536];
                ssize_t k;

                RUN_UNTIL((k = read(fd, chunk, MIN(sizeof(chunk), n - s->len))) != -1);
                g_assert_cmpint(k, >, 0);
                g_string_append_len(s, chunk, k);
        }
        return g_string_free(s, false);
}

static void host_write(int fd, const char *text) {
        g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t) strlen(text));
}

static void test_both_ways(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();

        r.greeting = "hello\n";
        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpstr(r.events->str, ==, "+");
        g_assert_cmpstr(port_path(r.port), ==, bed.path[0]);
        g_autofree char *greeting = host_read(host, 6);
        g_assert_cmpstr(greeting, ==, "hello\n");

        /* What is answered to input goes out without being asked to. */
        r.echo = true;
        host_write(host, "one\ntwo\n");
        g_autofree char *answer = host_read(host, 8);
        g_assert_cmpstr(answer, ==, "one\ntwo\n");
        g_assert_cmpstr(r.input->str, ==, "one\ntwo\n");
        g_assert_cmpstr(r.events->str, ==, "+");
}

static void test_nobody(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_recorder_ Recorder r = recorder_new();

        start(&r, bed.overrides, 2);
        g_assert_null(port_path(r.port));
        g_assert_false(port_is_connected(r.port));
        g_assert_cmpint(port_write(r.port, "x", 1), ==, -ENOTCONN);
        g_assert_cmpuint(port_pending(r.port), ==, 0);
        port_flush(r.port);
        port_drain(r.port, SECOND);
        port_check(r.port);
        g_assert_cmpuint(r.events->len, ==, 0);

        /* Nothing wakes us, not even a timer. */
        for (unsigned i = 0; i < 5; i++)
                g_assert_cmpint(sd_event_run(event, SECOND / 20), ==, 0);
}

/* A port of which nobody tells that it is only a matter of time: every directory on the way may be missing.
 */
static void test_appears(void) {
        _cleanup_bed_ Bed bed = bed_new();
        g_autofree char *directory = tree_path(&bed.tree, "a/b"),
                        *path = g_build_filename(directory, "port", NULL);
        PortOverride override = {"first", path};
        _cleanup_close_ int listener = -EBADF, host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();

        start(&r, &override, 1);
        run_pending();
        tree_mkdir(&bed.tree, "a");
        run_pending();
        tree_mkdir(&bed.tree, "a/b");
        run_pending();
        g_assert_cmpuint(r.events->len, ==, 0);
        listener = listen_at(path);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpstr(r.events->str, ==, "+");
}

/* A socket file without a listener is tried again, and less and less often. */
static void test_refused(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int host = -EBADF, listener = listen_at(bed.path[0]);
        _cleanup_recorder_ Recorder r = recorder_new();
        gint64 end = g_get_monotonic_time() + (gint64) SECOND;
        unsigned woken = 0;

        listener = safe_close(listener);
        start(&r, bed.overrides, 1);
        while (g_get_monotonic_time() < end)
                woken += sd_event_run(event, SECOND / 20) > 0;
        g_assert_cmpuint(woken, >=, 2);
        g_assert_cmpuint(woken, <=, 4); /* after 0.1, 0.3, 0.7 s */

        g_assert_cmpint(unlink(bed.path[0]), ==, 0);
        listener = listen_at(bed.path[0]);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpstr(r.events->str, ==, "+");
}

/* Bytes that tell their place. */
static char *pattern(size_t n) {
        char *s = g_malloc(n + 1);

        for (size_t i = 0; i < n; i++)
                s[i] = (char) ('a' + (i / 7 + i) % 26);
        s[n] = 0;
        return s;
}

static void test_slow_host(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        const size_t n = QUEUE_MAX;
        g_autofree char *data = pattern(n), *received = NULL;

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpint(port_write(r.port, data, n), ==, 0);
        g_assert_cmpint(port_write(r.port, "x", 1), ==, -ENOBUFS);
        port_flush(r.port);
        g_assert_true(port_is_congested(r.port));
        g_assert_cmpuint(port_pending(r.port), <, n);

        /* Waiting for room is no work. */
        run_pending();
        for (unsigned i = 0; i < 5; i++)
                g_assert_cmpint(sd_event_run(event, SECOND / 20), ==, 0);
        g_assert_cmpstr(r.events->str, ==, "+");

        received = host_read(host, n);
        g_assert_cmpmem(received, n, data, n);
        RUN_UNTIL(r.events->len > 1);
        g_assert_cmpstr(r.events->str, ==, "+d");
        g_assert_false(port_is_congested(r.port));
        g_assert_cmpuint(port_pending(r.port), ==, 0);

        /* All that was said is behind it: from now on nothing wakes us. */
        run_pending();
        g_assert_cmpint(sd_event_run(event, SECOND / 20), ==, 0);
}

/* The host makes room and talks in one: the queue empties while its input is handled. */
static void test_drained_by_input(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        const size_t n = 512 * 1024;
        g_autofree char *data = pattern(n);
        char chunk[65536];

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpint(port_write(r.port, data, n), ==, 0);
        port_flush(r.port);
        g_assert_true(port_is_congested(r.port));
        run_pending();

        for (unsigned i = 0; port_pending(r.port) > 0; i++) {
                g_assert_cmpuint(i, <, 1000);
                while (read(host, chunk, sizeof(chunk)) > 0)
                        ;
                host_write(host, "x");
                g_assert_cmpint(sd_event_run(event, SECOND), >=, 0);
        }
        RUN_UNTIL(r.events->len > 1);
        g_assert_cmpstr(r.events->str, ==, "+d");
}

static void test_reconnect(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        g_autofree char *data = pattern(QUEUE_MAX), *part = NULL, *first = NULL;

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpint(port_write(r.port, data, QUEUE_MAX), ==, 0);
        port_flush(r.port);
        part = host_read(host, 1000);
        g_assert_cmpuint(port_pending(r.port), >, 0);

        /* The host goes in the middle of a message; the next one gets a beginning. */
        r.greeting = "hello\n";
        host = safe_close(host);
        RUN_UNTIL(g_str_equal(r.events->str, "+-"));
        g_assert_cmpint(port_write(r.port, "stale\n", 6), ==, -ENOTCONN);
        g_assert_cmpuint(port_pending(r.port), ==, 0);
        host = accept_port(listener);
        RUN_UNTIL(g_str_equal(r.events->str, "+-+"));
        first = host_read(host, 6);
        g_assert_cmpstr(first, ==, "hello\n");
        run_pending();
        g_assert_false(readable(host));
}

/* What the host said before it left is heard. */
static void test_last_words(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        g_autofree char *data = pattern(150000);

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpint(write(host, data, 150000), ==, 150000);
        host = safe_close(host);
        RUN_UNTIL(r.events->len > 1);
        g_assert_cmpstr(r.events->str, ==, "+-");
        g_assert_cmpmem(r.input->str, r.input->len, data, 150000);
}

/* A host that never stops talking leaves others their turn. */
static void test_flood(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        g_autofree char *data = pattern(200000);
        size_t before;

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);
        run_pending();
        g_assert_cmpint(write(host, data, 200000), ==, 200000);
        before = r.input->len;
        g_assert_cmpint(sd_event_run(event, SECOND), >, 0);
        g_assert_cmpuint(r.input->len - before, >, 0);
        g_assert_cmpuint(r.input->len - before, <=, 65536);
        RUN_UNTIL(r.input->len == 200000);
        g_assert_cmpmem(r.input->str, r.input->len, data, 200000);
}

static void test_two_devices(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int second = listen_at(bed.path[1]), host2 = -EBADF, first = -EBADF, host1 = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();

        r.echo = true;
        start(&r, bed.overrides, 2);
        host2 = accept_port(second);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpstr(port_path(r.port), ==, bed.path[1]);

        /* The preferred one comes later, and is held open, but the active one stays. */
        first = listen_at(bed.path[0]);
        host1 = accept_port(first);
        host_write(host1, "aside\n");
        host_write(host2, "main\n");
        g_autofree char *answer = host_read(host2, 5);
        g_assert_cmpstr(answer, ==, "main\n");
        run_pending();
        g_assert_cmpstr(r.input->str, ==, "main\n");
        g_assert_cmpstr(r.events->str, ==, "+");
        g_assert_false(readable(host1));

        /* When its host leaves, the other is there at once. */
        host2 = safe_close(host2);
        RUN_UNTIL(r.events->len >= 3);
        g_assert_cmpstr(r.events->str, ==, "+-+");
        g_assert_cmpstr(port_path(r.port), ==, bed.path[0]);
        g_autofree char *aside = host_read(host1, 6);
        g_assert_cmpstr(aside, ==, "aside\n");
}

/* The host of the device that is not in use leaves and comes back meanwhile. */
static void test_other_reopened(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int first = listen_at(bed.path[0]), second = listen_at(bed.path[1]);
        _cleanup_close_ int host1 = -EBADF, host2 = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();

        start(&r, bed.overrides, 2);
        host1 = accept_port(first);
        host2 = accept_port(second);
        RUN_UNTIL(r.events->len > 0);
        g_assert_cmpstr(port_path(r.port), ==, bed.path[0]);

        host2 = safe_close(host2);
        host2 = accept_port(second);
        host1 = safe_close(host1);
        first = safe_close(first);
        g_assert_cmpint(unlink(bed.path[0]), ==, 0);
        RUN_UNTIL(g_str_equal(r.events->str, "+-+"));
        g_assert_cmpstr(port_path(r.port), ==, bed.path[1]);
        host_write(host2, "here\n");
        RUN_UNTIL(g_str_equal(r.input->str, "here\n"));
}

/* Only the names that are overridden count, where one is. */
static void test_override(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int first = listen_at(bed.path[0]), second = listen_at(bed.path[1]), host = -EBADF;
        g_autofree char *prefix = g_strconcat(bed.tree.path, "/", NULL);
        PortOverride other = {"of another protocol", "/nowhere"};

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_recorder_ Recorder r = recorder_new();
                int unused = -EBADF;

                r.port = port_new(event, &ops, prefix, i == 0 ? &bed.overrides[1] : &other, 1);
                port_start(r.port, &r);
                host = accept_port(i == 0 ? second : first);
                RUN_UNTIL(r.events->len > 0);
                g_assert_cmpstr(port_path(r.port), ==, bed.path[i == 0 ? 1 : 0]);
                run_pending();
                unused = accept4(i == 0 ? first : second, NULL, NULL, SOCK_CLOEXEC);
                g_assert_true((unused >= 0) == (i == 1)); /* the second name below the prefix is open too */
                safe_close(unused);
                host = safe_close(host);
        }
}

static void test_drain(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_close_ int listener = listen_at(bed.path[0]), host = -EBADF;
        _cleanup_recorder_ Recorder r = recorder_new();
        g_autofree char *data = pattern(QUEUE_MAX);
        gint64 begin;
        pid_t pid;

        start(&r, bed.overrides, 1);
        host = accept_port(listener);
        RUN_UNTIL(r.events->len > 0);

        /* A host that reads gets all, though the loop does not run. */
        g_assert_cmpint(port_write(r.port, data, QUEUE_MAX), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                struct pollfd pfd = {.fd = host, .events = POLLIN};
                static char chunk[65536];
                size_t n = 0;

                (void) alarm(20);
                while (n < QUEUE_MAX && poll(&pfd, 1, -1) > 0) {
                        ssize_t k = read(host, chunk, sizeof(chunk));
                        n += k > 0 ? (size_t) k : 0;
                }
                _exit(0);
        }
        port_drain(r.port, 20 * SECOND);
        g_assert_cmpuint(port_pending(r.port), ==, 0);
        (void) kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);

        /* One that does not costs the time it is given. */
        g_assert_cmpint(port_write(r.port, data, QUEUE_MAX), ==, 0);
        begin = g_get_monotonic_time();
        port_drain(r.port, SECOND / 5);
        g_assert_cmpint(g_get_monotonic_time() - begin, >=, (gint64) SECOND / 5);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * (gint64) SECOND);
        g_assert_cmpuint(port_pending(r.port), >, 0);

        /* One that leaves costs none. */
        host = safe_close(host);
        begin = g_get_monotonic_time();
        port_drain(r.port, 20 * SECOND);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 10 * (gint64) SECOND);
}

static void test_terminal(void) {
        _cleanup_bed_ Bed bed = bed_new();
        _cleanup_recorder_ Recorder r = recorder_new();
        struct termios t;

        r.echo = true;
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

                g_assert_cmpint(grantpt(master), ==, 0);
                g_assert_cmpint(unlockpt(master), ==, 0);
                (void) unlink(bed.path[0]);
                g_assert_cmpint(symlink(ptsname(master), bed.path[0]), ==, 0);
                if (!r.port)
                        start(&r, bed.overrides, 1);
                RUN_UNTIL(r.events->len == 2 * i + 1);

                /* Raw: nothing is echoed, translated or taken for a signal. */
                g_assert_cmpint(tcgetattr(master, &t), ==, 0);
                g_assert_cmpuint(t.c_lflag & (ICANON | ECHO | ISIG), ==, 0);
                host_write(master, "a\x03\r\n");
                g_autofree char *answer = host_read(master, 4);
                g_assert_cmpstr(answer, ==, "a\x03\r\n");

                master = safe_close(master);
                RUN_UNTIL(r.events->len == 2 * i + 2);
        }
        g_assert_cmpstr(r.events->str, ==, "+-+-");
}

/* No port at all, whatever stands at the path. */
static void test_unfit(void) {
        _cleanup_bed_ Bed bed = bed_new();
        static const char *const unfit[] = {"/dev/null", "/dev/zero", "/proc/self/mem", "/"};

        for (size_t i = 0; i < G_N_ELEMENTS(unfit); i++) {
                _cleanup_recorder_ Recorder r = recorder_new();
                gint64 end = g_get_monotonic_time() + (gint64) SECOND / 3;
                unsigned woken = 0;

                (void) unlink(bed.path[0]);
                g_assert_cmpint(symlink(unfit[i], bed.path[0]), ==, 0);
                start(&r, bed.overrides, 1);
                while (g_get_monotonic_time() < end)
                        woken += sd_event_run(event, SECOND / 20) > 0;
                g_assert_cmpuint(woken, <=, 3);
                g_assert_cmpuint(r.events->len, ==, 0);
        }
}

int main(int argc, char **argv) {
        int r;

        g_test_init(&argc, &argv, NULL);
        (void) signal(SIGPIPE, SIG_IGN); /* as the agent does */
        g_assert_cmpint(sd_event_new(&event), ==, 0);
        g_test_add_func("/port/both-ways", test_both_ways);
        g_test_add_func("/port/nobody", test_nobody);
        g_test_add_func("/port/appears", test_appears);
        g_test_add_func("/port/refused", test_refused);
        g_test_add_func("/port/slow-host", test_slow_host);
        g_test_add_func("/port/drained-by-input", test_drained_by_input);
        g_test_add_func("/port/reconnect", test_reconnect);
        g_test_add_func("/port/last-words", test_last_words);
        g_test_add_func("/port/flood", test_flood);
        g_test_add_func("/port/two-devices", test_two_devices);
        g_test_add_func("/port/other-reopened", test_other_reopened);
        g_test_add_func("/port/override", test_override);
        g_test_add_func("/port/drain", test_drain);
        g_test_add_func("/port/terminal", test_terminal);
        g_test_add_func("/port/unfit", test_unfit);
        r = g_test_run();
        sd_event_unref(event);
        return r;
}
