/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the PAM module and the system agent say to each other on the credentials' socket: one request, one
 * reply, and the agent closes. Both are frames, with numbers in network byte order:
 *
 *   4 bytes   "OGAC"
 *   1 byte    version, 1
 *   1 byte    kind: 'Q' is a request, 'R' a reply
 *   2 bytes   length of what follows
 *   request:  the token
 *   reply:    1 byte status, 2 bytes length of the user's name, 2 bytes length of the password, the name, a
 * NUL, the password, a NUL. Any status but OK has both lengths 0.
 *
 * The NULs make both strings usable where they were received, so that a password is in no more places than
 * it has to be. Pure functions on their callers' buffers, which the callers wipe; libc only, since this is
 * compiled into other people's processes. */

#include <stddef.h>
#include <stdint.h>

#define CRED_SOCKET_PATH "/run/ovirt-guest-agent/credentials"

#define CRED_TOKEN_LENGTH 32 /* 128 bits in lower-case hexadecimal digits */
#define CRED_USER_MAX 256    /* bytes of UTF-8 without the NUL */
#define CRED_PASSWORD_MAX 4096

#define CRED_HEADER_SIZE 8
#define CRED_REQUEST_SIZE (CRED_HEADER_SIZE + CRED_TOKEN_LENGTH)
#define CRED_REPLY_MAX (CRED_HEADER_SIZE + 5 + CRED_USER_MAX + 1 + CRED_PASSWORD_MAX + 1)

/* How the module asks for the token. */
#define CRED_QUESTION "Token? "

/* What ovirt-check-password, which gets a reply on its standard input, says with its exit status: that the
 * password is wrong, or not for that user. Others than this and 0 mean that it does not know. */
#define CRED_EXIT_WRONG 10

typedef enum CredStatus {
        CRED_OK = 1,      /* the token was right: here they are, once */
        CRED_NOTHING = 2, /* nobody is to be logged in, or no longer */
        CRED_WRONG = 3,   /* somebody is, but not with this token */
} CredStatus;

typedef struct CredReply {
        CredStatus status;
        const char *user; /* both NULL unless the status is CRED_OK */
        const char *password;
} CredReply;

/* Whether @text, of @n bytes, has the shape of a token. */
int cred_token_is_valid(const char *text, size_t n);

/* Writes the request for @token, CRED_TOKEN_LENGTH bytes in the shape of one. */
void cred_request_encode(const char *token, uint8_t buffer[static CRED_REQUEST_SIZE]);

/* Reads a request from all that was received so far. Returns 1 and points @ret_token into @data (no NUL
 * follows), 0 if this is the beginning of one, -EBADMSG if it is none: also if something follows it. */
int cred_request_decode(const uint8_t *data, size_t n, const char **ret_token);

/* Writes a reply and returns its length; -EINVAL if the status is OK and name or password is missing, empty
 * or too long, or if there is one of them with another status. */
int cred_reply_encode(const CredReply *reply, uint8_t buffer[static CRED_REPLY_MAX]);

/* Like cred_request_decode(); what @ret has points into @data. */
int cred_reply_decode(const uint8_t *data, size_t n, CredReply *ret);
