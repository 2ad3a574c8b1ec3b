/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-wire.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#define TOKEN "0123456789abcdef0123456789abcdef"
#define REPLY "OGAC\001R"

static void test_token(void) {
        g_assert_true(cred_token_is_valid(TOKEN, 32));
        g_assert_false(cred_token_is_valid(TOKEN, 31));
        g_assert_false(cred_token_is_valid(TOKEN "0", 33));
        g_assert_false(cred_token_is_valid("", 0));
        g_assert_false(cred_token_is_valid("0123456789abcdeF0123456789abcdef", 32));
        g_assert_false(cred_token_is_valid("0123456789abcdef0123456789abcde", 32));
        g_assert_false(cred_token_is_valid("0123456789abcdef0123456789abcdeg", 32));
}

static void test_request(void) {
        uint8_t buffer[CRED_REQUEST_SIZE + 1] = {};
        const char *token = NULL;

        cred_request_encode(TOKEN, buffer);
        g_assert_cmpmem(buffer, CRED_REQUEST_SIZE, "OGAC\001Q\000\040" TOKEN, 40);
        for (size_t n = 0; n < CRED_REQUEST_SIZE; n++)
                g_assert_cmpint(cred_request_decode(buffer, n, &token), ==, 0);
        g_assert_null(token);
        g_assert_cmpint(cred_request_decode(buffer, CRED_REQUEST_SIZE, &token), ==, 1);
        g_assert_cmpmem(token, CRED_TOKEN_LENGTH, TOKEN, 32);
        g_assert_cmpint(cred_request_decode(buffer, CRED_REQUEST_SIZE + 1, &token), ==, -EBADMSG);

        /* Each byte of the header counts, and as soon as it is there. */
        for (size_t i = 0; i < CRED_HEADER_SIZE; i++) {
                buffer[i] ^= 1;
                for (size_t n = i < 6 ? i + 1 : 8; n <= CRED_REQUEST_SIZE; n++)
                        g_assert_cmpint(cred_request_decode(buffer, n, &token), ==, -EBADMSG);
                buffer[i] ^= 1;
        }
        buffer[CRED_REQUEST_SIZE - 1] = 0;
        g_assert_cmpint(cred_request_decode(buffer, CRED_REQUEST_SIZE, &token), ==, -EBADMSG);
}

static char *text(size_t n) {
        char *s = g_malloc(n + 1);

        memset(s, 'x', n);
        s[n] = '\0';
        return s;
}

static void check_reply(const char *user, const char *password) {
        CredReply in = {.status = CRED_OK, .user = user, .password = password}, out = {};
        uint8_t buffer[CRED_REPLY_MAX];
        int n = cred_reply_encode(&in, buffer);
        g_autofree uint8_t *exact = NULL;

        g_assert_cmpint(n, ==, 8 + 5 + strlen(user) + 1 + strlen(password) + 1);
        for (int k = 0; k < n; k++)
                g_assert_cmpint(cred_reply_decode(buffer, (size_t) k, &out), ==, 0);
        exact = g_memdup2(buffer, (size_t) n);
        g_assert_cmpint(cred_reply_decode(exact, (size_t) n, &out), ==, 1);
        g_assert_cmpint(out.status, ==, CRED_OK);
        g_assert_cmpstr(out.user, ==, user);
        g_assert_cmpstr(out.password, ==, password);
        g_assert_true(out.user > (char *) exact && out.password < (char *) exact + n);
}

static void test_reply(void) {
        g_autofree char *long_user = text(CRED_USER_MAX), *long_password = text(CRED_PASSWORD_MAX);

        check_reply("a", "b");
        check_reply("žluť@d.example", "密码 with\nall sorts\x01of \xff");
        check_reply(long_user, long_password);
}

static void test_reply_without(void) {
        static const CredStatus statuses[] = {CRED_NOTHING, CRED_WRONG};
        uint8_t buffer[CRED_REPLY_MAX];

        for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
                CredReply reply = {.status = statuses[i]};
                int n = cred_reply_encode(&reply, buffer);

                g_assert_cmpint(n, ==, 15);
                reply = (CredReply){.user = "untouched"};
                g_assert_cmpint(cred_reply_decode(buffer, 14, &reply), ==, 0);
                g_assert_cmpstr(reply.user, ==, "untouched");
                g_assert_cmpint(cred_reply_decode(buffer, 15, &reply), ==, 1);
                g_assert_cmpint(reply.status, ==, statuses[i]);
                g_assert_null(reply.user);
                g_assert_null(reply.password);
                buffer[15] = 0;
                g_assert_cmpint(cred_reply_decode(buffer, 16, &reply), ==, -EBADMSG);
        }
}

static void test_reply_refused(void) {
        g_autofree char *long_user = text(CRED_USER_MAX + 1), *long_password = text(CRED_PASSWORD_MAX + 1);
        const CredReply cases[] = {
                {CRED_OK, NULL, NULL},
                {CRED_OK, "a", NULL},
                {CRED_OK, NULL, "b"},
                {CRED_OK, "", "b"},
                {CRED_OK, "a", ""},
                {CRED_OK, long_user, "b"},
                {CRED_OK, "a", long_password},
                {CRED_WRONG, "a", "b"},
                {CRED_NOTHING, "a", NULL},
                {CRED_NOTHING, NULL, "b"},
        };
        uint8_t buffer[CRED_REPLY_MAX];

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpint(cred_reply_encode(&cases[i], buffer), ==, -EINVAL);
}

/* What a hostile server could say. */
static void test_garbage(void) {
#define CASE(s, r)                                                                                          \
        { s, sizeof(s) - 1, r }
        static const struct {
                const char *data;
                size_t n;
                int result;
        } cases[] = {
                CASE("", 0),
                CASE("\0", -EBADMSG),
                CASE("OGAX", -EBADMSG),
                CASE("OGAC\002", -EBADMSG),
                CASE("OGAC\001Q", -EBADMSG),
                CASE(REPLY "\000\006", -EBADMSG),
                CASE(REPLY "\000\007", 0),
                CASE(REPLY "\377\377", -EBADMSG),
                CASE(REPLY "\021\007", 0),        /* 4359, the longest */
                CASE(REPLY "\021\010", -EBADMSG), /* 4360 */
                CASE(REPLY "\000\007\002\000\000\000\000\000\000", 1),
                CASE(REPLY "\000\007\002\000\000\000\000\000", 0),
                CASE(REPLY "\000\007\000\000\000\000\000\000\000", -EBADMSG), /* status 0 */
                CASE(REPLY "\000\007\004\000\000\000\000\000\000", -EBADMSG), /* status 4 */
                CASE(REPLY "\000\007\001\000\000\000\000\000\000", -EBADMSG), /* OK, and nothing there */
                CASE(REPLY "\000\007\002\000\000\000\000\000x", -EBADMSG),
                CASE(REPLY "\000\007\002\000\000\000\000x\000", -EBADMSG),
                CASE(REPLY "\000\011\001\000\001\000\001a\000b\000", 1),
                CASE(REPLY "\000\011\003\000\001\000\001a\000b\000",
                     -EBADMSG), /* WRONG, and somebody there */
                CASE(REPLY "\000\011\001\000\001\000\001a\000bc", -EBADMSG),
                CASE(REPLY "\000\011\001\000\001\000\001axb\000", -EBADMSG),
                CASE(REPLY "\000\011\001\000\001\000\001\000\000b\000", -EBADMSG),
                CASE(REPLY "\000\011\001\000\002\000\000ab\000\000", -EBADMSG),
                CASE(REPLY "\000\011\001\000\000\000\002\000ab\000", -EBADMSG),
                CASE(REPLY "\000\011\001\000\001\000\002a\000b\000",
                     -EBADMSG), /* lengths and length disagree */
                CASE(REPLY "\000\011\001\377\377\377\377a\000b\000", -EBADMSG),
                CASE(REPLY "\000\012\001\000\001\000\002a\000b\000\000",
                     -EBADMSG), /* a NUL in the password */
                CASE(REPLY "\000\011\001\000\001\000\001a\000b\000\000", -EBADMSG), /* something follows */
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                /* On the heap, where ASan and valgrind see a byte too many. */
                g_autofree uint8_t *exact = g_memdup2(cases[i].data, cases[i].n);
                CredReply reply;

                if (cred_reply_decode(exact, cases[i].n, &reply) != cases[i].result)
                        g_error("case %zu", i);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cred-wire/token", test_token);
        g_test_add_func("/cred-wire/request", test_request);
        g_test_add_func("/cred-wire/reply", test_reply);
        g_test_add_func("/cred-wire/reply-without", test_reply_without);
        g_test_add_func("/cred-wire/reply-refused", test_reply_refused);
        g_test_add_func("/cred-wire/garbage", test_garbage);
        return g_test_run();
}
