/* SPDX-License-Identifier: Apache-2.0 */
#include "greeter-wire.h"

#include <errno.h>
#include <string.h>

/* PAM's styles of messages. */
#define STYLE_SECRET 1
#define STYLE_QUESTION 2

/* --- reading ------------------------------------------------------------------------------------------- */

typedef struct Reader {
        const uint8_t *p;
        size_t left;
        bool failed; /* and all that is read from now on is 0 or empty */
} Reader;

static uint32_t get32(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static uint32_t read_number(Reader *r) {
        uint32_t value;

        if (r->failed || r->left < 4) {
                r->failed = true;
                return 0;
        }
        value = get32(r->p);
        r->p += 4;
        r->left -= 4;
        return value;
}

static GreeterText read_text(Reader *r) {
        size_t n = read_number(r);
        GreeterText text;

        if (r->failed || r->left < n) {
                r->failed = true;
                return (GreeterText){"", 0};
        }
        text = (GreeterText){(const char *) r->p, n};
        r->p += n;
        r->left -= n;
        return text;
}

static Reader read_fields(const uint8_t *frame, size_t n) {
        return (Reader){.p = frame + GREETER_HEADER_SIZE, .left = n - GREETER_HEADER_SIZE};
}

int greeter_frame_length(const uint8_t *data, size_t n) {
        uint32_t length;

        if (n < GREETER_HEADER_SIZE)
                return 0;
        length = get32(data + 4);
        if (length > GREETER_FRAME_MAX - GREETER_HEADER_SIZE)
                return -EMSGSIZE;
        return n < GREETER_HEADER_SIZE + length ? 0 : (int) (GREETER_HEADER_SIZE + length);
}

uint32_t greeter_frame_id(const uint8_t *frame, size_t n) {
        return get32(frame);
}

int greeter_decode_prompt(const uint8_t *frame, size_t n, GreeterPrompt *ret) {
        Reader r = read_fields(frame, n);
        GreeterPrompt prompt = {.sequence = read_number(&r)};
        uint32_t n_messages;

        prompt.user = read_text(&r);
        n_messages = read_number(&r);
        for (uint32_t i = 0; i < n_messages && !r.failed; i++) {
                uint32_t style = read_number(&r);
                GreeterText text = read_text(&r);

                if (style == STYLE_SECRET || style == STYLE_QUESTION)
                        prompt.n_questions++;
                if (style == STYLE_SECRET && n_messages == 1)
                        prompt.secret = text;
        }
        if (r.failed)
                return -EBADMSG;
        *ret = prompt;
        return 0;
}

int greeter_decode_end(const uint8_t *frame, size_t n, uint32_t *ret_sequence, uint32_t *ret_result) {
        Reader r = read_fields(frame, n);
        uint32_t sequence = read_number(&r), result;

        (void) read_text(&r); /* the user */
        result = read_number(&r);
        if (r.failed)
                return -EBADMSG;
        *ret_sequence = sequence;
        *ret_result = result;
        return 0;
}

static int decode_number(const uint8_t *frame, size_t n, uint32_t *ret) {
        Reader r = read_fields(frame, n);
        uint32_t value = read_number(&r);

        if (r.failed)
                return -EBADMSG;
        *ret = value;
        return 0;
}

int greeter_decode_session_result(const uint8_t *frame, size_t n, uint32_t *ret_result) {
        return decode_number(frame, n, ret_result);
}

int greeter_decode_sequence(const uint8_t *frame, size_t n, uint32_t *ret_sequence) {
        return decode_number(frame, n, ret_sequence);
}

/* --- writing ------------------------------------------------------------------------------------------- */

static uint8_t *put32(uint8_t *p, size_t value) {
        *p++ = (uint8_t) (value >> 24);
        *p++ = (uint8_t) (value >> 16);
        *p++ = (uint8_t) (value >> 8);
        *p++ = (uint8_t) value;
        return p;
}

/* A number, if @number is not NULL, and a text, if @text is not. */
static size_t encode(uint8_t *buffer, size_t size, uint32_t id, const uint32_t *number,
                     const GreeterText *text) {
        size_t n = (number ? 4 : 0) + (text ? 4 + text->n : 0);
        uint8_t *p;

        if (size < GREETER_HEADER_SIZE || n > size - GREETER_HEADER_SIZE)
                return 0;
        p = put32(put32(buffer, id), n);
        if (number)
                p = put32(p, *number);
        if (text)
                memcpy(put32(p, text->n), text->text, text->n);
        return GREETER_HEADER_SIZE + n;
}

size_t greeter_encode_authenticate(uint8_t *buffer, size_t size, uint32_t sequence, GreeterText user) {
        return encode(buffer, size, GREETER_AUTHENTICATE, &sequence, &user);
}

size_t greeter_encode_continue(uint8_t *buffer, size_t size, GreeterText answer) {
        const uint32_t one = 1;

        return encode(buffer, size, GREETER_CONTINUE, &one, &answer);
}

size_t greeter_encode_start_session(uint8_t *buffer, size_t size) {
        const GreeterText none = {"", 0};

        return encode(buffer, size, GREETER_START_SESSION, NULL, &none);
}

size_t greeter_encode_cancel(uint8_t *buffer, size_t size) {
        return encode(buffer, size, GREETER_CANCEL, NULL, NULL);
}
