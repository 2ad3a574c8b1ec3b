/* SPDX-License-Identifier: Apache-2.0 */
#include "greeter-wire.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

/* A literal without its NUL. */
#define BYTES(s) ((const uint8_t *) (s)), sizeof(s) - 1

#define PROMPT "\0\0\0\1\0\0\0\x28\0\0\0\7\0\0\0\5alice\0\0\0\1\0\0\0\1\0\0\0\12Password: \0"

static void test_length(void) {
        const char *frame = "\0\0\0\5\0\0\0\0";

        for (size_t n = 0; n < 8; n++)
                g_assert_cmpint(greeter_frame_length((const uint8_t *) frame, n), ==, 0);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\0\0")), ==, 8);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\0\0more")), ==, 8);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\0\4abc")), ==, 0);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\0\4abcd")), ==, 12);
        /* The longest, and one byte more. */
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\x3f\xf8")), ==, 0);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\0\0\x3f\xf9")), ==, -EMSGSIZE);
        g_assert_cmpint(greeter_frame_length(BYTES("\0\0\0\5\xff\xff\xff\xff")), ==, -EMSGSIZE);
}

static void test_prompt(void) {
        g_autofree uint8_t *exact = NULL;
        GreeterPrompt p = {};

        g_assert_cmpint(greeter_decode_prompt(BYTES(PROMPT), &p), ==, 0);
        g_assert_cmpuint(p.sequence, ==, 7);
        g_assert_cmpmem(p.user.text, p.user.n, "alice", 5);
        g_assert_cmpuint(p.n_questions, ==, 1);
        g_assert_cmpmem(p.secret.text, p.secret.n, "Password: ", 10);
        /* Each beginning of it is too short, whatever its header says. */
        for (size_t n = GREETER_HEADER_SIZE; n < sizeof(PROMPT) - 2; n++) {
                g_free(exact);
                exact = g_memdup2(PROMPT, n);
                g_assert_cmpint(greeter_decode_prompt(exact, n, &p), ==, -EBADMSG);
        }
}

static void test_several_messages(void) {
        GreeterPrompt p = {};

        /* A text and a secret; a question that is not hidden; no message at all. */
        g_assert_cmpint(
                greeter_decode_prompt(BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\4\0\0\0\1i"
                                            "\0\0\0\1\0\0\0\1s"),
                                      &p),
                ==, 0);
        g_assert_cmpuint(p.n_questions, ==, 1);
        g_assert_null(p.secret.text);
        g_assert_cmpint(greeter_decode_prompt(
                                BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\1q"), &p),
                        ==, 0);
        g_assert_cmpuint(p.n_questions, ==, 1);
        g_assert_null(p.secret.text);
        g_assert_cmpint(greeter_decode_prompt(BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0"), &p), ==, 0);
        g_assert_cmpuint(p.n_questions, ==, 0);
        /* More than there are. */
        g_assert_cmpint(greeter_decode_prompt(BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\xff\xff\xff\xff"), &p),
                        ==, -EBADMSG);
        /* A text that would end before it begins. */
        g_assert_cmpint(greeter_decode_prompt(BYTES("\0\0\0\1\0\0\0\0\0\0\0\1\xff\xff\xff\xff\0\0\0\0"), &p),
                        ==, -EBADMSG);
}

static void test_results(void) {
        uint32_t sequence, result;

        g_assert_cmpint(greeter_decode_end(BYTES("\0\0\0\2\0\0\0\x11\x80\0\0\1\0\0\0\5alice\0\0\0\7"),
                                           &sequence, &result),
                        ==, 0);
        g_assert_cmpuint(sequence, ==, 0x80000001);
        g_assert_cmpuint(result, ==, 7);
        g_assert_cmpint(greeter_decode_end(BYTES("\0\0\0\2\0\0\0\x11\x80\0\0\1\0\0\0\5alice\0\0\0"),
                                           &sequence, &result),
                        ==, -EBADMSG);
        g_assert_cmpint(greeter_decode_session_result(BYTES("\0\0\0\3\0\0\0\4\0\0\0\1"), &result), ==, 0);
        g_assert_cmpuint(result, ==, 1);
        g_assert_cmpint(greeter_decode_session_result(BYTES("\0\0\0\3\0\0\0\3\0\0\0"), &result), ==,
                        -EBADMSG);
        g_assert_cmpint(greeter_decode_sequence(BYTES("\0\0\0\7\0\0\0\4\1\2\3\4"), &sequence), ==, 0);
        g_assert_cmphex(sequence, ==, 0x01020304);
}

static void test_writing(void) {
        const GreeterText text = {"alice", 5};
        uint8_t b[64];

        g_assert_cmpmem(b, greeter_encode_authenticate(b, sizeof(b), 0x80000001, text),
                        "\0\0\0\1\0\0\0\15\x80\0\0\1\0\0\0\5alice", 21);
        g_assert_cmpmem(b, greeter_encode_continue(b, sizeof(b), text),
                        "\0\0\0\3\0\0\0\15\0\0\0\1\0\0\0\5alice", 21);
        g_assert_cmpmem(b, greeter_encode_start_session(b, sizeof(b)), "\0\0\0\4\0\0\0\4\0\0\0\0", 12);
        g_assert_cmpmem(b, greeter_encode_cancel(b, sizeof(b)), "\0\0\0\5\0\0\0\0", 8);
        /* Exactly enough room, and too little. */
        g_assert_cmpuint(greeter_encode_authenticate(b, 21, 1, text), ==, 21);
        for (size_t size = 0; size < 21; size++)
                g_assert_cmpuint(greeter_encode_authenticate(b, size, 1, text), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/greeter-wire/length", test_length);
        g_test_add_func("/greeter-wire/prompt", test_prompt);
        g_test_add_func("/greeter-wire/several-messages", test_several_messages);
        g_test_add_func("/greeter-wire/results", test_results);
        g_test_add_func("/greeter-wire/writing", test_writing);
        return g_test_run();
}
