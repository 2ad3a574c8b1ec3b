/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Messages as Wayland has them on its socket: words of 32 bits, in the machine's order. Pure. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct WireMessage {
        uint32_t object;
        uint16_t opcode;
        const uint8_t *arguments; /* those that have not been read */
        size_t n;
} WireMessage;

/* The message that @data begins with; it borrows from there. Its length, 0 if some of it is missing, or
 * -EBADMSG. */
ssize_t wire_next(const uint8_t *data, size_t n, WireMessage *ret);

/* The next argument; false if there is none. */
bool wire_get_uint(WireMessage *m, uint32_t *ret);
bool wire_get_int(WireMessage *m, int32_t *ret);
/* Borrowed, and NULL for what Wayland calls a null text. */
bool wire_get_text(WireMessage *m, const char **ret);

/* Appends a message; its arguments are told by @format: 'u' for an uint32_t, 's' for a text. */
void wire_put(GByteArray *to, uint32_t object, uint16_t opcode, const char *format, ...);
