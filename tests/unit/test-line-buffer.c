/* SPDX-License-Identifier: Apache-2.0 */
#include "util/line-buffer.h"

#include <string.h>

#define LIMIT 8

/* Notes each line as "line|", each dropped one as "<bytes>|". */
typedef struct Record {
        GString *lines;
        LineBuffer *buffer;
        const char *reset_at; /* resets at this line */
} Record;

static void on_line(const char *line, size_t n, void *userdata) {
        Record *r = userdata;

        if (line)
                g_string_append_len(r->lines, line, (gssize) n);
        else
                g_string_append_printf(r->lines, "<%zu>", n);
        g_string_append_c(r->lines, '|');
        if (line && r->reset_at && n == strlen(r->reset_at) && memcmp(line, r->reset_at, n) == 0)
                line_buffer_reset(r->buffer);
        /* The line is still ours after a reset: valgrind and ASan look here. */
        if (line && n > 0)
                g_assert_true(line[0] != '\n' && line[n - 1] != '\n');
}

static char *push(const char *data, size_t n, size_t chunk, const char *reset_at) {
        Record r = {.lines = g_string_new(NULL), .reset_at = reset_at};
        _cleanup_(line_buffer_freep) LineBuffer *b = line_buffer_new(LIMIT, on_line, &r);

        r.buffer = b;
        for (size_t i = 0; i < n; i += chunk) {
                size_t k = MIN(chunk, n - i);
                g_autofree char *exact = g_memdup2(data + i, k);
                line_buffer_push(b, exact, k);
        }
        return g_string_free(r.lines, false);
}

static void test_chunks(void) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                {"", ""},
                {"a", ""},
                {"a\n", "a|"},
                {"\n", "|"},
                {"\n\n\n", "|||"},
                {"one\ntwo\nthree\n", "one|two|three|"},
                {"one\ntwo\nthr", "one|two|"},
                {"one\r\n", "one\r|"},
                {"12345678\n", "12345678|"},
                {"123456789\n", "<9>|"},
                {"12345678\n12345678\n", "12345678|12345678|"},
                {"123456789\nok\n", "<9>|ok|"},
                {"123456789012345678901234567890\nok\n", "<30>|ok|"},
                {"ok\n123456789012345678901234567890\n\nok\n", "ok|<30>||ok|"},
                {"123456789\n123456789\nok\n", "<9>|<9>|ok|"},
                {"123456789012345678901234567890", ""},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                for (size_t chunk = 1; chunk <= 40; chunk++) {
                        g_autofree char *out = push(cases[i].in, strlen(cases[i].in), chunk, NULL);
                        g_assert_cmpstr(out, ==, cases[i].out);
                }
}

static void test_nul(void) {
        Record r = {.lines = g_string_new(NULL)};
        _cleanup_(line_buffer_freep) LineBuffer *b = line_buffer_new(LIMIT, on_line, &r);

        line_buffer_push(b, "a\0b", 3);
        line_buffer_push(b, "\0\n", 2);
        g_assert_cmpmem(r.lines->str, r.lines->len, "a\0b\0|", 5);
        g_string_free(r.lines, true);
}

static void test_reset(void) {
        Record r = {.lines = g_string_new(NULL)};
        _cleanup_(line_buffer_freep) LineBuffer *b = line_buffer_new(LIMIT, on_line, &r);

        line_buffer_push(b, "cut", 3);
        line_buffer_reset(b);
        line_buffer_push(b, "whole\n", 6);
        g_assert_cmpstr(r.lines->str, ==, "whole|");

        /* Also in the middle of a line that is being dropped. */
        line_buffer_push(b, "123456789", 9);
        line_buffer_reset(b);
        line_buffer_push(b, "ok\n", 3);
        g_assert_cmpstr(r.lines->str, ==, "whole|ok|");
        g_string_free(r.lines, true);
}

static void test_reset_by_handler(void) {
        static const struct {
                size_t chunk;
                const char *out;
        } cases[] = {
                /* In one piece: what follows the line in it belongs to the old stream. */
                {100, "a|stop|"},
                /* "a\nst" "op\nb" "\ncut\n" */
                {4, "a|stop||cut|"},
                {1, "a|stop|b|cut|"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *out = push("a\nstop\nb\ncut\n", 13, cases[i].chunk, "stop");
                g_assert_cmpstr(out, ==, cases[i].out);
        }
}

/* However long the line, it is counted and not kept. */
static void test_endless(void) {
        Record r = {.lines = g_string_new(NULL)};
        _cleanup_(line_buffer_freep) LineBuffer *b = line_buffer_new(LIMIT, on_line, &r);
        g_autofree char *chunk = g_malloc(65536);

        memset(chunk, 'x', 65536);
        for (unsigned i = 0; i < 160; i++)
                line_buffer_push(b, chunk, 65536);
        g_assert_cmpstr(r.lines->str, ==, "");
        line_buffer_push(b, "\nok\n", 4);
        g_assert_cmpstr(r.lines->str, ==, "<10485760>|ok|");
        g_string_free(r.lines, true);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/line-buffer/chunks", test_chunks);
        g_test_add_func("/line-buffer/nul", test_nul);
        g_test_add_func("/line-buffer/reset", test_reset);
        g_test_add_func("/line-buffer/reset-by-handler", test_reset_by_handler);
        g_test_add_func("/line-buffer/endless", test_endless);
        return g_test_run();
}
