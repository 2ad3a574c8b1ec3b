/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What LightDM and a greeter say to each other on their two pipes, as far as it has to be understood in
 * between. Messages are frames, with numbers in network byte order:
 *
 *   4 bytes   which message
 *   4 bytes   length of what follows
 *   fields    numbers of 4 bytes, and texts: 4 bytes length, and so many bytes without a NUL
 *
 * Pure functions on their callers' buffers, which the callers wipe. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GREETER_HEADER_SIZE 8
/* LightDM's own and those of its libraries have 1,024 bytes at most. */
#define GREETER_FRAME_MAX 16384
/* Of the frames that are made here from short texts. */
#define GREETER_SMALL_FRAME_MAX 1024

/* From the greeter. */
enum {
        GREETER_AUTHENTICATE = 1,
        GREETER_AUTHENTICATE_AS_GUEST = 2,
        GREETER_CONTINUE = 3,
        GREETER_START_SESSION = 4,
        GREETER_CANCEL = 5,
        GREETER_AUTHENTICATE_REMOTE = 7,
};

/* From LightDM. */
enum {
        SERVER_CONNECTED = 0,
        SERVER_PROMPT = 1,
        SERVER_END = 2,
        SERVER_SESSION_RESULT = 3,
        SERVER_IDLE = 5,
        SERVER_RESET = 6,
        SERVER_CONNECTED_V2 = 7,
};

typedef struct GreeterText {
        const char *text; /* no NUL follows */
        size_t n;
} GreeterText;

/* What PAM asks and says at once. */
typedef struct GreeterPrompt {
        uint32_t sequence;
        GreeterText user;     /* as far as it is known */
        unsigned n_questions; /* of the messages */
        GreeterText secret;   /* the text of the only message, if that is a hidden question; else NULL */
} GreeterPrompt;

/* The length of the frame that @data begins with, 0 if more of it is needed to tell, -EMSGSIZE if it is too
 * long. */
int greeter_frame_length(const uint8_t *data, size_t n);
/* Which message a frame is; for this and what follows, @n is what greeter_frame_length() said. */
uint32_t greeter_frame_id(const uint8_t *frame, size_t n);

/* The fields of a frame of the kind that the name says. -EBADMSG if it is too short for them; what follows
 * them, in a version to come, is ignored. Texts point into @frame. */
int greeter_decode_prompt(const uint8_t *frame, size_t n, GreeterPrompt *ret);
int greeter_decode_end(const uint8_t *frame, size_t n, uint32_t *ret_sequence, uint32_t *ret_result);
int greeter_decode_session_result(const uint8_t *frame, size_t n, uint32_t *ret_result);
/* Of each of the three that begin an authentication. */
int greeter_decode_sequence(const uint8_t *frame, size_t n, uint32_t *ret_sequence);

/* Write a frame and return its length, 0 if @size is too small for it. */
size_t greeter_encode_authenticate(uint8_t *buffer, size_t size, uint32_t sequence, GreeterText user);
size_t greeter_encode_continue(uint8_t *buffer, size_t size, GreeterText answer);
/* The session that the user had last. */
size_t greeter_encode_start_session(uint8_t *buffer, size_t size);
size_t greeter_encode_cancel(uint8_t *buffer, size_t size);
