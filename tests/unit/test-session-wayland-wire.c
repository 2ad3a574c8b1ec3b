/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "wayland-wire.h"

static void test_there_and_back(void) {
        static const char *const texts[] = {"", "a", "abc", "abcd", "abcde"};

        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(GByteArray) data = g_byte_array_new();
                const char *text;
                WireMessage m;
                uint32_t first;
                int32_t last;

                wire_put(data, 0xff000001, 7, "usu", 5U, texts[i], (uint32_t) -3);
                g_assert_cmpuint(data->len % 4, ==, 0);
                g_assert_cmpint(wire_next(data->data, data->len, &m), ==, data->len);
                g_assert_cmpuint(m.object, ==, 0xff000001);
                g_assert_cmpuint(m.opcode, ==, 7);
                g_assert_true(wire_get_uint(&m, &first));
                g_assert_true(wire_get_text(&m, &text));
                g_assert_true(wire_get_int(&m, &last));
                g_assert_cmpuint(first, ==, 5);
                g_assert_cmpstr(text, ==, texts[i]);
                g_assert_cmpint(last, ==, -3);
                g_assert_false(wire_get_uint(&m, &first));
                /* Each part of it is too little. */
                for (unsigned n = 0; n < data->len; n++)
                        g_assert_cmpint(wire_next(data->data, n, &m), ==, 0);
        }
}

static void test_lengths(void) {
        static const struct {
                uint16_t length;
                ssize_t expected;
        } cases[] = {{0, -EBADMSG}, {4, -EBADMSG}, {7, -EBADMSG}, {8, 8}, {9, -EBADMSG}, {12, 12}, {16, 0}};
        WireMessage m;

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                const uint32_t data[3] = {1, (uint32_t) cases[i].length << 16, 0};

                g_assert_cmpint(wire_next((const uint8_t *) data, sizeof data, &m), ==, cases[i].expected);
        }
}

/* A text says how long it is, and has to be. */
static void test_texts(void) {
        static const struct {
                uint32_t length;
                const char *content; /* 8 bytes */
                bool good;
        } cases[] = {
                {0, "", true},
                {4, "abc\0", true},
                {4, "abcd", false},
                {5, "ab\0c\0", false},
                {8, "abcdefg", true},
                {9, "abcdefgh", false},
                {0xffffffff, "abc", false},
                {0xfffffffd, "abc", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                uint32_t data[5] = {1, sizeof data << 16, cases[i].length};
                const char *text = "";
                WireMessage m;

                memcpy(data + 3, cases[i].content, strlen(cases[i].content));
                if (i == 3)
                        memcpy(data + 3, "ab\0c", 4);
                g_assert_cmpint(wire_next((const uint8_t *) data, sizeof data, &m), ==, sizeof data);
                g_assert_true(wire_get_text(&m, &text) == cases[i].good);
                if (cases[i].length == 0)
                        g_assert_null(text);
        }
}

int main(int argc, char *argv[]) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/wayland-wire/there-and-back", test_there_and_back);
        g_test_add_func("/wayland-wire/lengths", test_lengths);
        g_test_add_func("/wayland-wire/texts", test_texts);
        return g_test_run();
}
