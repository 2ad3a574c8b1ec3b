/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cuts a byte stream into lines that end in LF, bounded in memory whatever the stream does. */

#include "util/cleanup.h"
#include <stdbool.h>

typedef struct LineBuffer LineBuffer;

/* A complete line of @n bytes without its LF; @line is not NUL-terminated and valid during the call only.
 * @line is NULL (and @n the bytes thrown away) for a line longer than the limit. May not touch the buffer
 * it is called from, except to call line_buffer_reset(). */
typedef void (*LineHandler)(const char *line, size_t n, void *userdata);

/* Lines of up to @line_max bytes are passed on. */
LineBuffer *line_buffer_new(size_t line_max, LineHandler handler, void *userdata);
LineBuffer *line_buffer_free(LineBuffer *b);
DEFINE_CLEANUP(LineBuffer, line_buffer_free)

/* Takes all of @data, calling the handler for each line that it completes. */
void line_buffer_push(LineBuffer *b, const char *data, size_t n);

/* Forgets an unfinished line: the stream begins anew. Called by the handler, it also drops the rest of what
 * is being pushed. */
void line_buffer_reset(LineBuffer *b);
