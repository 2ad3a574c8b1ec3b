/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "util/line-buffer.h"

#include <string.h>

typedef struct Record {
        GString *lines;
        size_t limit;
} Record;

/* Lengths before contents: nothing can be mistaken for something else. */
static void note(Record *r, const char *line, size_t n) {
        g_string_append_printf(r->lines, "%c%zu:", line ? '+' : '-', n);
        if (line)
                g_string_append_len(r->lines, line, (gssize) n);
}

static void on_line(const char *line, size_t n, void *userdata) {
        Record *r = userdata;

        g_assert_true(line ? n <= r->limit && !memchr(line, '\n', n) : n > r->limit);
        note(r, line, n);
}

/* The lines of the whole. */
static void cut(Record *r, const char *data, size_t n) {
        const char *end;

        for (; n > 0 && (end = memchr(data, '\n', n)); data = end + 1) {
                size_t length = (size_t) (end - data);

                note(r, length <= r->limit ? data : NULL, length);
                n -= length + 1;
        }
}

/* The first byte is the limit, the second the seed of the chunks' sizes; the rest comes in those chunks, and
 * must yield the same lines as the whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        if (n < 2)
                return 0;

        Record expected = {.lines = g_string_new(NULL), .limit = data[0]};
        Record seen = {.lines = g_string_new(NULL), .limit = data[0]};
        _cleanup_(line_buffer_freep) LineBuffer *b = line_buffer_new(data[0], on_line, &seen);
        uint32_t random = data[1];

        data += 2;
        n -= 2;
        cut(&expected, (const char *) data, n);
        while (n > 0) {
                random = random * 1103515245 + 12345;
                size_t k = MIN(n, 1 + (random >> 16) % 64);
                g_autofree char *chunk = g_memdup2(data, k);

                line_buffer_push(b, chunk, k);
                data += k;
                n -= k;
        }
        g_assert_cmpmem(seen.lines->str, seen.lines->len, expected.lines->str, expected.lines->len);
        g_string_free(expected.lines, true);
        g_string_free(seen.lines, true);
        return 0;
}
