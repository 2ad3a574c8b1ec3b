/* SPDX-License-Identifier: Apache-2.0 */
#include "util/line-buffer.h"

#include <string.h>

struct LineBuffer {
        LineHandler handler;
        void *userdata;
        size_t line_max;
        GString *partial; /* the unfinished line, at most line_max bytes */
        size_t dropped;   /* > 0: bytes thrown away of a line that is too long, up to its LF */
        unsigned epoch;   /* counts resets */
};

LineBuffer *line_buffer_new(size_t line_max, LineHandler handler, void *userdata) {
        LineBuffer *b = g_new0(LineBuffer, 1);

        b->handler = handler;
        b->userdata = userdata;
        b->line_max = line_max;
        b->partial = g_string_new(NULL);
        return b;
}

LineBuffer *line_buffer_free(LineBuffer *b) {
        if (!b)
                return NULL;
        g_string_free(b->partial, true);
        g_free(b);
        return NULL;
}

void line_buffer_reset(LineBuffer *b) {
        g_string_truncate(b->partial, 0);
        b->dropped = 0;
        b->epoch++;
}

/* Ends the current line with the @n bytes at @data. A line that came in one piece is passed on in place. */
static void complete_line(LineBuffer *b, const char *data, size_t n) {
        size_t total = b->partial->len + n;

        if (b->dropped > 0 || total > b->line_max) {
                size_t lost = b->dropped + total;

                b->dropped = 0;
                g_string_truncate(b->partial, 0);
                b->handler(NULL, lost, b->userdata);
        } else if (b->partial->len == 0)
                b->handler(data, n, b->userdata);
        else {
                g_string_append_len(b->partial, data, (gssize) n);

                /* The handler may reset us, so the line must stand apart. */
                g_autoptr(GString) line = b->partial;
                b->partial = g_string_new(NULL);
                b->handler(line->str, line->len, b->userdata);
        }
}

void line_buffer_push(LineBuffer *b, const char *data, size_t n) {
        unsigned epoch = b->epoch;
        const char *end;

        while (n > 0 && (end = memchr(data, '\n', n))) {
                size_t length = (size_t) (end - data);

                complete_line(b, data, length);
                if (b->epoch != epoch)
                        return;
                data += length + 1;
                n -= length + 1;
        }

        if (b->dropped > 0 || b->partial->len + n > b->line_max) {
                b->dropped += b->partial->len + n;
                g_string_truncate(b->partial, 0);
        } else
                g_string_append_len(b->partial, data, (gssize) n);
}
