/* SPDX-License-Identifier: Apache-2.0 */
#include "util/line-buffer.h"

#include <string.h>

#include "util/secret.h"

struct LineBuffer {
        LineHandler handler;
        void *userdata;
        size_t line_max;
        char *partial;    /* the unfinished line, at most line_max bytes: a secret, as lines may be */
        size_t n_partial; /* bytes of it */
        size_t dropped;   /* > 0: bytes thrown away of a line that is too long, up to its LF */
        unsigned epoch;   /* counts resets */
};

LineBuffer *line_buffer_new(size_t line_max, LineHandler handler, void *userdata) {
        LineBuffer *b = g_new0(LineBuffer, 1);

        b->handler = handler;
        b->userdata = userdata;
        b->line_max = line_max;
        b->partial = secret_new(line_max + 1);
        return b;
}

LineBuffer *line_buffer_free(LineBuffer *b) {
        if (!b)
                return NULL;
        (void) secret_free(b->partial, b->line_max + 1);
        g_free(b);
        return NULL;
}

static void forget(LineBuffer *b) {
        explicit_bzero(b->partial, b->n_partial);
        b->n_partial = 0;
}

void line_buffer_reset(LineBuffer *b) {
        forget(b);
        b->dropped = 0;
        b->epoch++;
}

static void keep(LineBuffer *b, const char *data, size_t n) {
        memcpy(b->partial + b->n_partial, data, n);
        b->n_partial += n;
}

/* Ends the current line with the @n bytes at @data. A line that came in one piece is passed on in place. */
static void complete_line(LineBuffer *b, const char *data, size_t n) {
        size_t total = b->n_partial + n;

        if (b->dropped > 0 || total > b->line_max) {
                total += b->dropped;
                b->dropped = 0;
                forget(b);
                b->handler(NULL, total, b->userdata);
        } else if (b->n_partial == 0)
                b->handler(data, n, b->userdata);
        else {
                keep(b, data, n);
                b->n_partial = 0; /* the handler may reset us, and keeps its line */
                b->handler(b->partial, total, b->userdata);
                explicit_bzero(b->partial, total);
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

        if (b->dropped > 0 || b->n_partial + n > b->line_max) {
                b->dropped += b->n_partial + n;
                forget(b);
        } else
                keep(b, data, n);
}
