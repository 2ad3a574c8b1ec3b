/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Single sign-on: what becomes of a user whom the host logs in. Where the seat shows a login screen or a
 * locked session, the credentials are offered to it; everywhere else they are dropped. */

#include "config.h"
#include "cred-server.h"
#include "logind.h"
#include "session-registry.h"

typedef struct SignOn SignOn;

/* Tells @token to the programs of user @uid, who show what the seat shows. A negative errno if it cannot be
 * told to anybody. */
typedef int (*SignOnAnnounce)(const char *token, uint32_t uid, void *userdata);

/* @server is NULL if there is none: then nothing is offered. All arguments outlive it. */
SignOn *sign_on_new(sd_event *event, const Config *config, const SessionRegistry *registry, Logind *logind,
                    CredServer *server, SignOnAnnounce announce, void *userdata);
SignOn *sign_on_free(SignOn *s);
DEFINE_CLEANUP(SignOn, sign_on_free)

/* The host's "login"; takes @c over. Says on the log what comes of it, and nothing of what is in it. */
void sign_on_login(SignOn *s, Credentials *c);

/* To be called when the sessions have changed: what was offered to a screen that is gone is withdrawn. */
void sign_on_sessions_settled(SignOn *s);
