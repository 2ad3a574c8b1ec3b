/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include <string.h>

#include "cred-wire.h"
#include "greeter-wire.h"
#include "util/log.h"

/* Greeters count their authentications from 1. */
#define OURS UINT32_C(0x80000000)

typedef enum State {
        STATE_PASSING,
        STATE_BEGUN,     /* ours is; the question has to come */
        STATE_ANSWERED,  /* with the token; the result has to come */
        STATE_STARTING,  /* the session is; the result has to come */
        STATE_STARTED,   /* and LightDM ends the greeter, or puts it aside */
        STATE_RESTORING, /* the greeter's authentication is begun again */
} State;

/* How far the greeter's authentication is. */
typedef enum Conversation {
        CONVERSATION_NONE,   /* there is none, or it has failed */
        CONVERSATION_BUSY,   /* LightDM has to say something */
        CONVERSATION_ASKING, /* the greeter shows a question */
        CONVERSATION_DONE,   /* with success: the greeter starts a session now */
} Conversation;

/* A message to be kept. */
typedef struct Kept {
        uint8_t *frame;
        size_t n;
} Kept;

struct Relay {
        const RelayOps *ops;
        void *userdata;
        State state;
        uint32_t ours; /* sequence number of our last attempt */
        char token[CRED_TOKEN_LENGTH + 1];
        bool connected; /* the greeter is */

        Conversation conversation;
        uint32_t sequence; /* of the greeter's authentication */
        Kept begin;        /* what began it */
        Kept prompt;       /* what it asked last */
};

Relay *relay_new(const RelayOps *ops, void *userdata) {
        Relay *r = g_new0(Relay, 1);

        r->ops = ops;
        r->userdata = userdata;
        return r;
}

static void drop(Kept *k) {
        g_free(k->frame);
        *k = (Kept){};
}

static void keep(Kept *k, const uint8_t *frame, size_t n) {
        drop(k);
        *k = (Kept){g_memdup2(frame, n), n};
}

static void forget_token(Relay *r) {
        explicit_bzero(r->token, sizeof(r->token));
}

Relay *relay_free(Relay *r) {
        if (!r)
                return NULL;
        forget_token(r);
        drop(&r->begin);
        drop(&r->prompt);
        g_free(r);
        return NULL;
}

bool relay_is_attempting(const Relay *r) {
        return r->state != STATE_PASSING;
}

static void set_state(Relay *r, State state) {
        r->state = state;
        r->ops->step(state != STATE_PASSING, r->userdata);
}

static void to_server(Relay *r, const uint8_t *frame, size_t n) {
        r->ops->to_server(frame, n, r->userdata);
}

/* --- our own attempt ----------------------------------------------------------------------------------- */

/* Not while LightDM works on what somebody has typed, nor when it has let somebody in. */
static void begin_if_possible(Relay *r) {
        const GreeterText user = {RELAY_TOKEN_USER, strlen(RELAY_TOKEN_USER)};
        uint8_t frame[GREETER_SMALL_FRAME_MAX];

        if (r->token[0] == 0 || r->state != STATE_PASSING || !r->connected ||
            (r->conversation != CONVERSATION_NONE && r->conversation != CONVERSATION_ASKING))
                return;
        log_info("The host logs somebody in");
        r->ours = OURS | (r->ours + 1);
        to_server(r, frame, greeter_encode_authenticate(frame, sizeof(frame), r->ours, user));
        set_state(r, STATE_BEGUN);
}

/* The greeter's authentication from its begin, as the user whom LightDM named last: that is where the
 * question was that the greeter shows. */
static void begin_again(Relay *r) {
        uint8_t frame[GREETER_FRAME_MAX];
        GreeterPrompt prompt;
        size_t n = 0;

        if (greeter_frame_id(r->begin.frame, r->begin.n) == GREETER_AUTHENTICATE &&
            greeter_decode_prompt(r->prompt.frame, r->prompt.n, &prompt) >= 0)
                n = greeter_encode_authenticate(frame, sizeof(frame), r->sequence, prompt.user);
        if (n > 0)
                to_server(r, frame, n);
        else
                to_server(r, r->begin.frame, r->begin.n);
        r->conversation = CONVERSATION_BUSY;
        set_state(r, STATE_RESTORING);
}

/* LightDM still works on ours if it is @unfinished. */
static void give_back(Relay *r, bool unfinished) {
        uint8_t frame[GREETER_SMALL_FRAME_MAX];

        if (r->conversation == CONVERSATION_ASKING) {
                begin_again(r);
                return;
        }
        if (unfinished)
                to_server(r, frame, greeter_encode_cancel(frame, sizeof(frame)));
        set_state(r, STATE_PASSING);
}

static void answer(Relay *r) {
        uint8_t frame[GREETER_SMALL_FRAME_MAX];
        size_t n = greeter_encode_continue(frame, sizeof(frame), (GreeterText){r->token, strlen(r->token)});

        to_server(r, frame, n);
        explicit_bzero(frame, sizeof(frame));
        forget_token(r);
        set_state(r, STATE_ANSWERED);
}

static void on_our_prompt(Relay *r, const GreeterPrompt *prompt) {
        if (prompt->n_questions == 0)
                return;
        if (r->state == STATE_BEGUN && prompt->secret.n == strlen(CRED_QUESTION) &&
            memcmp(prompt->secret.text, CRED_QUESTION, prompt->secret.n) == 0) {
                answer(r);
                return;
        }
        if (r->state == STATE_BEGUN) {
                log_warning("LightDM does not ask for a token: does pam-service name a PAM service with "
                            "pam_ovirt_cred?");
                forget_token(r);
        } else
                log_warning(
                        "The user whom the host logs in is asked for more than a password: not logged in");
        give_back(r, true);
}

static void on_our_end(Relay *r, uint32_t result) {
        uint8_t frame[GREETER_SMALL_FRAME_MAX];

        if (r->state == STATE_ANSWERED && result == 0) {
                to_server(r, frame, greeter_encode_start_session(frame, sizeof(frame)));
                set_state(r, STATE_STARTING);
                return;
        }
        log_warning("The user whom the host logs in is not let in");
        if (r->state == STATE_BEGUN)
                forget_token(r);
        give_back(r, false);
}

static void on_our_session(Relay *r, uint32_t result) {
        if (result == 0) {
                log_info("The user whom the host logs in has a session");
                forget_token(r);
                set_state(r, STATE_STARTED);
                return;
        }
        log_warning("LightDM cannot start a session for the user whom the host logs in");
        give_back(r, false);
}

void relay_offer(Relay *r, const char *token) {
        (void) g_strlcpy(r->token, token, sizeof(r->token));
        begin_if_possible(r);
}

void relay_give_up(Relay *r) {
        switch (r->state) {
        case STATE_PASSING:
                return;
        case STATE_STARTED: /* somewhere else, and the greeter is still there */
                give_back(r, false);
                break;
        case STATE_RESTORING:
                set_state(r, STATE_PASSING);
                break;
        default:
                log_warning("LightDM has not logged the host's user in in time");
                if (r->state == STATE_BEGUN)
                        forget_token(r);
                give_back(r, true);
        }
        begin_if_possible(r);
}

/* --- what passes --------------------------------------------------------------------------------------- */

static void on_begin(Relay *r, const uint8_t *frame, size_t n) {
        uint32_t sequence;

        if (greeter_decode_sequence(frame, n, &sequence) < 0)
                return;
        r->sequence = sequence;
        r->conversation = CONVERSATION_BUSY;
        keep(&r->begin, frame, n);
        drop(&r->prompt);
}

void relay_from_greeter(Relay *r, const uint8_t *frame, size_t n) {
        switch (greeter_frame_id(frame, n)) {
        case GREETER_AUTHENTICATE:
        case GREETER_AUTHENTICATE_AS_GUEST:
        case GREETER_AUTHENTICATE_REMOTE:
                on_begin(r, frame, n);
                break;
        case GREETER_CONTINUE:
        case GREETER_CANCEL:
                if (r->conversation == CONVERSATION_ASKING)
                        r->conversation = CONVERSATION_BUSY;
                break;
        case GREETER_START_SESSION:
                r->conversation = CONVERSATION_BUSY;
                break;
        default:
                break;
        }
        to_server(r, frame, n);
}

static bool is_kept(const Kept *k, const uint8_t *frame, size_t n) {
        return k->n == n && memcmp(k->frame, frame, n) == 0;
}

/* Returns whether it is for the greeter. */
static bool on_prompt(Relay *r, const uint8_t *frame, size_t n) {
        GreeterPrompt prompt;
        bool shown;

        if (greeter_decode_prompt(frame, n, &prompt) < 0)
                return true;
        if (prompt.sequence & OURS) {
                if (prompt.sequence == r->ours && (r->state == STATE_BEGUN || r->state == STATE_ANSWERED))
                        on_our_prompt(r, &prompt);
                return false;
        }
        if (!r->begin.frame || prompt.sequence != r->sequence || prompt.n_questions == 0)
                return true;
        r->conversation = CONVERSATION_ASKING;
        /* The greeter shows it already, maybe with half an answer typed in. */
        shown = r->state == STATE_RESTORING && is_kept(&r->prompt, frame, n);
        if (r->state == STATE_RESTORING)
                set_state(r, STATE_PASSING);
        if (!shown)
                keep(&r->prompt, frame, n);
        return !shown;
}

static bool on_end(Relay *r, const uint8_t *frame, size_t n) {
        uint32_t sequence, result;

        if (greeter_decode_end(frame, n, &sequence, &result) < 0)
                return true;
        if (sequence & OURS) {
                if (sequence == r->ours && (r->state == STATE_BEGUN || r->state == STATE_ANSWERED))
                        on_our_end(r, result);
                return false;
        }
        if (sequence != r->sequence)
                return true;
        r->conversation = result == 0 ? CONVERSATION_DONE : CONVERSATION_NONE;
        if (r->state == STATE_RESTORING)
                set_state(r, STATE_PASSING);
        return true;
}

static bool on_session_result(Relay *r, const uint8_t *frame, size_t n) {
        uint32_t result;

        if (greeter_decode_session_result(frame, n, &result) < 0)
                return true;
        if (r->state == STATE_STARTING) {
                on_our_session(r, result);
                return false;
        }
        r->conversation = result == 0 ? CONVERSATION_DONE : CONVERSATION_NONE;
        return true;
}

/* The greeter stays for another time, and begins anew then. */
static void on_reset(Relay *r) {
        r->conversation = CONVERSATION_NONE;
        if (r->state != STATE_PASSING)
                set_state(r, STATE_PASSING);
}

void relay_from_server(Relay *r, const uint8_t *frame, size_t n) {
        bool passes = true;

        switch (greeter_frame_id(frame, n)) {
        case SERVER_CONNECTED:
        case SERVER_CONNECTED_V2:
                r->connected = true;
                break;
        case SERVER_PROMPT:
                passes = on_prompt(r, frame, n);
                break;
        case SERVER_END:
                passes = on_end(r, frame, n);
                break;
        case SERVER_SESSION_RESULT:
                passes = on_session_result(r, frame, n);
                break;
        case SERVER_IDLE:
        case SERVER_RESET:
                on_reset(r);
                break;
        default:
                break;
        }
        if (passes)
                r->ops->to_greeter(frame, n, r->userdata);
        begin_if_possible(r);
}
