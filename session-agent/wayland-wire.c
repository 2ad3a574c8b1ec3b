/* SPDX-License-Identifier: Apache-2.0 */
#include "wayland-wire.h"

#include <errno.h>
#include <string.h>

#define HEADER 8U
#define WORD 4U

static size_t padded(size_t n) {
        return (n + WORD - 1) & ~(size_t) (WORD - 1);
}

ssize_t wire_next(const uint8_t *data, size_t n, WireMessage *ret) {
        uint32_t header[2];
        size_t length;

        if (n < HEADER)
                return 0;
        memcpy(header, data, HEADER);
        length = header[1] >> 16;
        if (length < HEADER || length % WORD > 0)
                return -EBADMSG;
        if (length > n)
                return 0;
        *ret = (WireMessage){
                .object = header[0],
                .opcode = (uint16_t) header[1],
                .arguments = data + HEADER,
                .n = length - HEADER,
        };
        return (ssize_t) length;
}

bool wire_get_uint(WireMessage *m, uint32_t *ret) {
        if (m->n < WORD)
                return false;
        memcpy(ret, m->arguments, WORD);
        m->arguments += WORD;
        m->n -= WORD;
        return true;
}

bool wire_get_int(WireMessage *m, int32_t *ret) {
        uint32_t value;

        if (!wire_get_uint(m, &value))
                return false;
        *ret = (int32_t) value;
        return true;
}

bool wire_get_text(WireMessage *m, const char **ret) {
        uint32_t length; /* with the NUL at its end */
        const char *text;

        if (!wire_get_uint(m, &length) || padded(length) > m->n)
                return false;
        text = (const char *) m->arguments;
        if (length > 0 && memchr(text, '\0', length) != text + length - 1)
                return false;
        *ret = length > 0 ? text : NULL;
        m->arguments += padded(length);
        m->n -= padded(length);
        return true;
}

static void put_text(GByteArray *to, const char *text) {
        static const uint8_t nothing[WORD];
        uint32_t length = (uint32_t) strlen(text) + 1;

        g_byte_array_append(to, (const uint8_t *) &length, sizeof length);
        g_byte_array_append(to, (const uint8_t *) text, length);
        g_byte_array_append(to, nothing, (unsigned) (padded(length) - length));
}

void wire_put(GByteArray *to, uint32_t object, uint16_t opcode, const char *format, ...) {
        uint32_t header[2] = {object};
        size_t start = to->len;
        va_list list;

        g_byte_array_append(to, (const uint8_t *) header, sizeof header);
        va_start(list, format);
        for (; *format; format++) {
                if (*format == 's')
                        put_text(to, va_arg(list, const char *));
                else {
                        uint32_t value = va_arg(list, uint32_t);

                        g_byte_array_append(to, (const uint8_t *) &value, sizeof value);
                }
        }
        va_end(list);
        header[1] = (uint32_t) (to->len - start) << 16 | opcode;
        memcpy(to->data + start, header, sizeof header);
}
