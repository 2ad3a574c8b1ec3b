/* SPDX-License-Identifier: Apache-2.0 */
#include "cred-wire.h"

#include <errno.h>
#include <string.h>

#define VERSION 1
#define FIELDS_SIZE 5 /* status and two lengths of a reply */

static uint8_t *put16(uint8_t *p, size_t value) {
        *p++ = (uint8_t) (value >> 8);
        *p++ = (uint8_t) value;
        return p;
}

static size_t get16(const uint8_t *p) {
        return (size_t) p[0] << 8 | p[1];
}

static uint8_t *put_header(uint8_t *p, char kind, size_t length) {
        memcpy(p, "OGAC", 4);
        p[4] = VERSION;
        p[5] = (uint8_t) kind;
        return put16(p + 6, length);
}

/* Judges as much of a frame as there is: 1 if it is whole, 0 if more has to come, -EBADMSG. What is sure to
 * be no frame is not waited for. */
static int check_frame(const uint8_t *data, size_t n, char kind, size_t length_min, size_t length_max) {
        uint8_t expected[CRED_HEADER_SIZE];
        size_t length;

        put_header(expected, kind, 0);
        if (n == 0)
                return 0;
        if (memcmp(data, expected, n < 6 ? n : 6) != 0)
                return -EBADMSG;
        if (n < CRED_HEADER_SIZE)
                return 0;

        length = get16(data + 6);
        if (length < length_min || length > length_max || n - CRED_HEADER_SIZE > length)
                return -EBADMSG;
        return n - CRED_HEADER_SIZE == length;
}

int cred_token_is_valid(const char *text, size_t n) {
        if (n != CRED_TOKEN_LENGTH)
                return 0;
        for (size_t i = 0; i < n; i++)
                if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
                        return 0;
        return 1;
}

void cred_request_encode(const char *token, uint8_t buffer[static CRED_REQUEST_SIZE]) {
        memcpy(put_header(buffer, 'Q', CRED_TOKEN_LENGTH), token, CRED_TOKEN_LENGTH);
}

int cred_request_decode(const uint8_t *data, size_t n, const char **ret_token) {
        const char *token;
        int r = check_frame(data, n, 'Q', CRED_TOKEN_LENGTH, CRED_TOKEN_LENGTH);

        if (r <= 0)
                return r;
        token = (const char *) data + CRED_HEADER_SIZE;
        if (!cred_token_is_valid(token, CRED_TOKEN_LENGTH))
                return -EBADMSG;
        *ret_token = token;
        return 1;
}

int cred_reply_encode(const CredReply *reply, uint8_t buffer[static CRED_REPLY_MAX]) {
        size_t user_length = reply->user ? strnlen(reply->user, CRED_USER_MAX + 1) : 0;
        size_t password_length = reply->password ? strnlen(reply->password, CRED_PASSWORD_MAX + 1) : 0;
        uint8_t *p;

        if (user_length > CRED_USER_MAX || password_length > CRED_PASSWORD_MAX)
                return -EINVAL;
        if (reply->status == CRED_OK ? user_length == 0 || password_length == 0
                                     : reply->user != NULL || reply->password != NULL)
                return -EINVAL;

        p = put_header(buffer, 'R', FIELDS_SIZE + user_length + 1 + password_length + 1);
        *p++ = (uint8_t) reply->status;
        p = put16(p, user_length);
        p = put16(p, password_length);
        memcpy(p, reply->user ?: "", user_length + 1);
        p += user_length + 1;
        memcpy(p, reply->password ?: "", password_length + 1);
        p += password_length + 1;
        return (int) (p - buffer);
}

/* Exactly @length bytes that are none of them NUL, and then one. */
static int is_string(const uint8_t *p, size_t length) {
        return memchr(p, 0, length + 1) == p + length;
}

int cred_reply_decode(const uint8_t *data, size_t n, CredReply *ret) {
        size_t user_length, password_length;
        const uint8_t *p;
        CredStatus status;
        int r = check_frame(data, n, 'R', FIELDS_SIZE + 2, CRED_REPLY_MAX - CRED_HEADER_SIZE);

        if (r <= 0)
                return r;
        p = data + CRED_HEADER_SIZE;
        status = (CredStatus) p[0];
        user_length = get16(p + 1);
        password_length = get16(p + 3);
        p += FIELDS_SIZE;

        if (user_length > CRED_USER_MAX || password_length > CRED_PASSWORD_MAX ||
            n != CRED_HEADER_SIZE + FIELDS_SIZE + user_length + 1 + password_length + 1)
                return -EBADMSG;
        if (!is_string(p, user_length) || !is_string(p + user_length + 1, password_length))
                return -EBADMSG;

        switch (status) {
        case CRED_OK:
                if (user_length == 0 || password_length == 0)
                        return -EBADMSG;
                *ret = (CredReply){
                        .status = status,
                        .user = (const char *) p,
                        .password = (const char *) p + user_length + 1,
                };
                return 1;
        case CRED_NOTHING:
        case CRED_WRONG:
                if (user_length > 0 || password_length > 0)
                        return -EBADMSG;
                *ret = (CredReply){.status = status};
                return 1;
        default:
                return -EBADMSG;
        }
}
