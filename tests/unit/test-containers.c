/* SPDX-License-Identifier: Apache-2.0 */
#include "guest-info/containers.h"
#include "test-tree.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define OK "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define ONE                                                                                                 \
        "[{\"Id\":\"c1\",\"Names\":[\"/web\",\"/alias\"],\"Image\":\"nginx\",\"Command\":\"run "            \
        "it\",\"Status\":\"Up 2 hours\"}]"

static char *describe(GPtrArray *containers) {
        GString *s = g_string_new(NULL);

        for (guint i = 0; i < containers->len; i++) {
                const GuestContainer *c = containers->pdata[i];

                g_string_append_printf(s, "%s%s(", i > 0 ? " " : "", c->id);
                for (guint k = 0; k < c->names->len; k++)
                        g_string_append_printf(s, "%s%s", k > 0 ? "," : "", (char *) c->names->pdata[k]);
                g_string_append_printf(s, ")%s;%s;%s", c->image, c->command, c->status);
        }
        return g_string_free(s, FALSE);
}

static void test_answers(void) {
        static const struct {
                const char *answer;
                const char *expected; /* NULL: refused */
        } cases[] = {
                {OK ONE, "c1(/web,/alias)nginx;run it;Up 2 hours"},
                {OK "[]", ""},
                {OK " [ ] \n", ""},
                /* Members that are missing or something else. */
                {OK "[{\"Id\":\"a\"}]", "a();;"},
                {OK "[{\"Id\":\"a\",\"Names\":null,\"Image\":null,\"Command\":7,\"Status\":[]}]", "a();;"},
                {OK "[{\"Id\":\"a\",\"Names\":\"x\"}]", "a();;"},
                {OK "[{\"Id\":\"a\",\"Names\":[null,1,\"x\",{}]}]", "a(x);;"},
                {OK "[{\"Id\":1},{\"Id\":\"\"},{},null,[],\"Id\",{\"Id\":\"b\"}]", "b();;"},
                /* Not a list. */
                {OK "{}", NULL},
                {OK "null", NULL},
                {OK "", NULL},
                {OK "<html>", NULL},
                {OK "[{\"Id\":\"a\"}", NULL},
                {OK "[] []", NULL},
                {OK "[\"\xff\"]", NULL},
                /* Not a good answer. */
                {"HTTP/1.0 500 Oops\r\n\r\n[]", NULL},
                {"HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"page not found\"}", NULL},
                {"HTTP/1.0 2000 OK\r\n\r\n[]", NULL},
                {"HTTP/2 200\r\n\r\n[]", NULL},
                {"200 OK\r\n\r\n[]", NULL},
                {"HTTP/1.0 200 OK\r\n[]", NULL},
                {"\r\n\r\n[]", NULL},
                {"[]", NULL},
                {"", NULL},
                /* Lengths. */
                {"HTTP/1.1 200 OK\r\ncontent-length:  2 \r\n\r\n[]more", ""},
                {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[]", NULL},
                {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]", NULL},
                {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n[]", NULL},
                /* Chunks. */
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n1\r\n[\r\nA;x=y\r\n{\"Id\":\"c\"}\r\n1\r\n]\r\n0\r\n\r\n",
                 "c();;"},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n", NULL}, /* no last one */
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]x\n0\r\n\r\n", NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n[]\r\n0\r\n\r\n", NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n[]\r\n0\r\n\r\n",
                 NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n[]\r\n0\r\n\r\n", NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n[]", NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", NULL},
                {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n[]", NULL},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                size_t n = strlen(cases[i].answer);
                g_autofree char *answer = g_memdup2(cases[i].answer, n); /* no NUL behind it */
                g_autoptr(GPtrArray) containers = NULL;
                int r = guest_containers_parse(answer, n, &containers);

                g_test_message("%zu", i);
                if (cases[i].expected) {
                        g_autofree char *text = NULL;

                        g_assert_cmpint(r, ==, 0);
                        text = describe(containers);
                        g_assert_cmpstr(text, ==, cases[i].expected);
                } else
                        g_assert_cmpint(r, ==, -EBADMSG);
        }
}

/* What an engine in a child process does with one connection. */
typedef void (*Engine)(int fd, const char *text);

/* Reads the request, so that the other end sees no reset, and checks it. */
static void take_request(int fd) {
        char buffer[256];
        size_t n = 0;

        while (n < sizeof(buffer) - 1) {
                ssize_t k = read(fd, buffer + n, sizeof(buffer) - 1 - n);
                if (k <= 0)
                        _exit(1);
                n += (size_t) k;
                buffer[n] = '\0';
                if (strstr(buffer, "\r\n\r\n"))
                        break;
        }
        if (!g_str_has_prefix(buffer, "GET /containers/json?all=true HTTP/1.0\r\n"))
                _exit(1);
}

static void engine_says(int fd, const char *text) {
        take_request(fd);
        (void) !write(fd, text, strlen(text));
}

static void engine_hangs(int fd, const char *text) {
        take_request(fd);
        pause();
}

/* A byte now and then: each read succeeds, the whole never ends. */
static void engine_dribbles(int fd, const char *text) {
        take_request(fd);
        (void) !write(fd, OK, strlen(OK));
        while (write(fd, " ", 1) == 1)
                g_usleep(2000);
}

static void engine_floods(int fd, const char *text) {
        g_autofree char *much = g_strnfill(65536, ' ');

        take_request(fd);
        (void) !write(fd, OK, strlen(OK));
        while (write(fd, much, 65536) > 0)
                ;
}

static void engine_resets(int fd, const char *text) {
        /* Closed with the request unread: a reset on the other side. */
        char c;
        (void) !read(fd, &c, 1);
}

static void stop(pid_t pid) {
        int status;

        (void) kill(pid, SIGKILL);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
}

static int ask(Engine engine, const char *text, uint64_t timeout_usec, GPtrArray **ret) {
        int fds[2], r;
        pid_t pid;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                (void) signal(SIGPIPE, SIG_DFL);
                close(fds[0]);
                engine(fds[1], text);
                _exit(0);
        }
        close(fds[1]);
        r = guest_containers_ask(fds[0], timeout_usec, ret);
        close(fds[0]);
        stop(pid);
        return r;
}

static void test_engines(void) {
        g_autoptr(GPtrArray) containers = NULL, none = NULL;
        g_autofree char *text = NULL;
        gint64 start;

        g_assert_cmpint(ask(engine_says, OK ONE, 10 * G_USEC_PER_SEC, &containers), ==, 0);
        text = describe(containers);
        g_assert_cmpstr(text, ==, "c1(/web,/alias)nginx;run it;Up 2 hours");

        g_assert_cmpint(ask(engine_says, "", 10 * G_USEC_PER_SEC, &none), ==, -EBADMSG);
        g_assert_cmpint(ask(engine_says, "garbage", 10 * G_USEC_PER_SEC, &none), ==, -EBADMSG);
        g_assert_cmpint(ask(engine_floods, NULL, 60 * G_USEC_PER_SEC, &none), ==, -EFBIG);
        g_assert_cmpint(ask(engine_resets, NULL, 10 * G_USEC_PER_SEC, &none), <, 0);

        start = g_get_monotonic_time();
        g_assert_cmpint(ask(engine_hangs, NULL, 100000, &none), ==, -ETIME);
        g_assert_cmpint(ask(engine_dribbles, NULL, 100000, &none), ==, -ETIME);
        g_assert_cmpint(g_get_monotonic_time() - start, >=, 200000);
        g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
        g_assert_null(none);
}

/* An engine that listens below @t, in a process of its own. */
static pid_t listen_below(const Tree *t, const char *path, const char *text) {
        g_autofree char *full = tree_path(t, path), *parent = g_path_get_dirname(full);
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
        (void) unlink(full);
        g_assert_cmpuint(g_strlcpy(sa.sun_path, full, sizeof(sa.sun_path)), <, sizeof(sa.sun_path));
        g_assert_cmpint(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), ==, 0);
        g_assert_cmpint(listen(fd, 8), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0)
                for (;;) {
                        int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                        if (connection < 0)
                                _exit(1);
                        engine_says(connection, text);
                        close(connection);
                }
        close(fd);
        return pid;
}

static void assert_containers(int root, const char *expected) {
        g_autoptr(GPtrArray) containers = NULL;
        g_autofree char *text = NULL;

        g_assert_cmpint(guest_containers_read(root, &containers), ==, 0);
        text = describe(containers);
        g_assert_cmpstr(text, ==, expected);
}

static void test_sockets(void) {
        _cleanup_tree_ Tree t = tree_new();
        g_autoptr(GPtrArray) none = NULL;
        pid_t docker, podman;

        assert_containers(t.fd, "");

        podman = listen_below(&t, "run/podman/podman.sock",
                              OK "[{\"Id\":\"z\"},{\"Id\":\"a\"},{\"Id\":\"m\"}]");
        assert_containers(t.fd, "a();; m();; z();;");
        docker = listen_below(&t, "run/docker.sock", OK "[{\"Id\":\"m\"},{\"Id\":\"b\"}]");
        assert_containers(t.fd, "a();; b();; m();; z();;");
        stop(docker);
        assert_containers(t.fd, "a();; m();; z();;"); /* the socket is there, nobody listens */

        docker = listen_below(&t, "run/docker.sock", "HTTP/1.0 500 Oops\r\n\r\n");
        assert_containers(t.fd, "a();; m();; z();;");
        stop(podman);
        g_assert_cmpint(guest_containers_read(t.fd, &none), ==, -EIO);
        stop(docker);
        assert_containers(t.fd, "");

        /* Something else in the socket's place. */
        tree_write(&t, "run/podman/podman.sock", "no socket");
        assert_containers(t.fd, "");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/containers/answers", test_answers);
        g_test_add_func("/containers/engines", test_engines);
        g_test_add_func("/containers/sockets", test_sockets);
        return g_test_run();
}
