/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-server.h"
#include "test-tree.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* That others than root get nothing is tested with their processes, in tests/integration/test_login.py. */

#define SECOND UINT64_C(1000000)
#define VALID (60 * SECOND)

typedef struct Bed {
        Tree tree;
        char *path;
        sd_event *event;
        CredServer *server;
        unsigned ended;
} Bed;

static void on_ended(void *userdata) {
        ((Bed *) userdata)->ended++;
}

static Bed *bed_new(void) {
        Bed *b = g_new0(Bed, 1);

        b->tree = tree_new();
        b->path = tree_path(&b->tree, "credentials");
        g_assert_cmpint(sd_event_new(&b->event), ==, 0);
        g_assert_cmpint(cred_server_new(&b->server, b->event, b->path, on_ended, b), ==, 0);
        return b;
}

static void bed_free(Bed *b) {
        cred_server_free(b->server);
        g_assert_cmpint(access(b->path, F_OK), <, 0);
        sd_event_unref(b->event);
        tree_done(&b->tree);
        g_free(b->path);
        g_free(b);
}

static const char *offer(Bed *b, const char *user, const char *password, uint64_t usec) {
        _cleanup_(credentials_freep) Credentials *c = credentials_new();
        const char *token;

        (void) g_strlcpy(c->user, user, sizeof(c->user));
        (void) g_strlcpy(c->password, password, sizeof(c->password));
        g_assert_cmpint(cred_server_offer(b->server, c, usec, &token), ==, 0);
        g_assert_cmpuint(strlen(token), ==, CRED_TOKEN_LENGTH);
        g_assert_true(cred_token_is_valid(token, CRED_TOKEN_LENGTH));
        return token;
}

static int connect_to(const Bed *b) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void) g_strlcpy(address.sun_path, b->path, sizeof(address.sun_path));
        g_assert_cmpint(connect(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
        return fd;
}

static int send_request(const Bed *b, const char *token) {
        uint8_t request[CRED_REQUEST_SIZE];
        int fd = connect_to(b);

        cred_request_encode(token, request);
        g_assert_cmpint(send(fd, request, sizeof(request), MSG_NOSIGNAL), ==, sizeof(request));
        return fd;
}

/* Runs the loop until @fd says something or closes, or @usec have passed. */
static bool run_until_ready(Bed *b, int fd, uint64_t usec) {
        gint64 deadline = g_get_monotonic_time() + (gint64) usec;
        struct pollfd p = {.fd = fd, .events = POLLIN};

        while (poll(&p, 1, 0) == 0 && g_get_monotonic_time() < deadline)
                g_assert_cmpint(sd_event_run(b->event, 10000), >=, 0);
        return p.revents;
}

/* Takes the answer on @fd, "STATUS user/password", "closed", or NULL if there is none in time. */
static char *answer_within(Bed *b, int fd, uint64_t usec) {
        uint8_t buffer[CRED_REPLY_MAX + 1];
        CredReply reply;
        ssize_t n;

        if (!run_until_ready(b, fd, usec))
                return NULL;
        n = recv(fd, buffer, sizeof(buffer), 0);
        if (n <= 0)
                return g_strdup("closed");
        g_assert_cmpint(cred_reply_decode(buffer, (size_t) n, &reply), ==, 1);
        /* Nothing follows. */
        g_assert_true(run_until_ready(b, fd, 5 * SECOND));
        g_assert_cmpint(recv(fd, buffer, sizeof(buffer), 0), ==, 0);
        return g_strdup_printf("%d %s/%s", (int) reply.status, reply.user ?: "", reply.password ?: "");
}

static void expect(Bed *b, int fd, const char *expected) {
        g_autofree char *answer = answer_within(b, fd, 10 * SECOND);

        g_assert_cmpstr(answer, ==, expected);
        safe_close(fd);
}

static void flip(char *token) {
        token[CRED_TOKEN_LENGTH - 1] = token[CRED_TOKEN_LENGTH - 1] == '0' ? '1' : '0';
}

#define SOME_TOKEN "0123456789abcdef0123456789abcdef"
#define OK(rest) "1 " rest
#define NOTHING "2 /"
#define WRONG "3 /"

static void test_once(void) {
        Bed *b = bed_new();
        g_autofree char *token = NULL, *longest = g_strnfill(CRED_PASSWORD_MAX, 'p');
        g_autofree char *expected = g_strconcat(OK("u\u017e@d/"), longest, NULL);
        struct stat st;

        g_assert_cmpint(stat(b->path, &st), ==, 0);
        g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
        expect(b, send_request(b, SOME_TOKEN), NOTHING);
        g_assert_false(cred_server_is_offering(b->server));
        token = g_strdup(offer(b, "u\u017e@d", longest, VALID));
        g_assert_true(cred_server_is_offering(b->server));
        expect(b, send_request(b, token), expected);
        g_assert_cmpuint(b->ended, ==, 1);
        expect(b, send_request(b, token), NOTHING);
        bed_free(b);
}

static void test_replaced(void) {
        Bed *b = bed_new();
        g_autofree char *first = g_strdup(offer(b, "first", "1", VALID));
        g_autofree char *second = g_strdup(offer(b, "second", "2", VALID));

        g_assert_cmpuint(b->ended, ==, 1);
        g_assert_cmpstr(first, !=, second);
        expect(b, send_request(b, first), WRONG);
        expect(b, send_request(b, second), OK("second/2"));
        cred_server_withdraw(b->server);
        g_assert_cmpuint(b->ended, ==, 2);
        bed_free(b);
}

static void test_withdrawn(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID));

        cred_server_withdraw(b->server);
        expect(b, send_request(b, token), NOTHING);
        g_assert_cmpuint(b->ended, ==, 1);
        bed_free(b);
}

static void test_expired(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", SECOND / 10));

        for (gint64 end = g_get_monotonic_time() + 10 * (gint64) SECOND;
             b->ended == 0 && g_get_monotonic_time() < end;)
                g_assert_cmpint(sd_event_run(b->event, SECOND), >=, 0);
        g_assert_cmpuint(b->ended, ==, 1);
        expect(b, send_request(b, token), NOTHING);
        bed_free(b);
}

static void test_empty(void) {
        Bed *b = bed_new();
        _cleanup_(credentials_freep) Credentials *c = credentials_new();
        const char *token;

        (void) g_strlcpy(c->user, "u", sizeof(c->user));
        g_assert_cmpint(cred_server_offer(b->server, c, VALID, &token), ==, -EINVAL);
        g_assert_false(cred_server_is_offering(b->server));
        bed_free(b);
}

/* Guessing takes a second each time, and costs the right one nothing. */
static void test_wrong(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID)), *wrong = g_strdup(token);
        gint64 begin = g_get_monotonic_time();
        int fd;

        flip(wrong);
        fd = send_request(b, wrong);
        g_assert_false(run_until_ready(b, fd, SECOND / 5));
        expect(b, fd, WRONG);
        g_assert_cmpint(g_get_monotonic_time() - begin, >=, CRED_WRONG_USEC);
        fd = send_request(b, wrong);
        begin = g_get_monotonic_time();
        expect(b, send_request(b, token), OK("u/p"));
        g_assert_cmpint(g_get_monotonic_time() - begin, <, CRED_WRONG_USEC / 2);
        expect(b, fd, WRONG);
        bed_free(b);
}

/* Who guesses in all connections there are makes room for the right one. */
static void test_flood(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID)), *wrong = g_strdup(token);
        int guessers[50], silent[50];

        flip(wrong);
        for (unsigned i = 0; i < G_N_ELEMENTS(guessers); i++) {
                guessers[i] = send_request(b, wrong);
                silent[i] = connect_to(b);
        }
        expect(b, send_request(b, token), OK("u/p"));
        expect(b, guessers[0], "closed");
        for (unsigned i = 1; i < G_N_ELEMENTS(guessers); i++)
                safe_close(guessers[i]);
        for (unsigned i = 0; i < G_N_ELEMENTS(silent); i++)
                safe_close(silent[i]);
        bed_free(b);
}

static void test_slow(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID));
        uint8_t request[CRED_REQUEST_SIZE];
        int bytewise = connect_to(b), silent = connect_to(b);

        /* In pieces, as long as they come in time. */
        cred_request_encode(token, request);
        for (size_t i = 0; i < sizeof(request); i++) {
                g_assert_cmpint(send(bytewise, request + i, 1, MSG_NOSIGNAL), ==, 1);
                g_assert_cmpint(sd_event_run(b->event, 1000), >=, 0);
        }
        expect(b, bytewise, OK("u/p"));
        expect(b, silent, "closed");
        bed_free(b);
}

static void test_garbage(void) {
        static const char *const requests[] = {
                "GET / HTTP/1.0\r\n\r\n", "OGAC\x02Q",          "OGAC\x01R",
                "OGAC\x01Q\xff\xff",      "OGAC\x01Q\x01\x20x",
        };
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID)),
                        *longer = g_malloc(4 * CRED_REQUEST_SIZE);
        int fd;

        for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
                fd = connect_to(b);
                g_assert_cmpint(send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL), >, 0);
                expect(b, fd, "closed");
        }
        /* Even if it begins well. */
        fd = connect_to(b);
        memset(longer, 'x', 4 * CRED_REQUEST_SIZE);
        cred_request_encode(token, (uint8_t *) longer);
        g_assert_cmpint(send(fd, longer, 4 * CRED_REQUEST_SIZE, MSG_NOSIGNAL), >, 0);
        expect(b, fd, "closed");
        expect(b, send_request(b, token), OK("u/p"));
        bed_free(b);
}

/* Whoever hangs up, before or after the request, takes nothing along. */
static void test_hang_up(void) {
        Bed *b = bed_new();
        g_autofree char *token = g_strdup(offer(b, "u", "p", VALID)), *wrong = g_strdup(token);

        flip(wrong);
        for (unsigned i = 0; i < 20; i++) {
                safe_close(connect_to(b));
                safe_close(send_request(b, wrong));
                g_assert_cmpint(sd_event_run(b->event, 1000), >=, 0);
        }
        expect(b, send_request(b, token), OK("u/p"));
        bed_free(b);
}

static void test_path(void) {
        Bed *b = bed_new();
        g_autofree char *long_path = g_strnfill(200, '/');
        CredServer *second = NULL;

        /* What one that was killed has left is no obstacle. */
        g_assert_cmpint(cred_server_new(&second, b->event, b->path, on_ended, b), ==, 0);
        cred_server_free(second);
        g_assert_cmpint(cred_server_new(&second, b->event, long_path, on_ended, b), ==, -ENAMETOOLONG);
        g_assert_cmpint(cred_server_new(&second, b->event, "/nowhere/credentials", on_ended, b), ==,
                        -ENOENT);
        bed_free(b);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cred-server/once", test_once);
        g_test_add_func("/cred-server/replaced", test_replaced);
        g_test_add_func("/cred-server/withdrawn", test_withdrawn);
        g_test_add_func("/cred-server/expired", test_expired);
        g_test_add_func("/cred-server/empty", test_empty);
        g_test_add_func("/cred-server/wrong", test_wrong);
        g_test_add_func("/cred-server/flood", test_flood);
        g_test_add_func("/cred-server/slow", test_slow);
        g_test_add_func("/cred-server/garbage", test_garbage);
        g_test_add_func("/cred-server/hang-up", test_hang_up);
        g_test_add_func("/cred-server/path", test_path);
        return g_test_run();
}
